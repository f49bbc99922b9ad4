//! `divide`: `a / b`, true division.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "divide",
    doc: "a / b, element-wise with broadcasting. x / 0 is an infinity, 0 / 0 NaN. Integers are converted first.",
    source: "Keras 3 keras.ops.divide",
    dtypes: DTypes::Inexact,
    reference: Reference::Point(PointRef::float(|x| x[0] / x[1]).with_complex(|x| x[0] / x[1])),
    gradient: Gradient::Rule(|g| grads![g.want(0, || g.dy() / g.x(1)), g.want(1, || -(g.dy() * g.y()) / g.x(1))]),
    cases: Cases::Point(&[(-3.0, 3.0), (0.5, 3.0)]),
    ..Op::BINARY
};
