//! `floor`: whole numbers, towards minus infinity.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "floor",
    doc: "x rounded towards minus infinity.",
    source: "Keras 3 keras.ops.floor",
    reference: Reference::Point(PointRef::float(|x| x[0].floor())),
    gradient: Gradient::Zero,
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// x rounded towards minus infinity. Element-wise; integers become float32.
    #[track_caller]
    pub fn floor(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
