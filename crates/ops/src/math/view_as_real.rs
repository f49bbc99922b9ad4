//! `view_as_real`: real and imaginary part as a last axis of size 2.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "view_as_real",
    doc: "complex64 as float32 with one more axis of size 2: real part, imaginary part.",
    source: "Keras 3 keras.ops.view_as_real",
    dtypes: DTypes::Complex,
    infer: |call| Ok(smallvec![Type::new(DType::F32, call.shape(0).iter().copied().chain([2]).collect::<Shape>())]),
    reference: Reference::Whole(|call, x| {
        let to: Shape = call.shape(0).iter().copied().chain([2]).collect();
        Ok(vec![Array::from_bytes(DType::F32, to, x[0].bytes())?])
    }),
    gradient: Gradient::Rule(|g| grads![g.dy().view_as_complex().conj()]),
    cases: Cases::Of(|| [&[][..], &[3], &[2, 0]].map(|s| Case::new([any(s)], Attrs::default())).to_vec()),
    ..Op::BASE
};

impl Tensor {
    /// Complex numbers as float32 with one more axis of size 2: real part, imaginary part.
    #[track_caller]
    pub fn view_as_real(&self) -> Tensor {
        call1(&OP, &[self], Attrs::default())
    }
}
