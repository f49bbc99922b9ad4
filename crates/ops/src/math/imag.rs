//! `imag`: the imaginary part.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "imag",
    doc: "The imaginary part of complex64, float32.",
    source: "Keras 3 keras.ops.imag",
    dtypes: DTypes::Complex,
    infer: |call| Ok(smallvec![Type::new(DType::F32, call.shape(0))]),
    reference: Reference::Point(PointRef::NONE.with_complex(|x| x[0].im.into())),
    gradient: Gradient::Rule(|g| grads![Tensor::zeros_like(&g.dy()).complex(-g.dy())]),
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// The imaginary part, float32; zeros for other dtypes.
    #[track_caller]
    pub fn imag(&self) -> Tensor {
        match self.dtype() {
            Ok(d) if !d.is_complex() && d != DType::Str => Tensor::zeros_like(self),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }
}
