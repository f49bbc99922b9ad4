//! `relu`: `max(x, 0)`.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "relu",
    doc: "max(x, 0); NaN of NaN. The derivative at 0 is 0.",
    source: "Keras 3 keras.ops.relu",
    dtypes: DTypes::Real,
    reference: Reference::Point(
        PointRef::real(|x| if x[0] < 0.0 { 0.0 } else { x[0] + 0.0 }, |x| x[0].max(0)).with_uint(|x| x[0]),
    ),
    gradient: Gradient::Rule(|g| grads![super::relu_grad::relu_grad(&g.dy(), g.y())]),
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// `max(x, 0)`, element-wise. The derivative at 0 is 0.
    #[track_caller]
    pub fn relu(&self) -> Tensor {
        call1(&OP, &[self], Attrs::default())
    }
}
