//! `x^y = e^(y ln x)`, with the logarithm and the product in pairs of `f32`.

use super::exp::{LN2_HI, LN2_LO, exp_sum};
use super::log::{normalise, split};
use super::poly;
use crate::lanes::{LANES, Lanes};

/// `2/3` in two parts.
const TWO_THIRDS: [f32; 2] = [0.666_666_7, -1.986_821_5e-8];
/// `2/5, 2/7, …`: the rest of `2 atanh(s)` in `s²`.
const REST: [f32; 4] = [0.4, 0.285_714_3, 0.222_222_22, 0.2];

/// `a + b` for `|a| >= |b|`, and its rounding error.
#[inline(always)]
fn fast_sum<S: Lanes>(s: S, a: S::F, b: S::F) -> (S::F, S::F) {
    let sum = s.add(a, b);
    (sum, s.sub(b, s.sub(sum, a)))
}

/// `a * b` and its rounding error.
#[inline(always)]
fn product<S: Lanes>(s: S, a: S::F, b: S::F) -> (S::F, S::F) {
    let p = s.mul(a, b);
    (p, s.fma(a, b, s.neg(p)))
}

/// `(a + a_low) * (b + b_low)` as a pair.
#[inline(always)]
fn pair_product<S: Lanes>(s: S, a: (S::F, S::F), b: (S::F, S::F)) -> (S::F, S::F) {
    let (p, e) = product(s, a.0, b.0);
    (p, s.fma(a.0, b.1, s.fma(a.1, b.0, e)))
}

/// `ln x` of a positive finite `x` as a pair, relative error about 2^-34.
#[inline(always)]
fn log_pair<S: Lanes>(s: S, x: S::F) -> (S::F, S::F) {
    let (scaled, offset) = normalise(s, x);
    let (k, m) = split(s, scaled);
    let k = s.add(s.to_f(k), offset);
    let f = s.sub(m, s.splat(1.0));
    // t = f / (2 + f), so that ln(1 + f) = 2 atanh(t).
    let (d, d_low) = fast_sum(s, s.splat(2.0), f);
    let t = s.div(f, d);
    let rest = s.fnma(t, d_low, s.fnma(t, d, f));
    let t = (t, s.div(rest, d));
    let square = pair_product(s, t, t);
    let c = fast_sum(s, s.splat(TWO_THIRDS[0]), s.mul(square.0, poly(s, square.0, REST)));
    let c = (c.0, s.add(c.1, s.splat(TWO_THIRDS[1])));
    let cubic = pair_product(s, pair_product(s, square, t), c);
    let two = (s.add(t.0, t.0), s.add(t.1, t.1));
    let (m_high, e) = fast_sum(s, two.0, cubic.0);
    let m_low = s.add(e, s.add(two.1, cubic.1));
    // k LN2_HI is exact and exceeds |ln m| unless k = 0, where it is zero and the sum is exact too.
    let (p, p_low) = product(s, k, s.splat(LN2_LO));
    let base = s.mul(k, s.splat(LN2_HI));
    let sum = s.add(base, m_high);
    let back = s.sub(sum, base);
    let e = s.add(s.sub(base, s.sub(sum, back)), s.sub(m_high, back));
    let low = s.add(s.add(e, p_low), s.add(m_low, p));
    fast_sum(s, sum, low)
}

/// `x^y` with C's special cases.
#[inline(always)]
pub fn pow<S: Lanes>(s: S, x: S::F, y: S::F) -> S::F {
    let (l, l_low) = log_pair(s, x);
    let (p, e) = product(s, y, l);
    let r = exp_sum(s, p, s.fma(y, l_low, e));
    let inf = s.splat(f32::INFINITY);
    let usual = s.mand(s.lt(s.splat(0.0), x), s.mand(s.lt(x, inf), s.lt(s.abs(p), s.splat(1e4))));
    let bits = s.mbits(s.mnot(usual));
    if bits == 0 {
        return r;
    }
    let mut out = s.to_array(r);
    fix_lanes(bits, &s.to_array(x), &s.to_array(y), &mut out);
    s.with_lanes(&out)
}

#[cold]
#[inline(never)]
fn fix_lanes(bits: u32, x: &[f32; LANES], y: &[f32; LANES], out: &mut [f32; LANES]) {
    for i in 0..LANES {
        if bits >> i & 1 != 0 {
            out[i] = libm::pow(f64::from(x[i]), f64::from(y[i])) as f32;
        }
    }
}
