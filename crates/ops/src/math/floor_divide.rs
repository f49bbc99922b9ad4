//! `floor_divide`: `⌊a / b⌋`.

use crate::arithmetic::{Arg, binary};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "floor_divide",
    doc: "The quotient rounded towards minus infinity, element-wise with broadcasting. Integers divided by 0 give 0.",
    source: "Keras 3 keras.ops.floor_divide",
    dtypes: DTypes::Real,
    reference: Reference::Point(
        PointRef::real(
            |x| (x[0] / x[1]).floor(),
            |x| match x[1] {
                0 => 0,
                b => {
                    let (q, r) = (x[0].wrapping_div(b), x[0].wrapping_rem(b));
                    q - i64::from(r != 0 && (r < 0) != (b < 0))
                }
            },
        )
        .with_uint(|x| x[0].checked_div(x[1]).unwrap_or(0)),
    ),
    gradient: Gradient::Zero,
    cases: Cases::Point(&[(-9.0, 9.0), (0.5, 3.0)]),
    max_rel_err_f32: 0.0,
    ..Op::BINARY
};

impl Tensor {
    /// `⌊a / b⌋`, element-wise with broadcasting. Integers divided by 0 give 0.
    #[track_caller]
    pub fn floor_divide(&self, divisor: impl Into<Arg>) -> Tensor {
        binary(&OP, self, divisor)
    }
}
