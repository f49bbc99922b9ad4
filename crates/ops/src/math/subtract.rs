//! `subtract`: `a - b`.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "subtract",
    doc: "a - b, element-wise with broadcasting. Integers wrap.",
    source: "Keras 3 keras.ops.subtract",
    reference: Reference::Point(
        PointRef::real(|x| x[0] - x[1], |x| x[0].wrapping_sub(x[1])).with_complex(|x| x[0] - x[1]),
    ),
    gradient: Gradient::Rule(|g| grads![g.dy(), g.want(1, || -g.dy())]),
    ..Op::BINARY
};
