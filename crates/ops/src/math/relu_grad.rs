//! `relu_grad`: the cotangent where an activation was above zero.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "relu_grad",
    doc: "dy where y > 0, and 0 elsewhere: the backward pass of relu in one pass over memory.",
    source: "TensorFlow ReluGrad",
    dtypes: DTypes::Float,
    reference: Reference::Point(PointRef::float(|x| if x[1] > 0.0 { x[0] } else { 0.0 })),
    gradient: Gradient::Rule(|g| grads![g.want(0, || relu_grad(&g.dy(), g.x(1))), None]),
    max_rel_err_f32: 0.0,
    ..Op::BINARY
};

/// `dy` where `y > 0`, and 0 elsewhere.
#[track_caller]
pub(crate) fn relu_grad(dy: &Tensor, y: &Tensor) -> Tensor {
    call1(&OP, &[dy, y], Attrs::default())
}
