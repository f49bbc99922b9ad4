//! `mod`: the remainder with the divisor's sign.

use super::special::floor_mod;
use crate::arithmetic::{Arg, count_bools};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "mod",
    doc: "a - b floor(a / b), element-wise with broadcasting: Python's %, with the sign of b. Integers by 0 give 0.",
    source: "Keras 3 keras.ops.mod",
    dtypes: DTypes::Real,
    reference: Reference::Point(
        PointRef::real(
            |x| floor_mod(x[0], x[1]),
            |x| match x[1] {
                0 => 0,
                b => {
                    let r = x[0].wrapping_rem(b);
                    if r != 0 && (r < 0) != (b < 0) { r + b } else { r }
                }
            },
        )
        .with_uint(|x| x[0].checked_rem(x[1]).unwrap_or(0)),
    ),
    gradient: Gradient::Rule(|g| grads![g.want(0, || g.dy()), g.want(1, || -g.dy() * g.x(0).floor_divide(g.x(1)))]),
    cases: Cases::Point(&[(-9.0, 9.0), (0.5, 3.0)]),
    ..Op::BINARY
};

impl Tensor {
    #[doc(alias = "mod")]
    /// The remainder with the sign of the divisor (Python's `%`), element-wise with broadcasting. Bools count as int32.
    #[track_caller]
    pub fn mod_(&self, divisor: impl Into<Arg>) -> Tensor {
        count_bools(&OP, self, divisor)
    }
}
