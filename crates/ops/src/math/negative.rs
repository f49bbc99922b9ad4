//! `negative`: `-x`.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "negative",
    doc: "-x, element-wise. Integers wrap, unsigned ones too.",
    source: "Keras 3 keras.ops.negative",
    dtypes: DTypes::Numeric,
    reference: Reference::Point(PointRef::real(|x| -x[0], |x| x[0].wrapping_neg()).with_complex(|x| -x[0])),
    gradient: Gradient::Rule(|g| grads![-g.dy()]),
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// `-x`, element-wise.
    #[track_caller]
    pub fn negative(&self) -> Tensor {
        call1(&OP, &[self], Attrs::default())
    }
}
