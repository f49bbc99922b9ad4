//! `i1`: the modified Bessel function of order 1.

use super::special;
use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "i1",
    doc: "The modified Bessel function of the first kind of order 1.",
    source: "DLMF 10.25.2",
    reference: Reference::Point(PointRef::float(|x| special::bessel_i(1, x[0]))),
    gradient: Gradient::Rule(|g| {
        // i1' = i0 - i1 / x, which is 1/2 at 0.
        let (x, zero) = (g.x(0), g.x(0).equal(0.0));
        let ratio = zero.where_(0.5, g.y() / zero.where_(1.0, x));
        grads![g.dy() * (x.i0() - ratio)]
    }),
    cases: Cases::Point(&[(-6.0, 6.0)]),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::UNARY
};

impl Tensor {
    /// The modified Bessel function of the first kind of order 1. Element-wise; integers become float32.
    #[track_caller]
    pub fn i1(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
