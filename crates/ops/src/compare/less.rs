//! `less`: whether `a < b`.

use crate::arithmetic::{Arg, binary};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "less",
    doc: "Whether a < b, element-wise with broadcasting: bool. NaN is neither equal to nor ordered with anything.",
    source: "Keras 3 keras.ops.less",
    dtypes: DTypes::Ordered,
    reference: Reference::Point(
        PointRef::real(|x| f64::from(x[0] < x[1]), |x| i64::from(x[0] < x[1])).with_uint(|x| u64::from(x[0] < x[1])),
    ),
    ..Op::COMPARISON
};

impl Tensor {
    /// Whether `a < b`, element-wise with broadcasting.
    #[track_caller]
    pub fn less(&self, other: impl Into<Arg>) -> Tensor {
        binary(&OP, self, other)
    }
}
