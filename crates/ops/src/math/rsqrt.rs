//! `rsqrt`: `1 / sqrt(x)`.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "rsqrt",
    doc: "1 / sqrt(x): infinite at 0, NaN below.",
    source: "Keras 3 keras.ops.rsqrt; IEEE 754-2019, 9.2 (rSqrt)",
    reference: Reference::Point(PointRef::float(|x| 1.0 / x[0].sqrt())),
    gradient: Gradient::Rule(|g| grads![g.dy() * -0.5 * g.y() / g.x(0)]),
    cases: Cases::Point(&[(0.2, 9.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// 1 / sqrt(x): infinite at 0, NaN below. Element-wise; integers become float32.
    #[track_caller]
    pub fn rsqrt(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
