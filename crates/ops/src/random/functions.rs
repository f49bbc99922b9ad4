//! Continuous draws, as functions of shape, parameters and seed.

use super::{Seed, random_bits, random_dropout, random_fold_in, random_gamma, random_integers};
use super::{random_normal, random_truncated_normal, random_uniform};
use crate::arithmetic::Arg;
use crate::core::prelude::*;

/// Fails unless draws of this dtype exist.
fn expect_float(dtype: DType) -> Result<()> {
    if !dtype.is_float() {
        fail!(DtypeMismatch, "dtype: expected a float, found {dtype}");
    }
    Ok(())
}

/// A key derived from a key and a number.
#[track_caller]
pub fn fold_in(seed: impl Into<Seed>, data: u32) -> Tensor {
    call1(&random_fold_in::OP, &[seed.into().key()], attrs! { data: i64::from(data) })
}

/// Random words of a shape.
#[track_caller]
pub(super) fn bits(shape: &Shape, key: &Tensor) -> Tensor {
    call1(&random_bits::OP, &[key], attrs! { shape: shape })
}

/// Uniform in [0, 1), of 53 bits, as float64.
fn wide_unit(shape: &Shape, key: &Tensor) -> Tensor {
    let part = |data: u32, keep: i32| (bits(shape, &fold_in(key, data)).right_shift(32 - keep)).cast(DType::F64);
    (part(0, 27) * f64::from(1 << 26) + part(1, 26)) / (1_u64 << 53) as f64
}

/// Uniform numbers in `[low, high)`. float32 has 23 random bits, float64 53; float16 and bfloat16 as many as they hold.
///
/// # Errors
/// `dtype_mismatch` unless the dtype is a float.
///
/// # Source
/// Keras 3 `keras.random.uniform`.
#[track_caller]
pub fn uniform(shape: impl Into<Shape>, low: f64, high: f64, dtype: DType, seed: impl Into<Seed>) -> Tensor {
    let (shape, seed) = (shape.into(), seed.into());
    Tensor::lift(|| {
        expect_float(dtype)?;
        Ok(match dtype {
            DType::F32 => call1(&random_uniform::OP, &[seed.key()], attrs! { shape: shape, low: low, high: high }),
            DType::F64 => wide_unit(&shape, seed.key()) * (high - low) + low,
            _ => {
                let keep = if dtype == DType::F16 { 11 } else { 8 };
                let fraction = bits(&shape, seed.key()).right_shift(32 - keep).cast(DType::F32);
                let unit = fraction * 0.5_f64.powi(keep);
                (unit * (high - low) + low).cast(dtype)
            }
        })
    })
}

/// Normal numbers.
///
/// # Errors
/// `dtype_mismatch` unless the dtype is a float.
///
/// # Source
/// Keras 3 `keras.random.normal`.
#[track_caller]
pub fn normal(shape: impl Into<Shape>, mean: f64, stddev: f64, dtype: DType, seed: impl Into<Seed>) -> Tensor {
    let (shape, seed) = (shape.into(), seed.into());
    Tensor::lift(|| {
        expect_float(dtype)?;
        if dtype == DType::F64 {
            // The middle of each of the 2^53 steps, so that no step gives an infinity.
            let unit = wide_unit(&shape, seed.key()) + 0.5_f64.powi(54);
            let z = (unit * 2.0 - 1.0).erfinv() * std::f64::consts::SQRT_2;
            return Ok(z * stddev + mean);
        }
        let attrs = attrs! { shape: shape, mean: mean, stddev: stddev };
        Ok(call1(&random_normal::OP, &[seed.key()], attrs).cast(dtype))
    })
}

/// Normal numbers within two standard deviations of the mean; what is further off is drawn again. float64 carries 24
/// random bits.
///
/// # Errors
/// `dtype_mismatch` unless the dtype is a float.
///
/// # Source
/// Keras 3 `keras.random.truncated_normal`.
#[track_caller]
pub fn truncated_normal(
    shape: impl Into<Shape>,
    mean: f64,
    stddev: f64,
    dtype: DType,
    seed: impl Into<Seed>,
) -> Tensor {
    let (shape, seed) = (shape.into(), seed.into());
    Tensor::lift(|| {
        expect_float(dtype)?;
        let attrs = attrs! { shape: shape, mean: mean, stddev: stddev };
        Ok(call1(&random_truncated_normal::OP, &[seed.key()], attrs).cast(dtype))
    })
}

