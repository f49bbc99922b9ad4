//! `random_truncated_normal`: normal numbers within two standard deviations.

use super::threefry::{element, gauss};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "random_truncated_normal",
    doc: "As random_normal, where what is further than two standard deviations from the mean is drawn again, with the number of \
          the attempt in the upper byte of the counter.",
    source: "Keras 3 keras.random.truncated_normal",
    attrs: &["shape", "mean", "stddev"],
    infer: |call| super::draw_type(call, DType::F32),
    reference: Reference::Whole(|call, x| {
        let (mean, stddev) = (call.attrs.float("mean")?, call.attrs.float("stddev")?);
        super::draw(call, x, |key, i| {
            let inside = (0..256).map(|attempt| gauss(element(key, i, attempt))).find(|z| z.abs() <= 2.0);
            (mean + stddev * inside.unwrap_or(0.0)) as f32
        })
    }),
    gradient: Gradient::None("it is a function of integers"),
    cases: Cases::Of(|| super::cases(("mean", 1.0), ("stddev", 2.0))),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::BASE
};
