//! `cosh`: the hyperbolic cosine.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "cosh",
    doc: "(e^x + e^-x) / 2.",
    source: "IEEE 754-2019, 9.2 (cosh)",
    reference: Reference::Point(PointRef::float(|x| x[0].cosh())),
    gradient: Gradient::Rule(|g| grads![g.dy() * g.x(0).sinh()]),
    cases: Cases::Point(&[(-3.0, 3.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// (e^x + e^-x) / 2. Element-wise; integers become float32.
    #[track_caller]
    pub fn cosh(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
