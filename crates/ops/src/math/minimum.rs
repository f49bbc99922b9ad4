//! `minimum`: the lesser of two values.

use crate::arithmetic::{Arg, binary};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "minimum",
    doc: "The lesser of a and b, element-wise with broadcasting; NaN if either is. The gradient goes to the lesser one, and \
          half to each where they are equal.",
    source: "Keras 3 keras.ops.minimum",
    dtypes: DTypes::Ordered,
    reference: Reference::Point(
        PointRef::real(|x| if x[0].is_nan() || x[0] < x[1] { x[0] } else { x[1] }, |x| x[0].min(x[1]))
            .with_uint(|x| x[0].min(x[1])),
    ),
    gradient: Gradient::Rule(|g| {
        let share = |a: &Tensor, b: &Tensor| {
            let first = a.cast_like(&g.dy());
            first * 0.5 + b.cast_like(&g.dy()) * 0.5
        };
        let (a, b) = (g.x(0), g.x(1));
        grads![
            g.want(0, || g.dy() * share(&a.less(b), &a.less_equal(b))),
            g.want(1, || g.dy() * share(&b.less(a), &b.less_equal(a))),
        ]
    }),
    max_rel_err_f32: 0.0,
    ..Op::BINARY
};

impl Tensor {
    /// The lesser of the two, element-wise; NaN if either is.
    #[track_caller]
    pub fn minimum(&self, other: impl Into<Arg>) -> Tensor {
        binary(&OP, self, other)
    }
}
