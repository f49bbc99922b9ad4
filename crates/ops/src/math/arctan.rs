//! `arctan`: the inverse tangent.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "arctan",
    doc: "The angle in [-pi/2, pi/2] whose tangent is x.",
    source: "IEEE 754-2019, 9.2 (atan)",
    reference: Reference::Point(PointRef::float(|x| x[0].atan())),
    gradient: Gradient::Rule(|g| grads![g.dy() / (g.x(0).square() + 1.0)]),
    cases: Cases::Point(&[(-4.0, 4.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// The angle in [-pi/2, pi/2] whose tangent is x. Element-wise; integers become float32.
    #[track_caller]
    pub fn arctan(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
