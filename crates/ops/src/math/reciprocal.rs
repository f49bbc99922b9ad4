//! `reciprocal`: `1 / x`.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "reciprocal",
    doc: "1 / x: an infinity of the sign of x at 0.",
    source: "Keras 3 keras.ops.reciprocal",
    reference: Reference::Point(PointRef::float(|x| 1.0 / x[0])),
    gradient: Gradient::Rule(|g| grads![-g.dy() * g.y().square()]),
    cases: Cases::Point(&[(0.3, 3.0)]),
    max_rel_err_f32: f32::EPSILON as f64,
    ..Op::UNARY
};

impl Tensor {
    /// 1 / x: an infinity of the sign of x at 0. Element-wise; integers become float32.
    #[track_caller]
    pub fn reciprocal(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
