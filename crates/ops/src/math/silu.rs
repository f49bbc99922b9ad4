//! `silu`: `x · sigmoid(x)`.

use super::special;
use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "silu",
    doc: "x / (1 + e^-x), also called swish.",
    source: "Keras 3 keras.ops.silu",
    reference: Reference::Point(PointRef::float(|x| x[0] * special::sigmoid(x[0]))),
    gradient: Gradient::Rule(|g| {
        let s = g.x(0).sigmoid();
        grads![g.dy() * &s * (g.x(0) * (1.0 - &s) + 1.0)]
    }),
    cases: Cases::Point(&[(-6.0, 6.0)]),
    ..Op::UNARY
};

impl Tensor {
    #[doc(alias = "swish")]
    /// `x / (1 + e^-x)`, also called swish. Element-wise; integers become float32.
    #[track_caller]
    pub fn silu(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
