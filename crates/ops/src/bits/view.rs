//! `view`: the same bytes as another dtype.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "view",
    doc: "The bytes of x as the dtype in the attribute `dtype`; the last axis grows or shrinks with the size of an element.",
    source: "Keras 3 keras.ops.view",
    attrs: &["dtype"],
    dtypes: DTypes::Plain,
    infer,
    reference: Reference::Whole(|call, x| {
        let to = infer(call)?.swap_remove(0);
        Ok(vec![Array::from_bytes(to.dtype, to.shape, x[0].bytes())?])
    }),
    gradient: Gradient::None("it is a function of bits"),
    cases: Cases::Of(|| {
        let view = |shape: &[usize], dtype: DType| Case::new([between(shape, 0.0, 3.0)], attrs! { dtype: dtype });
        vec![view(&[3, 8], DType::U8), view(&[8], DType::U32), view(&[0, 8], DType::I16).without_gradient()]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let (from, to) = (call.dtype(0), call.attrs.dtype("dtype")?);
    if to.size() == 0 {
        fail!(DtypeMismatch, "dtype: expected one of fixed size, found {to}");
    }
    if from.size() == to.size() {
        return Ok(smallvec![Type::new(to, call.shape(0))]);
    }
    let [lead @ .., last] = call.shape(0).as_slice() else {
        fail!(RankMismatch, "a scalar {from} has no axis to make {to} of");
    };
    let bytes = last * from.size();
    if bytes % to.size() != 0 {
        fail!(DimMismatch, "last axis: expected a multiple of {} bytes for {to}, found {bytes}", to.size());
    }
    Ok(smallvec![Type::new(to, lead.iter().copied().chain([bytes / to.size()]).collect::<Shape>())])
}

impl Tensor {
    /// The same bytes as another dtype; the last axis grows or shrinks with the size of an element.
    ///
    /// # Errors
    /// `dim_mismatch` when the last axis does not divide; `rank_mismatch` for a scalar of another size.
    #[track_caller]
    pub fn view(&self, dtype: DType) -> Tensor {
        call1(&OP, &[self], attrs! { dtype: dtype })
    }
}
