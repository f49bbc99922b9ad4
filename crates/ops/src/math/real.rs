//! `real`: the real part.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "real",
    doc: "The real part of complex64, float32.",
    source: "Keras 3 keras.ops.real",
    dtypes: DTypes::Complex,
    infer: |call| Ok(smallvec![Type::new(DType::F32, call.shape(0))]),
    reference: Reference::Point(PointRef::NONE.with_complex(|x| x[0])),
    gradient: Gradient::Rule(|g| grads![g.dy().cast(DType::C64)]),
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// The real part, float32; other dtypes stay as they are.
    #[track_caller]
    pub fn real(&self) -> Tensor {
        match self.dtype() {
            Ok(d) if !d.is_complex() && d != DType::Str => self.clone(),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }
}
