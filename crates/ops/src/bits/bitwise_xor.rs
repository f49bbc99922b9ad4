//! `bitwise_xor`: bitwise exclusive or.

use crate::arithmetic::{Arg, binary};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "bitwise_xor",
    doc: "Bitwise exclusive or, element-wise with broadcasting; of bools the logical one.",
    source: "Keras 3 keras.ops.bitwise_xor",
    dtypes: DTypes::Bits,
    reference: Reference::Point(PointRef::int(|x| x[0] ^ x[1])),
    gradient: Gradient::None("it is a function of bits"),
    cases: Cases::Point(&[(-100.0, 100.0), (-100.0, 100.0)]),
    max_rel_err_f32: 0.0,
    ..Op::BINARY
};

impl Tensor {
    /// Bitwise exclusive or, element-wise with broadcasting; integers and bools only.
    #[track_caller]
    pub fn bitwise_xor(&self, other: impl Into<Arg>) -> Tensor {
        binary(&OP, self, other)
    }
}
