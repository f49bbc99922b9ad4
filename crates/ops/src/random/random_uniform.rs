//! `random_uniform`: uniform numbers.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "random_uniform",
    doc: "float32 of the attribute `shape`, uniform in [`low`, `high`): the upper 23 bits of each random word as a fraction u, \
          then low + u (high - low), rounded once.",
    source: "jax.random.uniform",
    attrs: &["shape", "low", "high"],
    infer: |call| super::draw_type(call, DType::F32),
    reference: Reference::Whole(|call, x| {
        let (low, high) = (call.attrs.float("low")? as f32, call.attrs.float("high")? as f32);
        super::draw(call, x, |key, i| super::threefry::unit(key, i).mul_add(high - low, low).max(low))
    }),
    gradient: Gradient::None("it is a function of integers"),
    cases: Cases::Of(|| super::cases(("low", -2.0), ("high", 3.0))),
    ..Op::BASE
};
