//! `fmod`: the remainder with the dividend's sign.

use crate::arithmetic::{Arg, count_bools};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "fmod",
    doc: "a - b trunc(a / b), element-wise with broadcasting: C's fmod, with the sign of a. Integers by 0 give 0.",
    source: "Keras 3 keras.ops.fmod",
    dtypes: DTypes::Real,
    reference: Reference::Point(
        PointRef::real(|x| x[0] % x[1], |x| if x[1] == 0 { 0 } else { x[0].wrapping_rem(x[1]) })
            .with_uint(|x| x[0].checked_rem(x[1]).unwrap_or(0)),
    ),
    gradient: Gradient::Rule(|g| grads![g.want(0, || g.dy()), g.want(1, || -g.dy() * (g.x(0) / g.x(1)).trunc())]),
    cases: Cases::Point(&[(-9.0, 9.0), (0.5, 3.0)]),
    ..Op::BINARY
};

impl Tensor {
    /// The remainder with the sign of the dividend, element-wise with broadcasting. Bools count as int32.
    #[track_caller]
    pub fn fmod(&self, divisor: impl Into<Arg>) -> Tensor {
        count_bools(&OP, self, divisor)
    }
}
