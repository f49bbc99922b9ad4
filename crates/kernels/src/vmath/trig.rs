//! Sine, cosine and tangent.
//!
//! `x = n π/2 + r` with `|r| <= π/4`, in three parts of π/2 whose products with `n` are exact or negligible for
//! `|x| <= 1e5`; larger arguments are computed lane by lane in `f64`.

use super::{fixup, poly};
use crate::lanes::Lanes;

const LARGEST: f32 = 1e5;
const FRAC_2_PI: f32 = std::f32::consts::FRAC_2_PI;
const HALF_PI: [f32; 3] = [std::f32::consts::FRAC_PI_2, -4.371_139e-8, -1.715_124_5e-15];
/// `(sin r - r) / r³` in `r²`.
const SIN: [f32; 4] = [-0.166_666_67, 0.008_333_379, -0.000_198_530_73, 2.832_724_7e-6];
/// `(cos r - 1 + r²/2) / r⁴` in `r²`.
const COS: [f32; 3] = [0.041_666_646, -0.001_388_731_1, 2.443_255_3e-5];

/// `n` as an integer, `sin r` and `cos r`.
#[inline(always)]
fn reduced<S: Lanes>(s: S, x: S::F) -> (S::I, S::F, S::F) {
    let n = s.round(s.mul(x, s.splat(FRAC_2_PI)));
    let r = s.fnma(n, s.splat(HALF_PI[0]), x);
    let r = s.fnma(n, s.splat(HALF_PI[1]), r);
    let r = s.fnma(n, s.splat(HALF_PI[2]), r);
    let square = s.mul(r, r);
    let sin = s.fma(s.mul(square, r), poly(s, square, SIN), r);
    let cos = s.fma(s.mul(square, square), poly(s, square, COS), s.fnma(s.splat(0.5), square, s.splat(1.0)));
    (s.to_i(n), sin, cos)
}

/// `sin(r + n π/2)`.
#[inline(always)]
fn quadrant<S: Lanes>(s: S, n: S::I, sin: S::F, cos: S::F) -> S::F {
    let odd = s.ieq(s.iand(n, s.isplat(1)), s.isplat(1));
    let sign = s.ishl::<30>(s.iand(n, s.isplat(2)));
    let y = s.select(odd, cos, sin);
    s.float(s.ixor(s.bits(y), sign))
}

#[inline(always)]
fn rare<S: Lanes>(s: S, x: S::F) -> S::M {
    s.mnot(s.le(s.abs(x), s.splat(LARGEST)))
}

/// Sine.
#[inline(always)]
pub fn sin<S: Lanes>(s: S, x: S::F) -> S::F {
    let (n, sin, cos) = reduced(s, x);
    fixup(s, rare(s, x), x, quadrant(s, n, sin, cos), |x| libm::sin(f64::from(x)) as f32)
}

/// Cosine.
#[inline(always)]
pub fn cos<S: Lanes>(s: S, x: S::F) -> S::F {
    let (n, sin, cos) = reduced(s, x);
    let n = s.iadd(n, s.isplat(1));
    fixup(s, rare(s, x), x, quadrant(s, n, sin, cos), |x| libm::cos(f64::from(x)) as f32)
}

/// Tangent: `sin r / cos r`, or `-cos r / sin r` in the odd quadrants.
#[inline(always)]
pub fn tan<S: Lanes>(s: S, x: S::F) -> S::F {
    let (n, sin, cos) = reduced(s, x);
    let odd = s.ieq(s.iand(n, s.isplat(1)), s.isplat(1));
    let y = s.div(s.select(odd, s.neg(cos), sin), s.select(odd, sin, cos));
    fixup(s, rare(s, x), x, y, |x| libm::tan(f64::from(x)) as f32)
}
