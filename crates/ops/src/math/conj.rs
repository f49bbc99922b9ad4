//! `conj`: the complex conjugate.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "conj",
    doc: "The complex conjugate.",
    source: "Keras 3 keras.ops.conj",
    dtypes: DTypes::Complex,
    reference: Reference::Point(PointRef::NONE.with_complex(|x| x[0].conj())),
    gradient: Gradient::Rule(|g| grads![g.dy().conj()]),
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    #[doc(alias = "conjugate")]
    /// The complex conjugate; other dtypes stay as they are.
    #[track_caller]
    pub fn conj(&self) -> Tensor {
        match self.dtype() {
            Ok(d) if !d.is_complex() && d != DType::Str => self.clone(),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }
}
