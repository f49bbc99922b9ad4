//! `log1p`: ln(1 + x), accurate near zero.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "log1p",
    doc: "ln(1 + x), accurate near zero. x = -1 gives -inf; x < -1 gives NaN.",
    source: "IEEE 754-2019, 9.2 (logp1)",
    reference: Reference::Point(PointRef::float(|x| x[0].ln_1p())),
    gradient: Gradient::Rule(|g| grads![g.dy() / (g.x(0) + 1.0)]),
    cases: Cases::Point(&[(-0.9, 20.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// ln(1 + x), accurate near zero. x = -1 gives -inf; x < -1 gives NaN. Element-wise; integers become float32.
    #[track_caller]
    pub fn log1p(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
