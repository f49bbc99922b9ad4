//! `left_shift`: bits moved up.

use crate::arithmetic::{Arg, binary};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "left_shift",
    doc: "a 2^b, wrapping, element-wise with broadcasting; 0 where b is negative or at least the width.",
    source: "Keras 3 keras.ops.left_shift",
    dtypes: DTypes::Int,
    reference: Reference::Point(
        PointRef::int(|x| if (0..64).contains(&x[1]) { x[0] << x[1] } else { 0 })
            .with_uint(|x| if x[1] < 64 { x[0] << x[1] } else { 0 }),
    ),
    gradient: Gradient::None("it is a function of bits"),
    cases: Cases::Point(&[(-100.0, 100.0), (-2.0, 70.0)]),
    max_rel_err_f32: 0.0,
    ..Op::BINARY
};

impl Tensor {
    /// `a · 2^b`, wrapping, element-wise with broadcasting; 0 where b is negative or at least the width.
    #[track_caller]
    pub fn left_shift(&self, bits: impl Into<Arg>) -> Tensor {
        binary(&OP, self, bits)
    }

    /// [`Tensor::left_shift`].
    #[track_caller]
    pub fn bitwise_left_shift(&self, bits: impl Into<Arg>) -> Tensor {
        self.left_shift(bits)
    }
}
