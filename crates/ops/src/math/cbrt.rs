//! `cbrt`: the cube root.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "cbrt",
    doc: "The real cube root, negative below zero.",
    source: "Keras 3 keras.ops.cbrt",
    reference: Reference::Point(PointRef::float(|x| x[0].cbrt())),
    gradient: Gradient::Rule(|g| grads![g.dy() * g.y() / (g.x(0) * 3.0)]),
    cases: Cases::Point(&[(0.2, 9.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// The real cube root, negative below zero. Element-wise; integers become float32.
    #[track_caller]
    pub fn cbrt(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
