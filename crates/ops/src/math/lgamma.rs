//! `lgamma`: the logarithm of the gamma function.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "lgamma",
    doc: "ln |gamma(x)|: infinite at 0 and the negative integers.",
    source: "DLMF 5.2.1; TensorFlow tf.math.lgamma",
    reference: Reference::Point(PointRef::float(|x| libm::lgamma(x[0]))),
    gradient: Gradient::Rule(|g| grads![g.dy() * g.x(0).digamma()]),
    cases: Cases::Point(&[(0.3, 9.0)]),
    max_rel_err_f32: 16.0 * f32::EPSILON as f64,
    ..Op::UNARY
};

impl Tensor {
    /// ln |gamma(x)|: infinite at 0 and the negative integers. Element-wise; integers become float32.
    #[track_caller]
    pub fn lgamma(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
