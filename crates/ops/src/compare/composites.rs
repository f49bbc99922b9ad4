//! Predicates written with others.

use crate::arithmetic::{Arg, common_dtype};
use crate::core::prelude::*;

impl Tensor {
    /// Whether x is +∞, element-wise: bool.
    #[track_caller]
    pub fn isposinf(&self) -> Tensor {
        self.isinf().logical_and(self.signbit().logical_not())
    }

    /// Whether x is -∞, element-wise: bool.
    #[track_caller]
    pub fn isneginf(&self) -> Tensor {
        self.isinf().logical_and(self.signbit())
    }

    /// Whether `|a - b| <= atol + rtol |b|`, element-wise with broadcasting: bool. Infinities are close to themselves
    /// alone, NaN to NaN only with `equal_nan`. Keras's defaults are `rtol = 1e-5`, `atol = 1e-8`.
    #[track_caller]
    pub fn isclose(&self, other: impl Into<Arg>, rtol: f64, atol: f64, equal_nan: bool) -> Tensor {
        let other = other.into();
        Tensor::lift(|| {
            let dtype = match common_dtype(&[self.into(), other.clone()])? {
                d if d.is_inexact() => d,
                DType::Bool => DType::F32,
                // Whole numbers beyond 2^24 must not be rounded before they are compared.
                _ => DType::F64,
            };
            let (a, b) = (self.cast(dtype), other.to(dtype)?);
            let near = (&a - &b).absolute().less_equal(b.absolute() * rtol + atol);
            let close = a.equal(&b).logical_or(near.logical_and(b.isfinite()));
            Ok(if equal_nan { close.logical_or(a.isnan().logical_and(b.isnan())) } else { close })
        })
    }

    /// Whether all elements are close, as one bool; see [`Tensor::isclose`].
    #[track_caller]
    pub fn allclose(&self, other: impl Into<Arg>, rtol: f64, atol: f64, equal_nan: bool) -> Tensor {
        self.isclose(other, rtol, atol, equal_nan).all(&[], false)
    }
}
