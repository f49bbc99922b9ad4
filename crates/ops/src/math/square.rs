//! `square`: `x²`.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "square",
    doc: "x * x. Integers wrap.",
    source: "Keras 3 keras.ops.square",
    dtypes: DTypes::Numeric,
    reference: Reference::Point(
        PointRef::real(|x| x[0] * x[0], |x| x[0].wrapping_mul(x[0])).with_complex(|x| x[0] * x[0]),
    ),
    gradient: Gradient::Rule(|g| grads![g.dy() * (g.x(0) * 2.0)]),
    max_rel_err_f32: f32::EPSILON as f64,
    ..Op::UNARY
};

impl Tensor {
    /// `x²`, element-wise. Bools count as int32.
    #[track_caller]
    pub fn square(&self) -> Tensor {
        match self.dtype() {
            Ok(DType::Bool) => call1(&OP, &[&self.cast(DType::I32)], Attrs::default()),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }
}
