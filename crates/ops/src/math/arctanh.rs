//! `arctanh`: the inverse hyperbolic tangent.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "arctanh",
    doc: "The number whose hyperbolic tangent is x: infinite at -1 and 1, NaN beyond.",
    source: "IEEE 754-2019, 9.2 (atanh)",
    reference: Reference::Point(PointRef::float(|x| libm::atanh(x[0]))),
    gradient: Gradient::Rule(|g| grads![g.dy() / (1.0 - g.x(0).square())]),
    cases: Cases::Point(&[(-0.9, 0.9)]),
    ..Op::UNARY
};

impl Tensor {
    /// The number whose hyperbolic tangent is x: infinite at -1 and 1, NaN beyond. Element-wise; integers become float32.
    #[track_caller]
    pub fn arctanh(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
