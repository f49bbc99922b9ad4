//! Logarithms and softplus.
//!
//! `x = 2^k m` with `m` in `[sqrt(1/2), sqrt(2))`; `ln(1 + f) = f - f²/2 + f³ P(f)` with `f = m - 1`.

use super::exp::{LN2_HI, LN2_LO, exp};
use super::poly;
use crate::lanes::Lanes;

/// `(ln(1 + f) - f + f²/2) / f³`, relative error 2^-27 of `ln(1 + f)`.
const P: [f32; 8] =
    [0.333_333_3, -0.250_008_2, 0.200_012_42, -0.166_234_08, 0.142_015_77, -0.131_596_31, 0.127_622_62, -0.076_364_31];
const SQRT_HALF_BITS: i32 = 0x3f35_04f3;

/// `k` and `m` of a positive normal number.
#[inline(always)]
pub(super) fn split<S: Lanes>(s: S, x: S::F) -> (S::I, S::F) {
    let bits = s.bits(x);
    let k = s.isar::<23>(s.isub(bits, s.isplat(SQRT_HALF_BITS)));
    (k, s.float(s.isub(bits, s.ishl::<23>(k))))
}

/// Scales subnormal numbers into the normal range; the second result is what to add to the exponent.
#[inline(always)]
pub(super) fn normalise<S: Lanes>(s: S, x: S::F) -> (S::F, S::F) {
    let small = s.lt(x, s.splat(f32::MIN_POSITIVE));
    let scaled = s.select(small, s.mul(x, s.splat(8_388_608.0)), x);
    (scaled, s.select(small, s.splat(-23.0), s.splat(0.0)))
}

/// `-f²/2 + f³ P(f) + low`.
#[inline(always)]
fn tail<S: Lanes>(s: S, f: S::F, low: S::F) -> S::F {
    let square = s.mul(f, f);
    let cube = s.fma(s.mul(square, f), poly(s, f, P), low);
    s.fnma(s.splat(0.5), square, cube)
}

/// `k ln 2 + ln(1 + f)`.
#[inline(always)]
fn assemble<S: Lanes>(s: S, k: S::F, f: S::F) -> S::F {
    let y = tail(s, f, s.mul(k, s.splat(LN2_LO)));
    s.fma(k, s.splat(LN2_HI), s.add(f, y))
}

/// The limits: `-inf` at zero, NaN below, the argument itself at `inf` and NaN.
#[inline(always)]
fn limits<S: Lanes>(s: S, argument: S::F, x: S::F, y: S::F) -> S::F {
    let zero = s.splat(0.0);
    let y = s.select(s.eq(argument, zero), s.splat(f32::NEG_INFINITY), y);
    let y = s.select(s.lt(argument, zero), s.splat(f32::NAN), y);
    s.select(s.lt(argument, s.splat(f32::INFINITY)), y, x)
}

/// Natural logarithm.
#[inline(always)]
pub fn log<S: Lanes>(s: S, x: S::F) -> S::F {
    let (scaled, offset) = normalise(s, x);
    let (k, m) = split(s, scaled);
    let k = s.add(s.to_f(k), offset);
    limits(s, x, x, assemble(s, k, s.sub(m, s.splat(1.0))))
}

/// `(k, ln m)` of a logarithm to another base, times `factor = 1 / ln base` in two parts, plus `k log(2)`.
#[inline(always)]
fn log_base<S: Lanes>(s: S, x: S::F, factor: [f32; 2], two: [f32; 2]) -> S::F {
    let (scaled, offset) = normalise(s, x);
    let (k, m) = split(s, scaled);
    let k = s.add(s.to_f(k), offset);
    let f = s.sub(m, s.splat(1.0));
    let y = tail(s, f, s.splat(0.0));
    // (f + y) * (factor_0 + factor_1), the large product kept exact by its rounding error.
    let hi = s.mul(f, s.splat(factor[0]));
    let lo = s.fma(f, s.splat(factor[0]), s.neg(hi));
    let lo = s.fma(f, s.splat(factor[1]), lo);
    let lo = s.fma(y, s.splat(factor[0]), lo);
    let lo = s.fma(k, s.splat(two[1]), lo);
    limits(s, x, x, s.fma(k, s.splat(two[0]), s.add(hi, lo)))
}

/// Logarithm to base 2.
#[inline(always)]
pub fn log2<S: Lanes>(s: S, x: S::F) -> S::F {
    log_base(s, x, [std::f32::consts::LOG2_E, 1.925_963e-8], [1.0, 0.0])
}

/// Logarithm to base 10.
#[inline(always)]
pub fn log10<S: Lanes>(s: S, x: S::F) -> S::F {
    log_base(s, x, [std::f32::consts::LOG10_E, -1.010_305e-8], [0.301_025_4, 4.605_039e-6])
}

/// `ln(1 + x)`.
#[inline(always)]
pub fn log1p<S: Lanes>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let u = s.add(one, x);
    // 1 + x = u + c exactly, and u + c = 2^k (m + c 2^-k).
    let c = s.sub(x, s.sub(u, one));
    let (k, m) = split(s, u);
    let k = s.to_f(k);
    let f = s.add(s.sub(m, one), s.scale2(c, s.neg(k)));
    limits(s, u, x, assemble(s, k, f))
}

/// `ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)`.
#[inline(always)]
pub fn softplus<S: Lanes>(s: S, x: S::F) -> S::F {
    let e = exp(s, s.neg(s.abs(x)));
    s.add(s.max(s.splat(0.0), x), log1p(s, e))
}
