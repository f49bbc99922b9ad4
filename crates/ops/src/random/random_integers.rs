//! `random_integers`: whole numbers of a range.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "random_integers",
    doc: "int64 of the attribute `shape`, evenly from `low` to below `high` (`low` alone where that is empty): the 64 bits of \
          each element's block times the range, over 2^64.",
    source: "Keras 3 keras.random.randint; Lemire, Fast random integer generation in an interval (2019)",
    attrs: &["shape", "low", "high"],
    infer: |call| super::draw_type(call, DType::I64),
    reference: Reference::Whole(|call, x| {
        let (key, shape) = (super::key(&x[0])?, call.attrs.shape("shape")?);
        let (low, high) = (call.attrs.int("low")?, call.attrs.int("high")?);
        let span = if high <= low { 1 } else { high.wrapping_sub(low) as u64 };
        let draw = |i: usize| {
            let [a, b] = super::threefry::element(key, i, 0);
            let bits = u64::from(a) << 32 | u64::from(b);
            low.wrapping_add(((u128::from(bits) * u128::from(span)) >> 64) as i64)
        };
        Ok(vec![Array::from_slice(&(0..shape.elements()).map(draw).collect::<Vec<i64>>(), shape)?])
    }),
    gradient: Gradient::None("it is a function of integers"),
    cases: Cases::Of(|| {
        let case = |shape: &[usize], low: i64, high: i64| {
            Case::new([super::a_key()], attrs! { shape: shape, low: low, high: high })
        };
        vec![
            case(&[], 0, 10),
            case(&[3, 70], -5, 6),
            case(&[40_003], i64::MIN, i64::MAX),
            case(&[0], 0, 1),
            case(&[4], 7, 7),
        ]
    }),
    ..Op::BASE
};
