//! `log10`: the logarithm to base 10.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "log10",
    doc: "The logarithm to base 10: -inf at 0, NaN below.",
    source: "IEEE 754-2019, 9.2 (log10)",
    reference: Reference::Point(PointRef::float(|x| x[0].log10())),
    gradient: Gradient::Rule(|g| grads![g.dy() / (g.x(0) * std::f64::consts::LN_10)]),
    cases: Cases::Point(&[(0.1, 20.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// The logarithm to base 10: -inf at 0, NaN below. Element-wise; integers become float32.
    #[track_caller]
    pub fn log10(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
