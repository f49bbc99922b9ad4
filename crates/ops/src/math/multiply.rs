//! `multiply`: `a · b`.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "multiply",
    doc: "a * b, element-wise with broadcasting. Integers wrap.",
    source: "Keras 3 keras.ops.multiply",
    reference: Reference::Point(
        PointRef::real(|x| x[0] * x[1], |x| x[0].wrapping_mul(x[1])).with_complex(|x| x[0] * x[1]),
    ),
    gradient: Gradient::Rule(|g| grads![g.want(0, || g.dy() * g.x(1)), g.want(1, || g.dy() * g.x(0))]),
    ..Op::BINARY
};
