//! `add`: `a + b`.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "add",
    doc: "a + b, element-wise with broadcasting. Integers wrap.",
    source: "Keras 3 keras.ops.add",
    reference: Reference::Point(
        PointRef::real(|x| x[0] + x[1], |x| x[0].wrapping_add(x[1])).with_complex(|x| x[0] + x[1]),
    ),
    gradient: Gradient::Rule(|g| grads![g.dy(), g.dy()]),
    ..Op::BINARY
};
