//! `bitwise_not`: every bit the other way.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "bitwise_not",
    doc: "Every bit the other way: -1 - x for signed integers.",
    source: "Keras 3 keras.ops.bitwise_not",
    dtypes: DTypes::Int,
    reference: Reference::Point(PointRef::int(|x| !x[0])),
    gradient: Gradient::None("it is a function of bits"),
    cases: Cases::Point(&[(-100.0, 100.0)]),
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// Every bit the other way, element-wise; of bools the logical not.
    #[track_caller]
    pub fn bitwise_not(&self) -> Tensor {
        match self.dtype() {
            Ok(DType::Bool) => self.logical_not(),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }

    /// [`Tensor::bitwise_not`].
    #[track_caller]
    pub fn bitwise_invert(&self) -> Tensor {
        self.bitwise_not()
    }
}
