//! The error function and the Gaussian error linear unit.

use super::exp::{exp, sigmoid};
use super::poly;
use crate::lanes::Lanes;

/// `erf(x) / x - 1` in `x²` for `|x| <= 1`, relative error 2^-29 of `erf`.
const SMALL: [f32; 7] =
    [0.128_379_17, -0.376_126_26, 0.112_835_79, -0.026_853_347, 0.005_187_162, -0.000_799_785_3, 7.806_904e-5];
/// `ln erfc(x)` for `1 <= x <= 4`, absolute error 2^-35 of `erfc`.
const LARGE: [f32; 8] = [
    0.000_188_037_68,
    -1.129_578_5,
    -0.633_219_66,
    -0.108_419_01,
    0.025_208_661,
    -0.004_204_767_8,
    0.000_441_390_3,
    -2.169_251e-5,
];

/// `erf(x)` for `|x| <= 1`, and `erfc(|x|)` for larger arguments.
#[inline(always)]
fn pieces<S: Lanes>(s: S, x: S::F) -> (S::F, S::F) {
    let small = s.fma(x, poly(s, s.mul(x, x), SMALL), x);
    let a = s.min(s.splat(4.0), s.abs(x));
    (small, exp(s, poly(s, a, LARGE)))
}

/// The error function.
#[inline(always)]
pub fn erf<S: Lanes>(s: S, x: S::F) -> S::F {
    let (small, tail) = pieces(s, x);
    let large = s.copysign(s.sub(s.splat(1.0), tail), x);
    s.select(s.lt(s.splat(1.0), s.abs(x)), large, small)
}

/// `x Φ(x) = x (1 + erf(x / sqrt 2)) / 2`; beyond `|x| = 5.65` the tail is zero.
#[inline(always)]
pub fn gelu<S: Lanes>(s: S, x: S::F) -> S::F {
    let z = s.mul(x, s.splat(std::f32::consts::FRAC_1_SQRT_2));
    let (small, tail) = pieces(s, z);
    let one = s.splat(1.0);
    let tail = s.select(s.lt(s.abs(z), s.splat(4.0)), tail, s.splat(0.0));
    let large = s.select(s.lt(z, s.splat(0.0)), tail, s.sub(s.splat(2.0), tail));
    let twice = s.select(s.lt(one, s.abs(z)), large, s.add(one, small));
    s.mul(s.mul(s.splat(0.5), x), twice)
}

/// `x (1 + tanh(sqrt(2/π) (x + 0.044715 x³))) / 2`, which is `x sigmoid(2 sqrt(2/π) (x + 0.044715 x³))`.
#[inline(always)]
pub fn gelu_tanh<S: Lanes>(s: S, x: S::F) -> S::F {
    // 2 sqrt(2/π) and 0.044715 times that.
    let inner = s.fma(s.mul(x, x), s.splat(0.071_354_814), s.splat(1.595_769_2));
    s.mul(x, sigmoid(s, s.mul(x, inner)))
}
