//! `view_as_complex`: a last axis of size 2 as real and imaginary part.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "view_as_complex",
    doc: "float32 whose last axis holds real and imaginary part, as complex64 without that axis.",
    source: "Keras 3 keras.ops.view_as_complex",
    dtypes: DTypes::Float,
    infer,
    reference: Reference::Whole(|call, x| {
        let to = infer(call)?.swap_remove(0);
        Ok(vec![Array::from_bytes(to.dtype, to.shape, x[0].bytes())?])
    }),
    gradient: Gradient::Rule(|g| grads![g.dy().conj().view_as_real()]),
    cases: Cases::Of(|| {
        let x = |shape: &[usize]| {
            let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| 0.5 * i as f32 - 1.0).collect();
            let array = Array::from_slice(&values, shape);
            Case::new([exactly(array.unwrap_or_else(|_| Array::scalar(0.0_f32)))], Attrs::default())
        };
        vec![x(&[2]), x(&[3, 2]), x(&[0, 2])]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    if call.dtype(0) != DType::F32 {
        fail!(DtypeMismatch, "dtype: expected float32, found {}", call.dtype(0));
    }
    match call.shape(0).as_slice() {
        [lead @ .., 2] => Ok(smallvec![Type::new(DType::C64, lead)]),
        _ => Err(err!(DimMismatch, "last axis: expected size 2, found shape {}", call.shape(0))),
    }
}

impl Tensor {
    /// A last axis of size 2 as real and imaginary part of complex numbers.
    #[track_caller]
    pub fn view_as_complex(&self) -> Tensor {
        call1(&OP, &[&self.cast(DType::F32)], Attrs::default())
    }
}
