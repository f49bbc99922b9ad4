//! Scatters by the names they have in Keras.

use super::ScatterMode;
use crate::core::prelude::*;

impl Tensor {
    /// Zeros of this shape with `values` added at the places that the last axis of `indices` names.
    ///
    /// # Errors
    /// As [`Tensor::scatter_nd`].
    #[track_caller]
    pub fn scatter(indices: &Tensor, values: &Tensor, shape: impl Into<Shape>) -> Tensor {
        match values.dtype() {
            Ok(dtype) => Tensor::zeros(shape, dtype).scatter_nd(indices, values, ScatterMode::Add),
            Err(error) => Tensor::failed(error),
        }
    }

    /// This tensor with `updates`, in its dtype, at the places that the last axis of `indices` names.
    ///
    /// # Errors
    /// As [`Tensor::scatter_nd`].
    ///
    /// ```
    /// use cornet_ops::{ScatterMode, Tensor};
    /// let x = Tensor::of([1, 1, 1]);
    /// let y = x.scatter_update(&Tensor::of([[0], [0]]), &Tensor::of([2, 3]), ScatterMode::Add);
    /// assert_eq!(y.to_vec::<i32>()?, [6, 1, 1]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn scatter_update(&self, indices: &Tensor, updates: &Tensor, mode: ScatterMode) -> Tensor {
        self.scatter_nd(indices, &updates.cast_like(self), mode)
    }
}
