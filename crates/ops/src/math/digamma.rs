//! `digamma`: the derivative of `lgamma`.

use super::special;
use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "digamma",
    doc: "The derivative of ln |gamma(x)|; NaN at the negative integers.",
    source: "DLMF 5.2.2; TensorFlow tf.math.digamma",
    reference: Reference::Point(PointRef::float(|x| special::digamma(x[0]))),
    gradient: Gradient::Rule(|g| grads![g.dy() * g.x(0).trigamma()]),
    cases: Cases::Point(&[(2.0, 9.0)]),
    max_rel_err_f32: 16.0 * f32::EPSILON as f64,
    ..Op::UNARY
};

impl Tensor {
    /// The derivative of [`Tensor::lgamma`]. Element-wise; integers become float32.
    #[track_caller]
    pub fn digamma(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
