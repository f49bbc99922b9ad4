//! `sqrt`: the square root.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "sqrt",
    doc: "The square root; NaN below zero. The derivative at 0 is infinite.",
    source: "IEEE 754-2019, 5.4.1 (squareRoot)",
    reference: Reference::Point(PointRef::float(|x| x[0].sqrt())),
    gradient: Gradient::Rule(|g| grads![g.dy() * 0.5 / g.y()]),
    cases: Cases::Point(&[(0.2, 9.0)]),
    max_rel_err_f32: f32::EPSILON as f64,
    ..Op::UNARY
};

impl Tensor {
    /// The square root; NaN below zero. The derivative at 0 is infinite. Element-wise; integers become float32.
    #[track_caller]
    pub fn sqrt(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
