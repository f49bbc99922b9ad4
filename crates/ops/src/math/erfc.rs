//! `erfc`: the complementary error function.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "erfc",
    doc: "1 - erf(x), accurate where erf(x) is near 1.",
    source: "DLMF 7.2.2",
    reference: Reference::Point(PointRef::float(|x| libm::erfc(x[0]))),
    gradient: Gradient::Rule(|g| grads![-g.dy() * (-g.x(0).square()).exp() * std::f64::consts::FRAC_2_SQRT_PI]),
    cases: Cases::Point(&[(-2.0, 4.0)]),
    max_rel_err_f32: 64.0 * f32::EPSILON as f64,
    ..Op::UNARY
};

impl Tensor {
    /// 1 - erf(x), accurate where erf(x) is near 1. Element-wise; integers become float32.
    #[track_caller]
    pub fn erfc(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
