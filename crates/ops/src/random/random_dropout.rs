//! `random_dropout`: zeros in random places.

use super::threefry::word;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "random_dropout",
    doc: "x / (1 - rate) where the key's uniform number (random_uniform's, in [0, 1)) is below 1 - rate, and 0 elsewhere; zeros \
          for a rate of 1. Rates are held to [0, 1].",
    source: "Keras 3 keras.random.dropout",
    arity: (2, 2),
    attrs: &["rate"],
    dtypes: DTypes::Float,
    infer: |call| {
        super::expect_key(call, 1)?;
        infer::same(call)
    },
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        g.lift(|| Ok(grads![g.want(0, || apply(&g.dy(), g.x(1), g.attrs.float("rate").unwrap_or(0.0))), None]))
    }),
    cases: Cases::Of(|| {
        let case = |shape: &[usize], rate: f64| Case::new([any(shape), super::a_key()], attrs! { rate: rate });
        vec![
            case(&[2, 3], 0.5),
            case(&[3, 70], 0.2),
            case(&[5], 0.0),
            case(&[5], 1.0),
            case(&[0, 3], 0.1).without_gradient(),
        ]
    }),
    max_rel_err_f32: 2.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// The count of 23-bit fractions that are kept, and what a kept element is multiplied by.
fn threshold(rate: f64) -> (u32, f64) {
    let kept = 1.0 - (rate as f32).clamp(0.0, 1.0);
    let kept = if kept.is_nan() { 1.0 } else { kept };
    ((kept * 8_388_608.0).ceil() as u32, if kept > 0.0 { f64::from(1.0 / kept) } else { 0.0 })
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (key, (keep, scale)) = (super::key(&x[1])?, threshold(call.attrs.float("rate")?));
    let mut values = x[0].to_f64()?;
    for (i, x) in values.iter_mut().enumerate() {
        *x = if word(key, i) >> 9 < keep { *x * scale } else { 0.0 };
    }
    Ok(vec![Array::from_f64(x[0].dtype(), x[0].shape(), &values)?])
}

/// `x` with zeros in the places that the key chooses.
#[track_caller]
pub(crate) fn apply(x: &Tensor, key: &Tensor, rate: f64) -> Tensor {
    call1(&OP, &[x, key], attrs! { rate: rate })
}
