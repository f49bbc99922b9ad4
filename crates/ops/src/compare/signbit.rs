//! `signbit`: whether the sign bit is set.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "signbit",
    doc: "Whether the sign bit of x is set, which it is for -0.0 too: bool.",
    source: "Keras 3 keras.ops.signbit",
    dtypes: DTypes::Real,
    infer: infer::predicate,
    reference: Reference::Point(
        PointRef::real(|x| f64::from(x[0].is_sign_negative()), |x| i64::from(x[0] < 0)).with_uint(|_| 0),
    ),
    gradient: Gradient::Zero,
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// Whether the sign bit is set, element-wise: bool. False for bools.
    #[track_caller]
    pub fn signbit(&self) -> Tensor {
        match self.ty() {
            Ok(ty) if ty.dtype == DType::Bool => Tensor::zeros(ty.shape, DType::Bool),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }
}
