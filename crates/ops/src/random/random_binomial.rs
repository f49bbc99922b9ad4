//! `random_binomial`: counts of successes.

use super::threefry::Stream;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "random_binomial",
    doc: "The number of successes in `counts` trials that succeed with `probabilities`, one for each element of the two arrays, \
          which have one shape; NaN unless counts >= 0 and probabilities are in [0, 1]. Each element draws from a stream of its own.",
    source: "Keras 3 keras.random.binomial; Hormann, The generation of binomial random variates (1993)",
    arity: (3, 3),
    dtypes: DTypes::Float,
    infer,
    reference: Reference::Whole(|_, x| {
        let key = super::key(&x[2])?;
        let (counts, p) = (x[0].to_f64()?, x[1].to_f64()?);
        let draw = |i: usize| binomial(counts[i], p[i], &mut Stream::new(key, i));
        Ok(vec![Array::from_f64(x[0].dtype(), x[0].shape(), &(0..counts.len()).map(draw).collect::<Vec<f64>>())?])
    }),
    gradient: Gradient::None("samples are not differentiated by the parameters they were drawn with"),
    cases: Cases::Of(|| {
        let case = |shape: &[usize], n: f64| {
            Case::new([between(shape, n, n + 1.0), between(shape, 0.1, 0.9), super::a_key()], Attrs::default())
        };
        vec![case(&[5], 3.0), case(&[3, 70], 100.0), case(&[0], 1.0).without_gradient()]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    super::expect_key(call, 2)?;
    if call.inputs[0] != call.inputs[1] {
        fail!(
            ShapeMismatch,
            "counts and probabilities: expected one type, found {} and {}",
            call.inputs[0],
            call.inputs[1]
        );
    }
    infer::same(call)
}

/// One draw.
fn binomial(n: f64, p: f64, stream: &mut Stream) -> f64 {
    if !(n >= 0.0 && n.is_finite() && (0.0..=1.0).contains(&p)) {
        return f64::NAN;
    }
    let n = n.floor();
    if p > 0.5 {
        return n - at_most_half(n, 1.0 - p, stream);
    }
    at_most_half(n, p, stream)
}

fn at_most_half(n: f64, p: f64, stream: &mut Stream) -> f64 {
    if n * p >= 10.0 {
        return transformed_rejection(n, p, stream);
    }
    if p == 0.0 {
        return 0.0;
    }
    // The gaps between successes are geometric.
    let (scale, mut trials, mut successes) = ((-p).ln_1p(), 0.0, 0.0);
    loop {
        trials += (stream.uniform().ln() / scale).floor() + 1.0;
        if trials > n {
            return successes;
        }
        successes += 1.0;
    }
}

/// Hörmann's BTRS, for `n p >= 10` and `p <= 1/2`.
fn transformed_rejection(n: f64, p: f64, stream: &mut Stream) -> f64 {
    let spread = (n * p * (1.0 - p)).sqrt();
    let b = 1.15 + 2.53 * spread;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let (center, squeeze, alpha) = (n * p + 0.5, 0.92 - 4.2 / b, (2.83 + 5.1 / b) * spread);
    let (odds, mode) = ((p / (1.0 - p)).ln(), ((n + 1.0) * p).floor());
    let log_choices = |k: f64| libm::lgamma(k + 1.0) + libm::lgamma(n - k + 1.0);
    loop {
        let (u, v) = (stream.uniform() - 0.5, stream.uniform());
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + center).floor();
        if us >= 0.07 && v <= squeeze {
            return k;
        }
        if k < 0.0 || k > n {
            continue;
        }
        let accept = log_choices(mode) - log_choices(k) + (k - mode) * odds;
        if (v * alpha / (a / (us * us) + b)).ln() <= accept {
            return k;
        }
    }
}
