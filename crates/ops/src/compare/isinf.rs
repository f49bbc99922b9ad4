//! `isinf`: whether x is an infinity.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "isinf",
    doc: "Whether x is an infinity: bool.",
    source: "Keras 3 keras.ops.isinf",
    infer: infer::predicate,
    reference: Reference::Point(PointRef::float(|x| f64::from(x[0].is_infinite()))),
    gradient: Gradient::Zero,
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// Whether x is an infinity, element-wise: bool. Integers and bools give false.
    #[track_caller]
    pub fn isinf(&self) -> Tensor {
        match self.ty() {
            Ok(ty) if !ty.dtype.is_inexact() && ty.dtype != DType::Str => Tensor::full(ty.shape, 0.0, DType::Bool),
            Ok(ty) if ty.dtype.is_complex() => self.real().isinf().logical_or(self.imag().isinf()),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }
}
