//! `searchsorted`: where values belong in a sorted vector.

use super::Keys;
use crate::arithmetic::{Arg, common_dtype};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "searchsorted",
    doc: "For each of `values`, the int32 index at which it enters the ascending vector `sorted` and keeps it so: before \
          equal elements, or with the attribute `right` after them. NaN counts as greater than everything else.",
    source: "Keras 3 keras.ops.searchsorted",
    arity: (2, 2),
    attrs: &["right"],
    dtypes: DTypes::Ordered,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Zero,
    cases: Cases::Of(|| {
        let steps = |right: bool| attrs! { right: right };
        let sorted = || Array::from_literal([-1.0_f32, 0.0, 0.5, 0.5, 2.0]).unwrap_or_else(|_| Array::scalar(0.0_f32));
        let values = Array::from_literal([[-2.0_f32, 0.5], [2.0, 3.0]]).unwrap_or_else(|_| Array::scalar(0.0_f32));
        vec![
            Case::new([exactly(sorted()), exactly(values.clone())], steps(false)),
            Case::new([exactly(sorted()), exactly(values)], steps(true)),
            Case::new([exactly(Array::zeros(DType::F32, [0])), exactly(Array::zeros(DType::F32, [2]))], steps(true)),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    infer::one_dtype(call, 0)?;
    infer::rank(call, 0, 1)?;
    call.attrs.bool("right")?;
    Ok(smallvec![Type::new(DType::I32, call.shape(1))])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let right = call.attrs.bool("right")?;
    let out: Vec<i32> = match (Keys::of(&x[0])?, Keys::of(&x[1])?) {
        (Keys::Floats(s), Keys::Floats(v)) => places(&s, &v, right, |a, b| super::floats(*a, *b)),
        (Keys::Ints(s), Keys::Ints(v)) => places(&s, &v, right, Ord::cmp),
        (Keys::Uints(s), Keys::Uints(v)) => places(&s, &v, right, Ord::cmp),
        _ => fail!(Internal, "searchsorted: dtypes differ"),
    };
    Ok(vec![Array::from_slice(&out, x[1].shape())?])
}

fn places<T>(sorted: &[T], values: &[T], right: bool, compare: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<i32> {
    let before = |s: &T, v: &T| if right { compare(s, v).is_le() } else { compare(s, v).is_lt() };
    values.iter().map(|v| sorted.partition_point(|s| before(s, v)) as i32).collect()
}

impl Tensor {
    /// Where `values` enter this ascending vector: the int32 index before equal elements, or with `right` after them.
    ///
    /// # Errors
    /// `rank_mismatch` unless this is a vector.
    #[track_caller]
    pub fn searchsorted(&self, values: &Tensor, right: bool) -> Tensor {
        Tensor::lift(|| {
            let dtype = common_dtype(&[Arg::from(self), Arg::from(values)])?;
            Ok(call1(&OP, &[&self.cast(dtype), &values.cast(dtype)], attrs! { right: right }))
        })
    }

    /// The bin of each element, between ascending edges: how many edges are at most the element.
    ///
    /// # Errors
    /// `rank_mismatch` unless `bins` is a vector.
    #[track_caller]
    pub fn digitize(&self, bins: &Tensor) -> Tensor {
        bins.searchsorted(self, true)
    }
}
