//! `random_normal`: normal numbers.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "random_normal",
    doc: "float32 of the attribute `shape`, normal with `mean` and `stddev`, by Box and Muller's transformation: of the two words \
          of each element, the upper 24 bits of one give the radius, of the other the angle.",
    source: "Keras 3 keras.random.normal",
    attrs: &["shape", "mean", "stddev"],
    infer: |call| super::draw_type(call, DType::F32),
    reference: Reference::Whole(|call, x| {
        let (mean, stddev) = (call.attrs.float("mean")?, call.attrs.float("stddev")?);
        super::draw(call, x, |key, i| {
            (mean + stddev * super::threefry::gauss(super::threefry::element(key, i, 0))) as f32
        })
    }),
    gradient: Gradient::None("it is a function of integers"),
    cases: Cases::Of(|| super::cases(("mean", 1.0), ("stddev", 2.0))),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::BASE
};
