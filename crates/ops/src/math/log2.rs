//! `log2`: the logarithm to base 2.

use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "log2",
    doc: "The logarithm to base 2: -inf at 0, NaN below.",
    source: "IEEE 754-2019, 9.2 (log2)",
    reference: Reference::Point(PointRef::float(|x| x[0].log2())),
    gradient: Gradient::Rule(|g| grads![g.dy() / (g.x(0) * std::f64::consts::LN_2)]),
    cases: Cases::Point(&[(0.1, 20.0)]),
    ..Op::UNARY
};

impl Tensor {
    /// The logarithm to base 2: -inf at 0, NaN below. Element-wise; integers become float32.
    #[track_caller]
    pub fn log2(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
