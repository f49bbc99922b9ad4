//! Element-wise functions written with others.

use crate::arithmetic::{Arg, float_pair};
use crate::core::prelude::*;

impl Tensor {
    /// The same values in a float dtype: integers and bools become float32, the rest stays.
    #[track_caller]
    pub fn to_float(&self) -> Tensor {
        match self.dtype() {
            Ok(d) if d.is_int() || d == DType::Bool => self.cast(DType::F32),
            _ => self.clone(),
        }
    }

    /// `a + b`, element-wise with broadcasting: the operator `+`.
    #[track_caller]
    pub fn add(&self, other: impl Into<Arg>) -> Tensor {
        self + other
    }

    /// `a - b`, element-wise with broadcasting: the operator `-`.
    #[track_caller]
    pub fn subtract(&self, other: impl Into<Arg>) -> Tensor {
        self - other
    }

    /// `a · b`, element-wise with broadcasting: the operator `*`.
    #[track_caller]
    pub fn multiply(&self, other: impl Into<Arg>) -> Tensor {
        self * other
    }

    #[doc(alias = "true_divide")]
    /// `a / b`, element-wise with broadcasting: the operator `/`. Integers become float32.
    #[track_caller]
    pub fn divide(&self, other: impl Into<Arg>) -> Tensor {
        self / other
    }

    /// `a / b`, and 0 where `b` is 0; so is the gradient there.
    #[track_caller]
    pub fn divide_no_nan(&self, divisor: impl Into<Arg>) -> Tensor {
        let divisor = divisor.into();
        Tensor::lift(|| {
            let (a, b) = float_pair(self, divisor)?;
            let zero = b.equal(0);
            Ok(zero.where_(0, a / zero.where_(1, &b)))
        })
    }

    /// 2^x; integers become float32.
    #[track_caller]
    pub fn exp2(&self) -> Tensor {
        Tensor::lift(|| {
            let x = self.to_float();
            Ok(Tensor::full([], 2.0, x.dtype()?).power(x))
        })
    }

    /// √(a² + b²) without overflow on the way, element-wise with broadcasting. The derivative at 0 is 0.
    #[track_caller]
    pub fn hypot(&self, other: impl Into<Arg>) -> Tensor {
        let other = other.into();
        Tensor::lift(|| {
            let (a, b) = float_pair(self, other)?;
            let (a, b) = (a.absolute(), b.absolute());
            let (most, least) = (a.maximum(&b), a.minimum(&b));
            let plain = most.isfinite().logical_and(most.greater(0));
            let ratio = plain.where_(least, 0) / plain.where_(&most, 1);
            // Infinite if a side is, whatever the other: even NaN.
            let infinite = a.isinf().logical_or(b.isinf());
            Ok(infinite.where_(f64::INFINITY, most * (ratio.square() + 1.0).sqrt()))
        })
    }

    /// ln(e^a + e^b), without overflow; element-wise with broadcasting.
    #[track_caller]
    pub fn logaddexp(&self, other: impl Into<Arg>) -> Tensor {
        let other = other.into();
        Tensor::lift(|| {
            let (a, b) = float_pair(self, other)?;
            // Equal infinities would differ by NaN.
            let gap = a.equal(&b).where_(0, &a - &b);
            Ok(a.maximum(b) + (-gap.absolute()).softplus())
        })
    }

    /// log2(2^a + 2^b), without overflow; element-wise with broadcasting.
    #[track_caller]
    pub fn logaddexp2(&self, other: impl Into<Arg>) -> Tensor {
        let other = other.into();
        Tensor::lift(|| {
            let (a, b) = float_pair(self, other)?;
            let gap = a.equal(&b).where_(0, &a - &b);
            let beyond = (gap.absolute() * -std::f64::consts::LN_2).softplus();
            Ok(a.maximum(b) + beyond * std::f64::consts::LOG2_E)
        })
    }

    /// sin(πx) / (πx), and 1 at 0. Integers become float32.
    #[track_caller]
    pub fn sinc(&self) -> Tensor {
        let x = self.to_float() * std::f64::consts::PI;
        let zero = x.equal(0.0);
        let safe = zero.where_(1.0, x);
        zero.where_(1.0, safe.sin() / safe)
    }

    /// Degrees as radians. Integers become float32.
    #[track_caller]
    pub fn deg2rad(&self) -> Tensor {
        self.to_float() * (std::f64::consts::PI / 180.0)
    }

    /// Radians as degrees. Integers become float32.
    #[track_caller]
    pub fn rad2deg(&self) -> Tensor {
        self.to_float() * (180.0 / std::f64::consts::PI)
    }

    /// The greater of the two, or the one that is not NaN.
    #[track_caller]
    pub fn fmax(&self, other: impl Into<Arg>) -> Tensor {
        self.ignoring_nan(other.into(), Tensor::maximum)
    }

    /// The lesser of the two, or the one that is not NaN.
    #[track_caller]
    pub fn fmin(&self, other: impl Into<Arg>) -> Tensor {
        self.ignoring_nan(other.into(), Tensor::minimum)
    }

