//! `gelu_tanh`: the tanh approximation of `gelu`.

use super::special;
use crate::core::prelude::*;

/// √(2/π)
const SCALE: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
const CUBIC: f64 = 0.044715;

/// The op.
pub static OP: Op = Op {
    name: "gelu_tanh",
    doc: "x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.",
    source: "Keras 3 keras.ops.gelu with approximate=True",
    reference: Reference::Point(PointRef::float(|x| {
        let x = x[0];
        x * special::sigmoid(2.0 * SCALE * (x + CUBIC * x * x * x))
    })),
    gradient: Gradient::Rule(|g| {
        let x = g.x(0);
        let square = x.square();
        let s = ((&square * (2.0 * SCALE * CUBIC) + 2.0 * SCALE) * x).sigmoid();
        let slope = &square * (6.0 * SCALE * CUBIC) + 2.0 * SCALE;
        grads![g.dy() * (&s + x * &s * (1.0 - &s) * slope)]
    }),
    // As for gelu.
    max_rel_err_f32: 1024.0 * f32::EPSILON as f64,
    ..Op::UNARY
};
