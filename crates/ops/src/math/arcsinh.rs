//! `arcsinh`: the inverse hyperbolic sine.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "arcsinh",
    doc: "The number whose hyperbolic sine is x.",
    source: "IEEE 754-2019, 9.2 (asinh)",
    reference: Reference::Point(PointRef::float(|x| libm::asinh(x[0]))),
    gradient: Gradient::Rule(|g| grads![g.dy() * (g.x(0).square() + 1.0).rsqrt()]),
    cases: Cases::Point(&[(-4.0, 4.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// The number whose hyperbolic sine is x. Element-wise; integers become float32.
    #[track_caller]
    pub fn arcsinh(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