    fn ignoring_nan(&self, other: Arg, pick: fn(&Tensor, Tensor) -> Tensor) -> Tensor {
        Tensor::lift(|| {
            let dtype = crate::arithmetic::common_dtype(&[self.into(), other.clone()])?;
            let (a, b) = (self.cast(dtype), other.to(dtype)?);
            if !dtype.is_float() {
                return Ok(pick(&a, b));
            }
            let picked = pick(&a, b.clone());
            Ok(a.isnan().where_(&b, b.isnan().where_(&a, picked)))
        })
    }

    /// 0 below zero, `at_zero` at zero, 1 above; NaN of NaN. Element-wise with broadcasting.
    #[track_caller]
    pub fn heaviside(&self, at_zero: impl Into<Arg>) -> Tensor {
        let at_zero = at_zero.into();
        Tensor::lift(|| {
            let (x, at_zero) = float_pair(self, at_zero)?;
            let step = x.greater(0.0).cast_like(&x);
            Ok(x.equal(0.0).where_(at_zero, x.isnan().where_(&x, step)))
        })
    }

    /// `x · 2^exponent`, element-wise with broadcasting. Integers become float32; the exponent must be an integer.
    ///
    /// # Errors
    /// `dtype_mismatch` when the exponent is not an integer.
    #[track_caller]
    pub fn ldexp(&self, exponent: impl Into<Arg>) -> Tensor {
        let exponent = exponent.into();
        Tensor::lift(|| {
            let (x, e) = (self.to_float(), exponent.tensor()?);
            if !e.dtype()?.is_int() {
                fail!(DtypeMismatch, "exponent: expected an integer, found {}", e.dtype()?);
            }
            // In two factors, since the power alone may overflow where the product does not.
            let half = e.floor_divide(2);
            let rest = e - &half;
            Ok(&x * half.cast_like(&x).exp2() * rest.cast_like(&x).exp2())
        })
    }

    /// NaN, +∞ and -∞ replaced: by `nan` and, unless given, by the greatest and least number of the dtype.
    #[track_caller]
    pub fn nan_to_num(&self, nan: f64, posinf: Option<f64>, neginf: Option<f64>) -> Tensor {
        Tensor::lift(|| {
            let dtype = self.dtype()?;
            if !dtype.is_float() {
                return Ok(self.clone());
            }
            let most = greatest(dtype);
            let x = self.isnan().where_(nan, self);
            let x = self.isposinf().where_(posinf.unwrap_or(most), x);
            Ok(self.isneginf().where_(neginf.unwrap_or(-most), x))
        })
    }

    /// The same values in another dtype, held to its range first. NaN becomes 0 in an integer dtype.
    #[track_caller]
    pub fn saturate_cast(&self, dtype: DType) -> Tensor {
        Tensor::lift(|| {
            let from = self.dtype()?;
            if from == DType::Bool || dtype == DType::Bool || dtype.is_complex() || from.is_complex() {
                return Ok(self.cast(dtype));
            }
            if from.is_float() && dtype.is_float() {
                let most = greatest(dtype);
                return Ok(if most < greatest(from) { self.clip(-most, most).cast(dtype) } else { self.cast(dtype) });
            }
            let (Some((low, high)), own) = (range(dtype), range(from)) else { return Ok(self.cast(dtype)) };
            // Bounds beyond the range of x do not bind, and may not be numbers of its dtype.
            let (low, high) = match own {
                Some((least, most)) => (low.max(least), high.min(most)),
                None => (low, high),
            };
            if from.is_int() {
                return Ok(self.clip(low as i64, high.min(i64::MAX as i128) as i64).cast(dtype));
            }
            // Conversions of floats to integers saturate by themselves.
            Ok(self.cast(dtype))
        })
    }

    /// The Vandermonde matrix of a vector: column `j` is `x^j` with `increasing`, `x^(columns-1-j)` without. As many
    /// columns as elements unless told otherwise.
    ///
    /// # Errors
    /// `rank_mismatch` unless x has one axis.
    #[track_caller]
    pub fn vander(&self, columns: Option<usize>, increasing: bool) -> Tensor {
        Tensor::lift(|| {
            let ty = self.ty()?;
            let [n] = *ty.shape.as_slice() else {
                fail!(RankMismatch, "expected 1 axis, found {}", ty.shape.rank());
            };
            let columns = columns.unwrap_or(n);
            let powers: Vec<i64> =
                if increasing { (0..columns as i64).collect() } else { (0..columns as i64).rev().collect() };
            let powers = Array::from_i64(ty.dtype, [columns], &powers)?;
            Ok(self.reshape([n, 1]).power(Tensor::from(powers)))
        })
    }
}

/// The range of an integer dtype.
fn range(dtype: DType) -> Option<(i128, i128)> {
    if !dtype.is_int() {
        return None;
    }
    let bits = 8 * dtype.size() as u32;
    Some(if dtype.is_signed_int() { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) })
}

/// The greatest finite number of a float dtype.
pub(crate) fn greatest(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => cornet_tensor::f16::MAX.to_f64(),
        DType::BF16 => cornet_tensor::bf16::MAX.to_f64(),
        DType::F64 => f64::MAX,
        _ => f64::from(f32::MAX),
    }
}
