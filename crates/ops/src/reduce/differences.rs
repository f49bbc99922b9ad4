//! Differences and integrals along an axis.

use crate::arithmetic::Arg;
use crate::core::prelude::*;

impl Tensor {
    /// The differences of neighbours along an axis, taken `n` times: `x[i + 1] - x[i]`.
    #[track_caller]
    pub fn diff(&self, n: usize, axis: isize) -> Tensor {
        Tensor::lift(|| {
            let mut x = self.clone();
            for _ in 0..n {
                let size = x.shape()?[x.shape()?.axis(axis)?];
                let (first, rest) = (size.min(1), size.saturating_sub(1));
                let (after, before) = (x.slice_axis(axis, first, rest), x.slice_axis(axis, 0, rest));
                x = if x.dtype()? == DType::Bool { after.logical_xor(before) } else { after - before };
            }
            Ok(x)
        })
    }

    /// The integral along an axis by the trapezoidal rule, of values `dx` apart, or at the places `x`: of the values'
    /// shape, or a vector along the axis. Integers become float32.
    ///
    /// # Errors
    /// `shape_mismatch` where the places do not fit.
    #[track_caller]
    pub fn trapezoid(&self, x: Option<&Tensor>, dx: impl Into<Arg>, axis: isize) -> Tensor {
        let dx = dx.into();
        Tensor::lift(|| {
            let y = self.to_float();
            let shape = y.shape()?;
            let axis = shape.axis(axis)?;
            let rest = shape[axis].saturating_sub(1);
            let at = axis as isize;
            let sums = y.slice_axis(at, shape[axis].min(1), rest) + y.slice_axis(at, 0, rest);
            let areas = match x {
                None => sums * dx,
                Some(x) if x.rank()? == 1 => {
                    let along: Shape = (0..shape.rank()).map(|a| if a == axis { rest } else { 1 }).collect();
                    sums * x.diff(1, 0).reshape(along)
                }
                Some(x) => sums * x.diff(1, at),
            };
            Ok(areas.sum(&[at], false) * 0.5)
        })
    }
}
