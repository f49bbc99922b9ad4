//! `log`: ln x.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "log",
    doc: "ln x. x = 0 gives -inf; x < 0 gives NaN.",
    source: "Keras 3 keras.ops.log",
    reference: Reference::Point(PointRef::float(|x| x[0].ln())),
    gradient: Gradient::Rule(|g| grads![g.dy() / g.x(0)]),
    cases: Cases::Point(&[(0.1, 5.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// ln x. x = 0 gives -inf; x < 0 gives NaN. Element-wise; integers become float32.
    #[track_caller]
    pub fn log(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
