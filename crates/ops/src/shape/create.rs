//! Tensors from a shape and a value.

use crate::core::prelude::*;

impl Tensor {
    /// Zeros.
    #[track_caller]
    pub fn zeros(shape: impl Into<Shape>, dtype: DType) -> Tensor {
        Tensor::full(shape, 0.0, dtype)
    }

    /// Ones.
    #[track_caller]
    pub fn ones(shape: impl Into<Shape>, dtype: DType) -> Tensor {
        Tensor::full(shape, 1.0, dtype)
    }

    /// `value` everywhere.
    #[track_caller]
    pub fn full(shape: impl Into<Shape>, value: f64, dtype: DType) -> Tensor {
        Tensor::from_result(Array::full(dtype, [], value)).broadcast_to(shape)
    }

    /// Zeros of the dtype and shape of `other`.
    #[track_caller]
    pub fn zeros_like(other: &Tensor) -> Tensor {
        Tensor::full_like(other, 0.0)
    }

    /// Ones of the dtype and shape of `other`.
    #[track_caller]
    pub fn ones_like(other: &Tensor) -> Tensor {
        Tensor::full_like(other, 1.0)
    }

    /// `value` in the dtype and shape of `other`.
    #[track_caller]
    pub fn full_like(other: &Tensor, value: f64) -> Tensor {
        match other.ty() {
            Ok(ty) => Tensor::full(ty.shape, value, ty.dtype),
            Err(error) => Tensor::failed(error),
        }
    }

    /// A tensor whose values do not matter: zeros.
    #[track_caller]
    pub fn empty(shape: impl Into<Shape>, dtype: DType) -> Tensor {
        Tensor::zeros(shape, dtype)
    }
}
