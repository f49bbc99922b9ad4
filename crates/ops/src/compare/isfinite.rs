//! `isfinite`: whether x is neither NaN nor an infinity.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "isfinite",
    doc: "Whether x is neither NaN nor an infinity: bool.",
    source: "Keras 3 keras.ops.isfinite",
    infer: infer::predicate,
    reference: Reference::Point(PointRef::float(|x| f64::from(x[0].is_finite()))),
    gradient: Gradient::Zero,
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// Whether x is neither NaN nor an infinity, element-wise: bool. Integers and bools give true.
    #[track_caller]
    pub fn isfinite(&self) -> Tensor {
        match self.ty() {
            Ok(ty) if !ty.dtype.is_inexact() && ty.dtype != DType::Str => Tensor::full(ty.shape, 1.0, DType::Bool),
            Ok(ty) if ty.dtype.is_complex() => self.real().isfinite().logical_and(self.imag().isfinite()),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }
}
