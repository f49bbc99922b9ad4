//! `logical_not`: false where x is true.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "logical_not",
    doc: "False where x is true.",
    source: "Keras 3 keras.ops.logical_not",
    dtypes: DTypes::Bool,
    reference: Reference::Point(PointRef::int(|x| 1 - x[0])),
    gradient: Gradient::Zero,
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// False where x is true, element-wise; a number is true unless 0.
    #[track_caller]
    pub fn logical_not(&self) -> Tensor {
        call1(&OP, &[&self.cast(DType::Bool)], Attrs::default())
    }
}
