//! `ceil`: whole numbers, towards plus infinity.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "ceil",
    doc: "x rounded towards plus infinity.",
    source: "Keras 3 keras.ops.ceil",
    reference: Reference::Point(PointRef::float(|x| x[0].ceil())),
    gradient: Gradient::Zero,
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// x rounded towards plus infinity. Element-wise; integers become float32.
    #[track_caller]
    pub fn ceil(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
