//! `random_bits`: random words.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "random_bits",
    doc: "Random uint32 of the attribute `shape`: element i is the exclusive or of the two words that Threefry-2x32 makes of the \
          key and the counter i.",
    source: "jax.random.bits (with jax_threefry_partitionable)",
    attrs: &["shape"],
    infer: |call| super::draw_type(call, DType::U32),
    reference: Reference::Whole(|call, x| {
        let (key, shape) = (super::key(&x[0])?, call.attrs.shape("shape")?);
        let words: Vec<u32> = (0..shape.elements()).map(|i| super::threefry::word(key, i)).collect();
        Ok(vec![Array::from_slice(&words, shape)?])
    }),
    gradient: Gradient::None("it is a function of integers"),
    cases: Cases::Of(|| {
        [&[] as &[usize], &[3, 70], &[40_003], &[0]].map(|s| Case::new([super::a_key()], attrs! { shape: s })).to_vec()
    }),
    ..Op::BASE
};
