//! `gelu`: `x · Φ(x)`, Φ the normal distribution function.

use super::special;
use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "gelu",
    doc: "x Phi(x) = x (1 + erf(x / sqrt(2))) / 2.",
    source: "Keras 3 keras.ops.gelu with approximate=False",
    reference: Reference::Point(PointRef::float(|x| x[0] * special::normal_cdf(x[0]))),
    gradient: Gradient::Rule(|g| {
        let x = g.x(0);
        let cdf = (x * -std::f64::consts::FRAC_1_SQRT_2).erfc() * 0.5;
        let density =
            (x.square() * -0.5).exp() * (0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
        grads![g.dy() * (cdf + x * density)]
    }),
    // Phi errs by a few units in the last place of 1, so that the product errs relative to x and not to itself.
    max_rel_err_f32: 1024.0 * f32::EPSILON as f64,
    ..Op::UNARY
};

impl Tensor {
    /// `x · Φ(x)`, Φ the normal distribution function; with `approximate` (Keras's default) by its tanh approximation,
    /// `x · sigmoid(2 √(2/π) (x + 0.044715 x³))`. Element-wise; integers become float32.
    #[track_caller]
    pub fn gelu(&self, approximate: bool) -> Tensor {
        float_unary(if approximate { &super::gelu_tanh::OP } else { &OP }, self)
    }
}
