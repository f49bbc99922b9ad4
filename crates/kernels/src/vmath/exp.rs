//! The exponential and its relatives.
//!
//! `x = n ln 2 + r` with `|r| <= ln 2 / 2`; `e^r - 1 = r + r² Q(r)`.

use super::poly;
use crate::lanes::Lanes;

const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// `ln 2` in two parts, the first with 15 bits, so that its product with an exponent is exact.
pub(super) const LN2_HI: f32 = 0.693_145_75;
pub(super) const LN2_LO: f32 = 1.428_606_8e-6;
/// `(e^r - 1 - r) / r²`, relative error 2^-26 of `e^r - 1`.
const Q4: [f32; 5] = [0.499_999_97, 0.166_665_45, 0.041_667_465, 0.008_366_427, 0.001_386_820_2];
/// The same with relative error 2^-31.
const Q5: [f32; 6] = [0.5, 0.166_666_66, 0.041_666_493, 0.008_333_543, 0.001_393_236_5, 0.000_197_643_31];

/// `n` and `r` of the reduction.
#[inline(always)]
fn reduce<S: Lanes>(s: S, x: S::F) -> (S::F, S::F) {
    let n = s.round(s.mul(x, s.splat(LOG2_E)));
    let r = s.fnma(n, s.splat(LN2_HI), x);
    (n, s.fnma(n, s.splat(LN2_LO), r))
}

/// Below this `e^x` rounds to zero. Such lanes are set to zero rather than computed: an instruction whose result
/// underflows takes a hundred times as long, and arguments like -1e9 are how attention masks are written.
const ZERO_BELOW: f32 = -103.972_1;

/// `e^x`.
#[inline(always)]
pub fn exp<S: Lanes>(s: S, x: S::F) -> S::F {
    let (zero, tiny) = (s.splat(0.0), s.lt(x, s.splat(ZERO_BELOW)));
    let (n, r) = reduce(s, s.min(s.splat(89.0), s.select(tiny, zero, x)));
    let p = s.fma(s.mul(r, r), poly(s, r, Q4), r);
    s.select(tiny, zero, s.scale2(s.add(p, s.splat(1.0)), n))
}

/// `e^(x + low)` for `|low|` far below one unit in the last place of a large `x`.
#[inline(always)]
pub(super) fn exp_sum<S: Lanes>(s: S, x: S::F, low: S::F) -> S::F {
    let (zero, tiny) = (s.splat(0.0), s.lt(x, s.splat(ZERO_BELOW)));
    let x = s.min(s.splat(89.0), s.select(tiny, zero, x));
    let (n, r) = reduce(s, x);
    let r = s.add(r, low);
    let p = s.fma(s.mul(r, r), poly(s, r, Q4), r);
    s.select(tiny, zero, s.scale2(s.add(p, s.splat(1.0)), n))
}

/// `e^x - 1`.
#[inline(always)]
pub fn expm1<S: Lanes>(s: S, x: S::F) -> S::F {
    let x = s.min(s.splat(89.0), s.max(s.splat(-20.0), x));
    let (n, r) = reduce(s, x);
    let p = s.fma(s.mul(r, r), poly(s, r, Q5), r);
    // 2 (p t + t - 1/2) with t = 2^(n-1), which is finite where 2^n is not.
    let t = s.scale2(s.splat(0.5), n);
    let half = s.fma(p, t, s.sub(t, s.splat(0.5)));
    s.add(half, half)
}

/// Hyperbolic tangent: `-t / (t + 2)` with `t = e^(-2|x|) - 1`, and the sign of `x`.
#[inline(always)]
pub fn tanh<S: Lanes>(s: S, x: S::F) -> S::F {
    let a = s.abs(x);
    let t = expm1(s, s.mul(a, s.splat(-2.0)));
    s.copysign(s.div(t, s.add(t, s.splat(2.0))), x)
}

/// `1 / (1 + e^-x)`, from `e^-|x|` so that nothing overflows.
#[inline(always)]
pub fn sigmoid<S: Lanes>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let e = exp(s, s.neg(s.abs(x)));
    s.div(s.select(s.lt(x, s.splat(0.0)), e, one), s.add(one, e))
}

/// `x / (1 + e^-x)`.
#[inline(always)]
pub fn silu<S: Lanes>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let e = exp(s, s.neg(s.abs(x)));
    s.div(s.select(s.lt(x, s.splat(0.0)), s.mul(e, x), x), s.add(one, e))
}
