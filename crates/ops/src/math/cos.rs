//! `cos`: the cosine.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "cos",
    doc: "The cosine of an angle in radians; NaN for infinities.",
    source: "IEEE 754-2019, 9.2 (cos)",
    reference: Reference::Point(PointRef::float(|x| x[0].cos())),
    gradient: Gradient::Rule(|g| grads![-g.dy() * g.x(0).sin()]),
    cases: Cases::Point(&[(-3.0, 3.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// The cosine of an angle in radians; NaN for infinities. Element-wise; integers become float32.
    #[track_caller]
    pub fn cos(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
