//! `arctan2`: the angle of the point `(x, y)`.

use crate::arithmetic::{Arg, float_binary};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "arctan2",
    doc: "The angle in (-pi, pi] of the point whose ordinate is the first and whose abscissa is the second input.",
    source: "IEEE 754-2019, 9.2 (atan2); Keras 3 keras.ops.arctan2",
    dtypes: DTypes::Float,
    reference: Reference::Point(PointRef::float(|x| x[0].atan2(x[1]))),
    gradient: Gradient::Rule(|g| {
        let (y, x) = (g.x(0), g.x(1));
        let scaled = g.dy() / (x.square() + y.square());
        grads![g.want(0, || &scaled * x), g.want(1, || -(&scaled * y))]
    }),
    cases: Cases::Point(&[(0.3, 3.0), (-3.0, 3.0)]),
    max_rel_err_f32: 4.0 * f32::EPSILON as f64,
    ..Op::BINARY
};

impl Tensor {
    /// The angle in (-π, π] of the point with ordinate `self` and abscissa `x`, element-wise with broadcasting.
    #[track_caller]
    pub fn arctan2(&self, x: impl Into<Arg>) -> Tensor {
        float_binary(&OP, self, x)
    }
}
