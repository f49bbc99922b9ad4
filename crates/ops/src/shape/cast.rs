//! `cast`: the same values in another dtype.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "cast",
    doc: "x in the dtype of the attribute `dtype`: floats to integers towards zero, saturating; integers wrap; \
          non-zero is true; the imaginary part is dropped.",
    source: "Keras 3 keras.ops.cast",
    attrs: &["dtype"],
    dtypes: DTypes::Plain,
    infer: |call| Ok(smallvec![Type::new(call.attrs.dtype("dtype")?, call.shape(0))]),
    reference: Reference::Whole(|call, x| Ok(vec![x[0].cast(call.attrs.dtype("dtype")?)?])),
    gradient: Gradient::Rule(|g| {
        let from = g.type_of(0).dtype;
        let flows = from.is_inexact() && g.dy().dtype().is_ok_and(|d| d.is_inexact());
        grads![flows.then(|| g.dy().cast(from))]
    }),
    cases: Cases::Of(|| {
        let to = |d: DType| Case::new([between(&[2, 3], 0.0, 2.9)], attrs! { dtype: d });
        let mut cases: Vec<Case> = [DType::Bool, DType::I8, DType::I32, DType::I64, DType::U8, DType::F16, DType::C64]
            .into_iter()
            .map(|d| to(d).without_gradient())
            .collect();
        cases.extend([to(DType::F32), to(DType::F64)]);
        cases
    }),
    ..Op::BASE
};

impl Tensor {
    /// The same values in another dtype.
    #[track_caller]
    pub fn cast(&self, dtype: DType) -> Tensor {
        if self.type_ref().is_ok_and(|t| t.dtype == dtype) {
            return self.clone();
        }
        call1(&OP, &[self], attrs! { dtype: dtype })
    }

    /// The same values in the dtype of `other`.
    #[track_caller]
    pub fn cast_like(&self, other: &Tensor) -> Tensor {
        match other.dtype() {
            Ok(dtype) => self.cast(dtype),
            Err(error) => Tensor::failed(error),
        }
    }
}
