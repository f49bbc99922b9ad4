//! `erf`: the error function.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "erf",
    doc: "2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.",
    source: "DLMF 7.2.1",
    reference: Reference::Point(PointRef::float(|x| libm::erf(x[0]))),
    gradient: Gradient::Rule(|g| grads![g.dy() * (-g.x(0).square()).exp() * std::f64::consts::FRAC_2_SQRT_PI]),
    cases: Cases::Point(&[(-3.0, 3.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x. Element-wise; integers become float32.
    #[track_caller]
    pub fn erf(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
