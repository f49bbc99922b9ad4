//! `sinh`: the hyperbolic sine.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "sinh",
    doc: "(e^x - e^-x) / 2.",
    source: "IEEE 754-2019, 9.2 (sinh)",
    reference: Reference::Point(PointRef::float(|x| x[0].sinh())),
    gradient: Gradient::Rule(|g| grads![g.dy() * g.x(0).cosh()]),
    cases: Cases::Point(&[(-3.0, 3.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// (e^x - e^-x) / 2. Element-wise; integers become float32.
    #[track_caller]
    pub fn sinh(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
