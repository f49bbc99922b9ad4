//! `iota`: each element is its own index along an axis.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "iota",
    doc: "A tensor of the attributes `shape` and `dtype` whose elements are their index along `axis`.",
    source: "StableHLO iota",
    arity: (0, 0),
    attrs: &["shape", "axis", "dtype"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Zero,
    cases: Cases::Of(|| {
        let of = |shape: &[usize], axis: usize, d: DType| Case::new([], attrs! { shape: shape, axis: axis, dtype: d });
        vec![of(&[5], 0, DType::I32), of(&[2, 3], 1, DType::F32), of(&[3, 2, 2], 0, DType::I64), of(&[0], 0, DType::U8)]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let (shape, dtype) = (call.attrs.shape("shape")?, call.attrs.dtype("dtype")?);
    shape.axis(call.attrs.size("axis")? as isize)?;
    if !DTypes::Numeric.admit(dtype) {
        fail!(DtypeMismatch, "dtype: expected {}, found {dtype}", DTypes::Numeric);
    }
    Ok(smallvec![Type::new(dtype, Shape::checked(&shape, dtype.size())?)])
}

fn reference(call: &Call<'_>, _: &[Array]) -> Result<Vec<Array>> {
    let (shape, axis) = (call.attrs.shape("shape")?, call.attrs.size("axis")?);
    let mut out = Vec::with_capacity(shape.elements());
    for_each_index(&shape, |index| out.push(index[axis] as i64));
    let dtype = call.attrs.dtype("dtype")?;
    Ok(vec![match dtype {
        DType::C64 => Array::from_i64(DType::F32, &shape, &out)?.cast(dtype)?,
        _ => Array::from_i64(dtype, &shape, &out)?,
    }])
}

impl Tensor {
    /// Each element is its index along `axis`.
    ///
    /// # Errors
    /// `out_of_range` for an axis that is none; `dtype_mismatch` for bool and strings.
    #[track_caller]
    pub fn iota(shape: impl Into<Shape>, axis: isize, dtype: DType) -> Tensor {
        let shape = shape.into();
        match shape.axis(axis) {
            Ok(axis) => call1(&OP, &[], attrs! { shape: shape, axis: axis, dtype: dtype }),
            Err(error) => Tensor::failed(error),
        }
    }
}
