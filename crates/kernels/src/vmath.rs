//! Elementary functions of sixteen `f32` lanes.
//!
//! Each function is an argument reduction and a polynomial or rational approximation, fitted for this crate by a
//! minimax iteration in extended precision. The result of a function is the same on every instruction set, bit for
//! bit. Its largest error is in [`Function::max_ulp`], which is what the tests assert against `f64` arithmetic.
//!
//! NaN propagates; infinities, zeros and subnormal arguments give the limits that IEEE 754-2019, section 9.2, names.

#![allow(unsafe_code)]

mod erf;
mod exp;
mod log;
mod pow;
#[cfg(test)]
mod tests;
mod trig;

pub use erf::{erf, gelu, gelu_tanh};
pub use exp::{exp, expm1, sigmoid, silu, tanh};
pub use log::{log, log1p, log2, log10, softplus};
pub use pow::pow;
pub use trig::{cos, sin, tan};

use crate::isa::Isa;
use crate::lanes::{LANES, Lanes};
use crate::pointwise::{Op, f32_kernel};

/// Horner's rule, lowest coefficient first.
#[inline(always)]
pub(crate) fn poly<S: Lanes, const N: usize>(s: S, x: S::F, c: [f32; N]) -> S::F {
    let mut y = s.splat(c[N - 1]);
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        y = s.fma(y, x, s.splat(c[i]));
    }
    y
}

/// Replaces the lanes of `y` where `mask` holds by a scalar function of `x`: the rare arguments.
#[inline(always)]
pub(crate) fn fixup<S: Lanes>(s: S, mask: S::M, x: S::F, y: S::F, f: fn(f32) -> f32) -> S::F {
    let bits = s.mbits(mask);
    if bits == 0 {
        return y;
    }
    let mut out = s.to_array(y);
    fix_lanes(bits, &s.to_array(x), &mut out, f);
    s.with_lanes(&out)
}

#[cold]
#[inline(never)]
fn fix_lanes(bits: u32, x: &[f32; LANES], out: &mut [f32; LANES], f: fn(f32) -> f32) {
    for i in 0..LANES {
        if bits >> i & 1 != 0 {
            out[i] = f(x[i]);
        }
    }
}

/// `1 / sqrt(x)`.
#[inline(always)]
pub fn rsqrt<S: Lanes>(s: S, x: S::F) -> S::F {
    s.div(s.splat(1.0), s.sqrt(x))
}

macro_rules! functions {
    ($($variant:ident $f:ident $ulp:literal $reference:expr, $doc:literal;)+) => {
        /// A function of one argument, with its error bound and its `f64` reference.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Function { $(#[doc = $doc] $variant,)+ }

        impl Function {
            /// Every function.
            pub const ALL: &'static [Function] = &[$(Function::$variant,)+];

            /// The name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Function::$variant => stringify!($f),)+ }
            }

            /// Largest error, in units in the last place of the result; for the `gelu`s, of the larger of the result
            /// and `min(|x|, 1)`, and for `silu`, of the larger of the result and 2^-119.
            #[must_use]
            pub const fn max_ulp(self) -> f64 {
                match self { $(Function::$variant => $ulp,)+ }
            }

            /// The function in `f64`.
            #[must_use]
            pub fn reference(self, x: f64) -> f64 {
                match self { $(Function::$variant => { let f: fn(f64) -> f64 = $reference; f(x) })+ }
            }

            fn op(self) -> Op {
                match self { $(Function::$variant => Op::$variant,)+ }
            }
        }
    };
}

functions! {
    Exp exp 1.1 libm::exp, "`e^x`.";
    Expm1 expm1 1.6 libm::expm1, "`e^x - 1`, accurate near zero.";
    Log log 1.6 libm::log, "Natural logarithm.";
    Log2 log2 2.6 libm::log2, "Logarithm to base 2.";
    Log10 log10 2.6 libm::log10, "Logarithm to base 10.";
    Log1p log1p 1.6 libm::log1p, "`ln(1 + x)`, accurate near zero.";
    Tanh tanh 3.0 libm::tanh, "Hyperbolic tangent.";
    Sigmoid sigmoid 2.5 |x| 1.0 / (1.0 + libm::exp(-x)), "`1 / (1 + e^-x)`.";
    Silu silu 3.0 |x| x / (1.0 + libm::exp(-x)), "`x / (1 + e^-x)`.";
    Softplus softplus 2.5 |x| x.max(0.0) + libm::log1p(libm::exp(-x.abs())), "`ln(1 + e^x)`.";
    Erf erf 2.0 libm::erf, "Error function.";
    Gelu gelu 3.0 |x| 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2), "`x Φ(x)`.";
    GeluTanh gelu_tanh 4.0 gelu_tanh_f64, "`x Φ(x)` by its usual approximation with tanh.";
    Sin sin 1.6 libm::sin, "Sine.";
    Cos cos 1.6 libm::cos, "Cosine.";
    Tan tan 3.6 libm::tan, "Tangent.";
    Sqrt sqrt 0.501 libm::sqrt, "Square root, correctly rounded.";
    Rsqrt rsqrt 1.6 |x| 1.0 / libm::sqrt(x), "`1 / sqrt(x)`.";
}

fn gelu_tanh_f64(x: f64) -> f64 {
    let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
    if x == f64::NEG_INFINITY { f64::NAN } else { x / (1.0 + libm::exp(-2.0 * u)) }
}

/// `y[i] = function(x[i])` for the first `min(x.len(), y.len())` elements, on the calling thread.
pub fn apply(isa: Isa, function: Function, x: &[f32], y: &mut [f32]) {
    let isa = if isa.available() { isa } else { Isa::fastest() };
    if let Some(kernel) = f32_kernel(function.op(), isa, [false; 3]) {
        let from = x.as_ptr().cast();
        // SAFETY: both slices have so many elements; the CPU runs the instruction set.
        unsafe { kernel(y.as_mut_ptr().cast(), from, from, from, x.len().min(y.len())) };
    }
}
