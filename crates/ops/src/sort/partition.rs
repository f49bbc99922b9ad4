//! Partial orders, met by full sorts.

use crate::core::prelude::*;

impl Tensor {
    /// Indices under which the element at place `kth` of an axis is the one that sorting puts there, with lesser ones
    /// before and greater ones after it.
    ///
    /// # Errors
    /// `out_of_range` for a place or axis that does not exist.
    #[track_caller]
    pub fn argpartition(&self, kth: isize, axis: isize) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let n = shape[shape.axis(axis)?];
            crate::index::wrap(kth as i64, n, shape.axis(axis)?)?;
            Ok(self.argsort(axis))
        })
    }

    /// Whether each element occurs in `values`; with `invert`, whether it does not.
    #[track_caller]
    pub fn isin(&self, values: &Tensor, invert: bool) -> Tensor {
        Tensor::lift(|| {
            let dtype = crate::arithmetic::common_dtype(&[self.into(), values.into()])?;
            let sorted = values.cast(dtype).ravel().sort(0);
            let x = self.cast(dtype);
            let n = sorted.shape()?[0];
            if n == 0 {
                return Ok(Tensor::full(x.shape()?, f64::from(u8::from(invert)), DType::Bool));
            }
            let at = sorted.searchsorted(&x, false).minimum(n as i64 - 1);
            let found = sorted.take(&at, 0);
            Ok(if invert { x.not_equal(&found) } else { x.equal(&found) })
        })
    }

    /// The places, one int32 tensor an axis, that flat row-major indices name in a tensor of this `shape`.
    ///
    /// # Errors
    /// `dtype_mismatch` for indices that are no integers.
    #[track_caller]
    pub fn unravel_index(&self, shape: &[usize]) -> Result<Vec<Tensor>> {
        crate::index::index_dtype(self.dtype()?)?;
        let total: usize = Shape::checked(shape, 1)?.elements();
        let wide = self.cast(DType::I64);
        let mut rest = wide.less(0).where_(&wide + total as i64, &wide);
        let mut places = Vec::with_capacity(shape.len());
        for &n in shape.iter().rev() {
            let over = rest.floor_divide(n.max(1) as i64);
            places.push((&rest - &over * n.max(1) as i64).cast_like(self));
            rest = over;
        }
        places.reverse();
        Ok(places)
    }
}
