//! `tanh`: The hyperbolic tangent.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "tanh",
    doc: "The hyperbolic tangent.",
    source: "Keras 3 keras.ops.tanh",
    reference: Reference::Point(PointRef::float(|x| x[0].tanh())),
    gradient: Gradient::Rule(|g| grads![g.dy() * (1.0 - g.y() * g.y())]),
    cases: Cases::Point(&[(-4.0, 4.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// The hyperbolic tangent. Element-wise; integers become float32.
    #[track_caller]
    pub fn tanh(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
