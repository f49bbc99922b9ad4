//! Draws of choices, counts and orders.

use super::{Seed, random_binomial, random_permutation, uniform};
use crate::arithmetic::Arg;
use crate::core::prelude::*;

/// True with probability `p`, which broadcasts to `shape`: bool.
///
/// # Errors
/// `shape_mismatch` when `p` does not broadcast.
#[track_caller]
pub fn bernoulli(shape: impl Into<Shape>, p: impl Into<Arg>, seed: impl Into<Seed>) -> Tensor {
    let (shape, p, seed) = (shape.into(), p.into(), seed.into());
    Tensor::lift(|| Ok(uniform(&shape, 0.0, 1.0, DType::F32, seed).less(p.to(DType::F32)?.broadcast_to(&shape))))
}

/// The number of successes in `counts` trials that succeed with `probabilities`; both broadcast to `shape`. NaN unless
/// counts are at least 0 and probabilities in `[0, 1]`.
///
/// # Errors
/// `dtype_mismatch` unless the dtype is a float; `shape_mismatch` where parameters do not broadcast.
///
/// # Source
/// Keras 3 `keras.random.binomial`.
#[track_caller]
pub fn binomial(
    shape: impl Into<Shape>,
    counts: impl Into<Arg>,
    probabilities: impl Into<Arg>,
    dtype: DType,
    seed: impl Into<Seed>,
) -> Tensor {
    let (shape, counts, probabilities, seed) = (shape.into(), counts.into(), probabilities.into(), seed.into());
    Tensor::lift(|| {
        if !dtype.is_float() {
            fail!(DtypeMismatch, "dtype: expected a float, found {dtype}");
        }
        // Half precision is drawn in float32.
        let to =
            |x: Arg| Ok::<_, cornet_tensor::Error>(x.to(dtype.accumulator())?.broadcast_to(&shape).stop_gradient());
        let (counts, p) = (to(counts)?, to(probabilities)?);
        Ok(call1(&random_binomial::OP, &[&counts, &p, seed.key()], Attrs::default()).cast(dtype))
    })
}

/// For each row of unnormalised log-probabilities, `num_samples` class indices.
///
/// # Shapes
/// `logits`: `[batch, classes]`; the result: `[batch, num_samples]`, of an integer dtype (Keras's default is int32).
///
/// # Errors
/// `rank_mismatch` unless logits have two axes; `dtype_mismatch` unless the dtype is an integer.
///
/// # Source
/// Keras 3 `keras.random.categorical`, by the greatest of logits plus Gumbel noise.
#[track_caller]
pub fn categorical(logits: &Tensor, num_samples: usize, dtype: DType, seed: impl Into<Seed>) -> Tensor {
    let seed = seed.into();
    Tensor::lift(|| {
        if !dtype.is_int() {
            fail!(DtypeMismatch, "dtype: expected an integer, found {dtype}");
        }
        let shape = logits.shape()?;
        let [batch, classes] = *shape.as_slice() else {
            fail!(RankMismatch, "logits: expected 2 axes, found {}", shape.rank());
        };
        let unit = uniform([batch, num_samples, classes], f64::from(f32::MIN_POSITIVE), 1.0, DType::F32, seed);
        let noise = -(-unit.log()).log();
        let scores = logits.to_float().cast(DType::F32).reshape([batch, 1, classes]) + noise;
        Ok(scores.argmax(Some(-1), false).cast(dtype))
    })
}

/// The int32 numbers from 0 to below `n` in random order.
///
/// # Errors
/// `limit_exceeded` beyond the range of int32.
#[track_caller]
pub fn permutation(n: usize, seed: impl Into<Seed>) -> Tensor {
    call1(&random_permutation::OP, &[seed.into().key()], attrs! { n: n })
}

/// x with the entries along an axis in random order.
///
/// # Errors
/// `out_of_range` for an axis that is none.
///
/// # Source
/// Keras 3 `keras.random.shuffle`.
#[track_caller]
pub fn shuffle(x: &Tensor, axis: isize, seed: impl Into<Seed>) -> Tensor {
    let seed = seed.into();
    Tensor::lift(|| {
        let shape = x.shape()?;
        Ok(x.take(&permutation(shape[shape.axis(axis)?], seed), axis))
    })
}
