//! Elements by a mask.

use super::nonzero::data_dependent;
use crate::core::prelude::*;

impl Tensor {
    /// The slices where `mask`, whose shape is that of the first axes, is true.
    ///
    /// # Errors
    /// `data_dependent_shape` for a traced mask; `shape_mismatch`; `dtype_mismatch` for a mask that is not bool.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let x = Tensor::of([1, 2, 3]);
    /// assert_eq!(x.boolean_mask(&x.greater(1)).to_vec::<i32>()?, [2, 3]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn boolean_mask(&self, mask: &Tensor) -> Tensor {
        Tensor::lift(|| {
            check(self, mask)?;
            if mask.is_traced() {
                return Err(data_dependent("boolean_mask", "give a size with boolean_mask_sized, or use where"));
            }
            Ok(self.gather_nd(&mask.argwhere()))
        })
    }

    /// The first `size` slices where `mask` is true, and zeros after them.
    ///
    /// # Errors
    /// `shape_mismatch`; `dtype_mismatch` for a mask that is not bool.
    #[track_caller]
    pub fn boolean_mask_sized(&self, mask: &Tensor, size: usize) -> Tensor {
        Tensor::lift(|| {
            check(self, mask)?;
            let rank = mask.rank()?;
            let shape = self.shape()?;
            let n: usize = shape[..rank].iter().product();
            let flat: Shape = std::iter::once(n).chain(shape[rank..].iter().copied()).collect();
            // A slice of zeros at the end stands for what is missing.
            let widths: Vec<_> = (0..flat.rank()).map(|a| (0, usize::from(a == 0), 0)).collect();
            let places = mask.ravel().nonzero_sized(size, n as i64)?;
            Ok(self.reshape(flat).pad_interior(&widths, 0.0).take(&places[0], 0))
        })
    }
}

fn check(x: &Tensor, mask: &Tensor) -> Result<()> {
    let (shape, ty) = (x.shape()?, mask.ty()?);
    if ty.dtype != DType::Bool {
        fail!(DtypeMismatch, "mask: expected bool, found {}", ty.dtype);
    }
    if !shape.starts_with(&ty.shape) {
        fail!(ShapeMismatch, "mask: expected the first axes of {shape}, found {}", ty.shape);
    }
    Ok(())
}
