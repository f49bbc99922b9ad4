//! `i0`: the modified Bessel function of order 0.

use super::special;
use crate::arithmetic::float_unary;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "i0",
    doc: "The modified Bessel function of the first kind of order 0.",
    source: "Keras 3 keras.ops.i0; DLMF 10.25.2",
    reference: Reference::Point(PointRef::float(|x| special::bessel_i(0, x[0]))),
    gradient: Gradient::Rule(|g| grads![g.dy() * g.x(0).i1()]),
    cases: Cases::Point(&[(-6.0, 6.0)]),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::UNARY
};

impl Tensor {
    /// The modified Bessel function of the first kind of order 0. Element-wise; integers become float32.
    #[track_caller]
    pub fn i0(&self) -> Tensor {
        float_unary(&OP, self)
    }
}
