//! `arccos`: the inverse cosine.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "arccos",
    doc: "The angle in [0, pi] whose cosine is x; NaN outside [-1, 1].",
    source: "IEEE 754-2019, 9.2 (acos)",
    reference: Reference::Point(PointRef::float(|x| x[0].acos())),
    gradient: Gradient::Rule(|g| grads![-g.dy() * (1.0 - g.x(0).square()).rsqrt()]),
    cases: Cases::Point(&[(-0.9, 0.9)]),
    ..Op::UNARY
};

impl Tensor {
    /// The angle in [0, pi] whose cosine is x; NaN outside [-1, 1]. Element-wise; integers become float32.
    #[track_caller]
    pub fn arccos(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
