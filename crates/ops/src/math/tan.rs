//! `tan`: the tangent.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "tan",
    doc: "The tangent of an angle in radians; NaN for infinities.",
    source: "IEEE 754-2019, 9.2 (tan)",
    reference: Reference::Point(PointRef::float(|x| x[0].tan())),
    gradient: Gradient::Rule(|g| grads![g.dy() * (g.y().square() + 1.0)]),
    cases: Cases::Point(&[(-1.2, 1.2)]),
    ..Op::UNARY
};

impl Tensor {
    /// The tangent of an angle in radians; NaN for infinities. Element-wise; integers become float32.
    #[track_caller]
    pub fn tan(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
