//! `sigmoid`: the logistic function.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "sigmoid",
    doc: "1 / (1 + e^-x).",
    source: "Keras 3 keras.ops.sigmoid",
    reference: Reference::Point(PointRef::float(|x| super::special::sigmoid(x[0]))),
    gradient: Gradient::Rule(|g| grads![g.dy() * g.y() * (1.0 - g.y())]),
    cases: Cases::Point(&[(-6.0, 6.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// 1 / (1 + e^-x). Element-wise; integers become float32. A binary crossentropy of the result is computed from
    /// `self`, as Keras on TensorFlow does.
    #[track_caller]
    pub fn sigmoid(&self) -> Tensor {
        float_unary(&OP, self).with_logits(self)
    }
}
