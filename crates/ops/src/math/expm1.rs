//! `expm1`: e^x - 1.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "expm1",
    doc: "e^x - 1, accurate near zero.",
    source: "IEEE 754-2019, 9.2 (expm1)",
    reference: Reference::Point(PointRef::float(|x| x[0].exp_m1())),
    gradient: Gradient::Rule(|g| grads![g.dy() * (g.y() + 1.0)]),
    cases: Cases::Point(&[(-4.0, 4.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// e^x - 1, accurate near zero. Element-wise; integers become float32.
    #[track_caller]
    pub fn expm1(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
