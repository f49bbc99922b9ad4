//! `arccosh`: the inverse hyperbolic cosine.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "arccosh",
    doc: "The number of at least 0 whose hyperbolic cosine is x; NaN below 1.",
    source: "IEEE 754-2019, 9.2 (acosh)",
    reference: Reference::Point(PointRef::float(|x| libm::acosh(x[0]))),
    gradient: Gradient::Rule(|g| grads![g.dy() * ((g.x(0) - 1.0) * (g.x(0) + 1.0)).rsqrt()]),
    cases: Cases::Point(&[(1.2, 6.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// The number of at least 0 whose hyperbolic cosine is x; NaN below 1. Element-wise; integers become float32.
    #[track_caller]
    pub fn arccosh(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