/// Whole numbers from `low` to below `high`.
///
/// # Errors
/// `dtype_mismatch` unless the dtype is an integer; `invalid_argument` for an empty range.
///
/// # Source
/// Keras 3 `keras.random.randint`.
#[track_caller]
pub fn randint(shape: impl Into<Shape>, low: i64, high: i64, dtype: DType, seed: impl Into<Seed>) -> Tensor {
    let (shape, seed) = (shape.into(), seed.into());
    Tensor::lift(|| {
        if !dtype.is_int() {
            fail!(DtypeMismatch, "dtype: expected an integer, found {dtype}");
        }
        if low >= high {
            fail!(InvalidArgument, "range: expected low < high, found {low} and {high}");
        }
        Ok(call1(&random_integers::OP, &[seed.key()], attrs! { shape: shape, low: low, high: high }).cast(dtype))
    })
}

/// Gamma-distributed numbers of scale 1, with the shape parameter `alpha`, which broadcasts to `shape`; NaN unless it
/// is above 0.
///
/// # Errors
/// `dtype_mismatch` unless the dtype is a float; `shape_mismatch` when `alpha` does not broadcast.
///
/// # Source
/// Keras 3 `keras.random.gamma`.
#[track_caller]
pub fn gamma(shape: impl Into<Shape>, alpha: impl Into<Arg>, dtype: DType, seed: impl Into<Seed>) -> Tensor {
    let (shape, alpha, seed) = (shape.into(), alpha.into(), seed.into());
    Tensor::lift(|| {
        expect_float(dtype)?;
        // Half precision is drawn in float32.
        let alpha = alpha.to(dtype.accumulator())?.broadcast_to(&shape).stop_gradient();
        Ok(call1(&random_gamma::OP, &[&alpha, seed.key()], Attrs::default()).cast(dtype))
    })
}

/// Beta-distributed numbers, as `a / (a + b)` of two gamma-distributed ones; parameters broadcast to `shape`.
///
/// # Errors
/// As [`gamma`].
///
/// # Source
/// Keras 3 `keras.random.beta`.
#[track_caller]
pub fn beta(
    shape: impl Into<Shape>,
    alpha: impl Into<Arg>,
    beta: impl Into<Arg>,
    dtype: DType,
    seed: impl Into<Seed>,
) -> Tensor {
    let (shape, alpha, beta, seed) = (shape.into(), alpha.into(), beta.into(), seed.into());
    Tensor::lift(|| {
        expect_float(dtype)?;
        let wide = dtype.accumulator();
        let a = gamma(&shape, alpha, wide, fold_in(seed.key(), 0));
        let b = gamma(&shape, beta, wide, fold_in(seed.key(), 1));
        Ok((&a / (&a + b)).cast(dtype))
    })
}

/// `x / (1 - rate)` in places kept with probability `1 - rate`, 0 elsewhere. `noise_shape`, of x's rank with `None` for
/// an axis's own size, makes axes of size 1 kept or dropped as one.
///
/// # Errors
/// `invalid_argument` unless the rate is in `[0, 1]`; `shape_mismatch` for a noise shape that does not broadcast;
/// `dtype_mismatch` unless x is a float.
///
/// # Source
/// Keras 3 `keras.random.dropout`.
#[track_caller]
pub fn dropout(x: &Tensor, rate: f64, noise_shape: Option<&[Option<usize>]>, seed: impl Into<Seed>) -> Tensor {
    let seed = seed.into();
    Tensor::lift(|| {
        if !(0.0..=1.0).contains(&rate) {
            fail!(InvalidArgument, "rate: expected 0 to 1, found {rate}");
        }
        if rate == 0.0 {
            return Ok(x.clone());
        }
        let shape = x.shape()?;
        let noise = match noise_shape {
            None => return Ok(random_dropout::apply(x, seed.key(), rate)),
            Some(sizes) if sizes.len() == shape.rank() => sizes,
            Some(sizes) => {
                return Err(err!(RankMismatch, "noise shape: expected {} axes, found {}", shape.rank(), sizes.len()));
            }
        };
        let sizes: Shape = noise.iter().zip(shape.iter()).map(|(size, &own)| size.unwrap_or(own)).collect();
        let mask = random_dropout::apply(&Tensor::ones(sizes, x.dtype()?), seed.key(), rate);
        Ok(x * mask.broadcast_to(&shape))
    })
}
