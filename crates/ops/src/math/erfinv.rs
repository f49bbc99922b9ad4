//! `erfinv`: the inverse of the error function.

use super::special;
use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "erfinv",
    doc: "The number whose error function is x: infinite at -1 and 1, NaN beyond.",
    source: "Keras 3 keras.ops.erfinv",
    reference: Reference::Point(PointRef::float(|x| special::erf_inv(x[0]))),
    gradient: Gradient::Rule(|g| grads![g.dy() * g.y().square().exp() * (1.0 / std::f64::consts::FRAC_2_SQRT_PI)]),
    cases: Cases::Point(&[(-0.9, 0.9)]),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::UNARY
};

impl Tensor {
    /// The number whose error function is x; infinite at ±1, NaN beyond. Element-wise; integers become float32.
    #[track_caller]
    pub fn erfinv(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
