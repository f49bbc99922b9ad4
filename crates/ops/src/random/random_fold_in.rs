//! `random_fold_in`: another key from a key and a number.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "random_fold_in",
    doc: "The key that Threefry-2x32 makes of the key and the attribute `data` as counter.",
    source: "jax.random.fold_in",
    attrs: &["data"],
    infer: |call| {
        super::expect_key(call, 0)?;
        infer::same(call)
    },
    reference: Reference::Whole(|call, x| {
        let data = call.attrs.int("data")? as u32;
        Ok(vec![Array::from_slice(&super::threefry::block(super::key(&x[0])?, [0, data]), [2])?])
    }),
    gradient: Gradient::None("it is a function of integers"),
    cases: Cases::Of(|| [0_i64, 7].map(|data| Case::new([super::a_key()], attrs! { data: data })).to_vec()),
    ..Op::BASE
};
