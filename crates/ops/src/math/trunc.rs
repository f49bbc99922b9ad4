//! `trunc`: whole numbers, towards zero.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "trunc",
    doc: "x rounded towards zero.",
    source: "Keras 3 keras.ops.trunc",
    reference: Reference::Point(PointRef::float(|x| x[0].trunc())),
    gradient: Gradient::Zero,
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// x rounded towards zero, element-wise. Integers and bools stay as they are.
    #[track_caller]
    pub fn trunc(&self) -> Tensor {
        match self.dtype() {
            Ok(d) if d.is_int() || d == DType::Bool => self.clone(),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }
}
