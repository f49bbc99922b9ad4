//! `exp`: e^x.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "exp",
    doc: "e^x.",
    source: "Keras 3 keras.ops.exp",
    reference: Reference::Point(PointRef::float(|x| x[0].exp())),
    gradient: Gradient::Rule(|g| grads![g.dy() * g.y()]),
    cases: Cases::Point(&[(-5.0, 5.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// e^x. Element-wise; integers become float32.
    #[track_caller]
    pub fn exp(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
