//! `softplus`: `ln(1 + e^x)`.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "softplus",
    doc: "ln(1 + e^x), without overflow.",
    source: "Keras 3 keras.ops.softplus",
    reference: Reference::Point(PointRef::float(|x| super::special::softplus(x[0]))),
    gradient: Gradient::Rule(|g| grads![g.dy() * g.x(0).sigmoid()]),
    cases: Cases::Point(&[(-6.0, 6.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// ln(1 + e^x), without overflow. Element-wise; integers become float32.
    #[track_caller]
    pub fn softplus(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
