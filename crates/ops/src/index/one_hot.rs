//! Classes as vectors of zeros and ones.

use crate::core::prelude::*;

impl Tensor {
    /// A new axis of `classes` at `axis`, one where its index is the class and zero elsewhere. A class outside 0 to
    /// `classes - 1` gives zeros alone.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// use cornet_tensor::DType;
    /// assert_eq!(Tensor::of([1, 0]).one_hot(2, -1, DType::F32).to_vec::<f32>()?, [0.0, 1.0, 1.0, 0.0]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `out_of_range` for an axis that the result does not have; `dtype_mismatch` for classes that are no integers.
    #[track_caller]
    pub fn one_hot(&self, classes: usize, axis: isize, dtype: DType) -> Tensor {
        Tensor::lift(|| {
            super::index_dtype(self.dtype()?)?;
            let raised = self.cast(DType::I64).expand_dims(&[axis]);
            let rank = raised.rank()?;
            let at = raised.shape()?.axis(axis)?;
            let column: Shape = (0..rank).map(|a| if a == at { classes } else { 1 }).collect();
            Ok(raised.equal(Tensor::iota(column, at as isize, DType::I64)).cast(dtype))
        })
    }

    /// Of classes along an axis, which vanishes, a vector of `classes` along `axis` of the result: one for each class
    /// that occurs.
    ///
    /// # Errors
    /// As [`Tensor::one_hot`].
    #[track_caller]
    pub fn multi_hot(&self, classes: usize, axis: isize, dtype: DType) -> Tensor {
        Tensor::lift(|| {
            // As in Keras, the classes to merge are on axis 1 of a batch, or on the only axis.
            let reduced = if self.rank()? > 1 { 1 } else { 0 };
            let hot = self.one_hot(classes, axis, DType::I32);
            Ok(hot.sum(&[reduced], false).greater(0).cast(dtype))
        })
    }
}
