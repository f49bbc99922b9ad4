//! `trigamma`: the derivative of `digamma`.

use super::special;
use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "trigamma",
    doc: "The derivative of digamma, the sum of 1 / (x + k)^2 over k from 0; infinite at 0 and the negative integers.",
    source: "DLMF 5.15.1",
    reference: Reference::Point(PointRef::float(|x| special::trigamma(x[0]))),
    gradient: Gradient::None("polygamma functions beyond the first are not among the ops"),
    cases: Cases::Point(&[(0.3, 9.0)]),
    max_rel_err_f32: 16.0 * f32::EPSILON as f64,
    ..Op::UNARY
};

impl Tensor {
    /// The derivative of [`Tensor::digamma`]. Element-wise; integers become float32.
    #[track_caller]
    pub fn trigamma(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
