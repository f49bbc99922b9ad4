//! `gcd`: the greatest common divisor; `lcm`, the least common multiple.

use crate::arithmetic::{Arg, binary};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "gcd",
    doc: "The greatest common divisor of |a| and |b|, element-wise with broadcasting; gcd(0, 0) = 0.",
    source: "Keras 3 keras.ops.gcd",
    dtypes: DTypes::Int,
    reference: Reference::Point(
        PointRef::int(|x| euclid(x[0].unsigned_abs(), x[1].unsigned_abs()) as i64).with_uint(|x| euclid(x[0], x[1])),
    ),
    gradient: Gradient::None("it is a function of integers"),
    cases: Cases::Point(&[(-60.0, 60.0), (-60.0, 60.0)]),
    max_rel_err_f32: 0.0,
    ..Op::BINARY
};

fn euclid(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Tensor {
    /// The greatest common divisor, element-wise with broadcasting; integers only.
    #[track_caller]
    pub fn gcd(&self, other: impl Into<Arg>) -> Tensor {
        binary(&OP, self, other)
    }

    /// The least common multiple, element-wise with broadcasting; integers only, 0 if either is 0.
    #[track_caller]
    pub fn lcm(&self, other: impl Into<Arg>) -> Tensor {
        let other = other.into();
        let gcd = self.gcd(other.clone());
        (self.floor_divide(gcd) * other).absolute()
    }
}
