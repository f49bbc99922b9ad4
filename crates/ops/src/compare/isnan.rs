//! `isnan`: whether x is NaN.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "isnan",
    doc: "Whether x is NaN: bool.",
    source: "Keras 3 keras.ops.isnan",
    infer: infer::predicate,
    reference: Reference::Point(PointRef::float(|x| f64::from(x[0].is_nan()))),
    gradient: Gradient::Zero,
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// Whether x is NaN, element-wise: bool. Integers and bools give false.
    #[track_caller]
    pub fn isnan(&self) -> Tensor {
        match self.ty() {
            Ok(ty) if !ty.dtype.is_inexact() && ty.dtype != DType::Str => Tensor::full(ty.shape, 0.0, DType::Bool),
            Ok(ty) if ty.dtype.is_complex() => self.real().isnan().logical_or(self.imag().isnan()),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }
}
