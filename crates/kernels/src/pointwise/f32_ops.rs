//! `f32` tile kernels, written over [`Lanes`] and compiled per instruction set.

#![allow(unsafe_code)]

use super::{Op, TileFn};
use crate::isa::Isa;
use crate::lanes::{LANES, Lanes, Portable};
use crate::special;
use crate::vmath;

/// Vectors in flight per iteration of a cheap kernel.
const UNROLL: usize = 4;

/// The instance of a generic kernel for an instruction set.
macro_rules! by_isa {
    ($isa:expr, $portable:ident, $avx2:ident, $avx512:ident, <$($arg:tt),*>) => {
        match $isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => $avx512::<$($arg),*>,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => $avx2::<$($arg),*>,
            _ => $portable::<$($arg),*>,
        }
    };
}

/// A kernel compiled three times: its body takes the token of the instruction set.
macro_rules! kernels {
    ($body:ident, $portable:ident, $avx2:ident, $avx512:ident, <$($arg:ident : $bound:ident),* $(; $constant:ident : $ty:ty)*>) => {
        unsafe fn $portable<$($arg: $bound,)* $(const $constant: $ty),*>(d: *mut u8, a: *const u8, b: *const u8, c: *const u8, n: usize) {
            // SAFETY: the contract of TileFn.
            unsafe { $body::<Portable, $($arg,)* $($constant),*>(Portable, d, a, b, c, n) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn $avx2<$($arg: $bound,)* $(const $constant: $ty),*>(d: *mut u8, a: *const u8, b: *const u8, c: *const u8, n: usize) {
            // SAFETY: the contract of TileFn.
            unsafe { $body::<_, $($arg,)* $($constant),*>(crate::lanes::Avx2::new(), d, a, b, c, n) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        unsafe fn $avx512<$($arg: $bound,)* $(const $constant: $ty),*>(d: *mut u8, a: *const u8, b: *const u8, c: *const u8, n: usize) {
            // SAFETY: the contract of TileFn.
            unsafe { $body::<_, $($arg,)* $($constant),*>(crate::lanes::Avx512::new(), d, a, b, c, n) }
        }
    };
}

pub(super) trait Unary {
    /// Vectors an iteration loads before it stores: few for kernels that need many registers.
    const WIDE: usize;
    fn eval<S: Lanes>(s: S, x: S::F) -> S::F;
}

pub(super) trait Binary {
    const WIDE: usize;
    fn eval<S: Lanes>(s: S, a: S::F, b: S::F) -> S::F;
}

pub(super) trait Ternary {
    fn eval<S: Lanes>(s: S, a: S::F, b: S::F, c: S::F) -> S::F;
}

trait Test {
    fn eval<S: Lanes>(s: S, a: S::F, b: S::F) -> S::M;
}

/// Reads `width` lanes at `p + i`; all sixteen where `width` is 16.
#[inline(always)]
pub(super) unsafe fn get<S: Lanes>(s: S, p: *const u8, i: usize, width: usize) -> S::F {
    // SAFETY: the caller's range is valid.
    unsafe {
        let p = p.cast::<f32>().add(i);
        if width == LANES { s.load(p) } else { s.load_n(p, width) }
    }
}

#[inline(always)]
pub(super) unsafe fn put<S: Lanes>(s: S, p: *mut u8, i: usize, width: usize, x: S::F) {
    // SAFETY: the caller's range is valid.
    unsafe {
        let p = p.cast::<f32>().add(i);
        if width == LANES { s.store(p, x) } else { s.store_n(p, x, width) }
    }
}

/// Runs `f` over `0..n` in vectors, `wide` of them at a time; `f(i, width)` gives the vector for one position.
#[inline(always)]
unsafe fn sweep<S: Lanes>(s: S, d: *mut u8, n: usize, wide: usize, f: impl Fn(usize, usize) -> S::F) {
    let mut i = 0;
    // SAFETY: i + 64 <= n here, and i + width <= n below.
    unsafe {
        if wide == UNROLL {
            while i + UNROLL * LANES <= n {
                let x = [f(i, LANES), f(i + LANES, LANES), f(i + 2 * LANES, LANES), f(i + 3 * LANES, LANES)];
                put(s, d, i, LANES, x[0]);
                put(s, d, i + LANES, LANES, x[1]);
                put(s, d, i + 2 * LANES, LANES, x[2]);
                put(s, d, i + 3 * LANES, LANES, x[3]);
                i += UNROLL * LANES;
            }
        }
        while i < n {
            let width = (n - i).min(LANES);
            put(s, d, i, width, f(i, width));
            i += LANES;
        }
    }
}

#[inline(always)]
unsafe fn unary<S: Lanes, O: Unary>(s: S, d: *mut u8, a: *const u8, _: *const u8, _: *const u8, n: usize) {
    // SAFETY: a and d hold n elements.
    unsafe {
        sweep(
            s,
            d,
            n,
            O::WIDE,
            #[inline(always)]
            |i, w| O::eval(s, get(s, a, i, w)),
        )
    }
}

#[inline(always)]
unsafe fn binary<S: Lanes, O: Binary>(s: S, d: *mut u8, a: *const u8, b: *const u8, _: *const u8, n: usize) {
    // SAFETY: a, b and d hold n elements.
    unsafe {
        sweep(
            s,
            d,
            n,
            O::WIDE,
            #[inline(always)]
            |i, w| O::eval(s, get(s, a, i, w), get(s, b, i, w)),
        )
    }
}

/// The second operand is one number.
#[inline(always)]
unsafe fn binary_vs<S: Lanes, O: Binary>(s: S, d: *mut u8, a: *const u8, b: *const u8, _: *const u8, n: usize) {
    // SAFETY: a and d hold n elements, b one.
    unsafe {
        let b = s.splat(b.cast::<f32>().read_unaligned());
        sweep(
            s,
            d,
            n,
            O::WIDE,
            #[inline(always)]
            |i, w| O::eval(s, get(s, a, i, w), b),
        );
    }
}

/// The first operand is one number.
#[inline(always)]
unsafe fn binary_sv<S: Lanes, O: Binary>(s: S, d: *mut u8, a: *const u8, b: *const u8, _: *const u8, n: usize) {
    // SAFETY: b and d hold n elements, a one.
    unsafe {
        let a = s.splat(a.cast::<f32>().read_unaligned());
        sweep(
            s,
            d,
            n,
            O::WIDE,
            #[inline(always)]
            |i, w| O::eval(s, a, get(s, b, i, w)),
        );
    }
}

#[inline(always)]
unsafe fn ternary<S: Lanes, O: Ternary>(s: S, d: *mut u8, a: *const u8, b: *const u8, c: *const u8, n: usize) {
    // SAFETY: a, b, c and d hold n elements.
    unsafe {
        sweep(
            s,
            d,
            n,
            UNROLL,
            #[inline(always)]
            |i, w| O::eval(s, get(s, a, i, w), get(s, b, i, w), get(s, c, i, w)),
        )
    }
}

/// The second and third operands are numbers.
#[inline(always)]
unsafe fn ternary_vss<S: Lanes, O: Ternary>(s: S, d: *mut u8, a: *const u8, b: *const u8, c: *const u8, n: usize) {
    // SAFETY: a and d hold n elements, b and c one each.
    unsafe {
        let (b, c) = (b.cast::<f32>().read_unaligned(), c.cast::<f32>().read_unaligned());
        let (b, c) = (s.splat(b), s.splat(c));
        sweep(
            s,
            d,
            n,
            UNROLL,
            #[inline(always)]
            |i, w| O::eval(s, get(s, a, i, w), b, c),
        );
    }
}

/// A comparison: bytes of 0 and 1.
#[inline(always)]
unsafe fn test<S: Lanes, O: Test, const SCALAR: bool>(
    s: S,
    d: *mut u8,
    a: *const u8,
    b: *const u8,
    _: *const u8,
    n: usize,
) {
    // SAFETY: a holds n floats, b as many or one, d n bytes; the tail goes through a buffer of sixteen.
    unsafe {
        let one = s.splat(b.cast::<f32>().read_unaligned());
        let mut i = 0;
        while i < n {
            let width = (n - i).min(LANES);
            let second = if SCALAR { one } else { get(s, b, i, width) };
            let mask = O::eval(s, get(s, a, i, width), second);
            if width == LANES {
                s.store_mask(d.add(i), mask);
            } else {
                let mut bytes = [0u8; LANES];
                s.store_mask(bytes.as_mut_ptr(), mask);
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), d.add(i), width);
            }
            i += LANES;
        }
    }
}

#[inline(always)]
unsafe fn select<S: Lanes, O: Ternary>(s: S, d: *mut u8, a: *const u8, b: *const u8, c: *const u8, n: usize) {
    // SAFETY: a holds n bytes, b, c and d n floats; the tail's mask goes through a buffer of sixteen.
    unsafe {
        sweep(
            s,
            d,
            n,
            UNROLL,
            #[inline(always)]
            |i, w| {
                let mask = if w == LANES {
                    s.load_mask(a.add(i))
                } else {
                    let mut bytes = [0u8; LANES];
                    std::ptr::copy_nonoverlapping(a.add(i), bytes.as_mut_ptr(), w);
                    s.load_mask(bytes.as_ptr())
                };
                s.select(mask, get(s, b, i, w), get(s, c, i, w))
            },
        );
    }
}

kernels!(unary, unary_portable, unary_avx2, unary_avx512, <O: Unary>);
kernels!(binary, binary_portable, binary_avx2, binary_avx512, <O: Binary>);
kernels!(binary_vs, binary_vs_portable, binary_vs_avx2, binary_vs_avx512, <O: Binary>);
kernels!(binary_sv, binary_sv_portable, binary_sv_avx2, binary_sv_avx512, <O: Binary>);
kernels!(ternary, ternary_portable, ternary_avx2, ternary_avx512, <O: Ternary>);
kernels!(ternary_vss, ternary_vss_portable, ternary_vss_avx2, ternary_vss_avx512, <O: Ternary>);
kernels!(test, test_portable, test_avx2, test_avx512, <O: Test; SCALAR: bool>);
kernels!(select, select_portable, select_avx2, select_avx512, <O: Ternary>);

/// A function of `f32` that is too rare for its own approximation: lane by lane in `f64`.
#[inline(always)]
fn lanes<S: Lanes>(s: S, x: S::F, f: fn(f64) -> f64) -> S::F {
    let mut out = s.to_array(x);
    map_lanes(&mut out, f);
    s.with_lanes(&out)
}

#[inline(never)]
fn map_lanes(x: &mut [f32; LANES], f: fn(f64) -> f64) {
    for x in x {
        *x = f(f64::from(*x)) as f32;
    }
}

#[inline(always)]
fn lanes2<S: Lanes>(s: S, a: S::F, b: S::F, f: fn(f32, f32) -> f32) -> S::F {
    let mut out = s.to_array(a);
    map_lanes2(&mut out, &s.to_array(b), f);
    s.with_lanes(&out)
}

#[inline(never)]
fn map_lanes2(a: &mut [f32; LANES], b: &[f32; LANES], f: fn(f32, f32) -> f32) {
    for i in 0..LANES {
        a[i] = f(a[i], b[i]);
    }
}

/// The larger, NaN if either is.
#[inline(always)]
pub(crate) fn max_nan<S: Lanes>(s: S, a: S::F, b: S::F) -> S::F {
    s.select(s.ne(a, a), a, s.max(a, b))
}

/// The smaller, NaN if either is.
#[inline(always)]
pub(crate) fn min_nan<S: Lanes>(s: S, a: S::F, b: S::F) -> S::F {
    s.select(s.ne(a, a), a, s.min(a, b))
}

macro_rules! unary_table {
    ($($op:ident $wide:literal |$s:ident, $x:ident| $body:expr;)+) => {
        $(
            pub(super) struct $op;
            impl Unary for $op {
                const WIDE: usize = $wide;
                #[inline(always)]
                fn eval<S: Lanes>($s: S, $x: S::F) -> S::F { $body }
            }
        )+
        fn unary_fn(op: Op, isa: Isa) -> Option<TileFn> {
            Some(match op {
                $(Op::$op => by_isa!(isa, unary_portable, unary_avx2, unary_avx512, <$op>),)+
                _ => return None,
            })
        }
    };
}

unary_table! {
    Neg 4 |s, x| s.neg(x);
    Abs 4 |s, x| s.abs(x);
    Sign 4 |s, x| {
        let negative = s.select(s.lt(x, s.splat(0.0)), s.splat(-1.0), x);
        s.select(s.lt(s.splat(0.0), x), s.splat(1.0), negative)
    };
    Square 4 |s, x| s.mul(x, x);
    Relu 4 |s, x| s.max(s.splat(0.0), x);
    Recip 4 |s, x| s.div(s.splat(1.0), x);
    Sqrt 4 |s, x| s.sqrt(x);
    Rsqrt 4 |s, x| vmath::rsqrt(s, x);
    Exp 1 |s, x| vmath::exp(s, x);
    Expm1 1 |s, x| vmath::expm1(s, x);
    Log 1 |s, x| vmath::log(s, x);
    Log2 1 |s, x| vmath::log2(s, x);
    Log10 1 |s, x| vmath::log10(s, x);
    Log1p 1 |s, x| vmath::log1p(s, x);
    Sin 1 |s, x| vmath::sin(s, x);
    Cos 1 |s, x| vmath::cos(s, x);
    Tan 1 |s, x| vmath::tan(s, x);
    Asin 1 |s, x| lanes(s, x, libm::asin);
    Acos 1 |s, x| lanes(s, x, libm::acos);
    Atan 1 |s, x| lanes(s, x, libm::atan);
    Sinh 1 |s, x| lanes(s, x, libm::sinh);
    Cosh 1 |s, x| lanes(s, x, libm::cosh);
    Tanh 1 |s, x| vmath::tanh(s, x);
    Asinh 1 |s, x| lanes(s, x, libm::asinh);
    Acosh 1 |s, x| lanes(s, x, libm::acosh);
    Atanh 1 |s, x| lanes(s, x, libm::atanh);
    Erf 1 |s, x| vmath::erf(s, x);
    Erfc 1 |s, x| lanes(s, x, libm::erfc);
    ErfInv 1 |s, x| lanes(s, x, special::erf_inv);
    Lgamma 1 |s, x| lanes(s, x, libm::lgamma);
    Digamma 1 |s, x| lanes(s, x, special::digamma);
    Sigmoid 1 |s, x| vmath::sigmoid(s, x);
    Silu 1 |s, x| vmath::silu(s, x);
    Softplus 1 |s, x| vmath::softplus(s, x);
    Gelu 1 |s, x| vmath::gelu(s, x);
    GeluTanh 1 |s, x| vmath::gelu_tanh(s, x);
    Floor 4 |s, x| s.floor(x);
    Ceil 4 |s, x| s.ceil(x);
    Round 4 |s, x| s.round(x);
    Trunc 4 |s, x| s.trunc(x);
}

macro_rules! binary_table {
    ($($op:ident $wide:literal |$s:ident, $a:ident, $b:ident| $body:expr;)+) => {
        $(
            pub(super) struct $op;
            impl Binary for $op {
                const WIDE: usize = $wide;
                #[inline(always)]
                fn eval<S: Lanes>($s: S, $a: S::F, $b: S::F) -> S::F { $body }
            }
        )+
        fn binary_fn(op: Op, isa: Isa, scalar: [bool; 3]) -> Option<TileFn> {
            Some(match op {
                $(Op::$op => match scalar {
                    [false, true, _] => by_isa!(isa, binary_vs_portable, binary_vs_avx2, binary_vs_avx512, <$op>),
                    [true, false, _] => by_isa!(isa, binary_sv_portable, binary_sv_avx2, binary_sv_avx512, <$op>),
                    _ => by_isa!(isa, binary_portable, binary_avx2, binary_avx512, <$op>),
                },)+
                _ => return None,
            })
        }
    };
}

binary_table! {
    Add 4 |s, a, b| s.add(a, b);
    Sub 4 |s, a, b| s.sub(a, b);
    Mul 4 |s, a, b| s.mul(a, b);
    Div 4 |s, a, b| s.div(a, b);
    FloorDiv 4 |s, a, b| s.floor(s.div(a, b));
    Rem 1 |s, a, b| lanes2(s, a, b, |a, b| a % b);
    FloorMod 1 |s, a, b| lanes2(s, a, b, special::floor_mod);
    Max 4 |s, a, b| max_nan(s, a, b);
    Min 4 |s, a, b| min_nan(s, a, b);
    Pow 1 |s, a, b| vmath::pow(s, a, b);
    Atan2 1 |s, a, b| lanes2(s, a, b, |a, b| libm::atan2(f64::from(a), f64::from(b)) as f32);
    ReluGrad 4 |s, a, b| s.select(s.lt(s.splat(0.0), b), a, s.splat(0.0));
}

macro_rules! test_table {
    ($($op:ident |$s:ident, $a:ident, $b:ident| $body:expr;)+) => {
        $(
            struct $op;
            impl Test for $op {
                #[inline(always)]
                fn eval<S: Lanes>($s: S, $a: S::F, $b: S::F) -> S::M { $body }
            }
        )+
        fn test_fn(op: Op, isa: Isa, scalar: [bool; 3]) -> Option<TileFn> {
            Some(match op {
                $(Op::$op => match scalar {
                    [false, true, _] => by_isa!(isa, test_portable, test_avx2, test_avx512, <$op, true>),
                    _ => by_isa!(isa, test_portable, test_avx2, test_avx512, <$op, false>),
                },)+
                _ => return None,
            })
        }
    };
}

test_table! {
    Eq |s, a, b| s.eq(a, b);
    Ne |s, a, b| s.ne(a, b);
    Lt |s, a, b| s.lt(a, b);
    Le |s, a, b| s.le(a, b);
    Gt |s, a, b| s.lt(b, a);
    Ge |s, a, b| s.le(b, a);
    IsNan |s, a, _b| s.ne(a, a);
    IsInf |s, a, _b| s.eq(s.abs(a), s.splat(f32::INFINITY));
    IsFinite |s, a, _b| s.lt(s.abs(a), s.splat(f32::INFINITY));
}

pub(super) struct MulAdd;
impl Ternary for MulAdd {
    #[inline(always)]
    fn eval<S: Lanes>(s: S, a: S::F, b: S::F, c: S::F) -> S::F {
        s.fma(a, b, c)
    }
}

pub(super) struct Clamp;
impl Ternary for Clamp {
    #[inline(always)]
    fn eval<S: Lanes>(s: S, a: S::F, b: S::F, c: S::F) -> S::F {
        min_nan(s, max_nan(s, a, b), c)
    }
}

/// The kernel of an operation on `f32`; `scalar` says which operands are one number (only the patterns of
/// [`takes_scalar`] are asked for).
pub(crate) fn kernel(op: Op, isa: Isa, scalar: [bool; 3]) -> Option<TileFn> {
    match op {
        Op::MulAdd if scalar == [false, true, true] => {
            Some(by_isa!(isa, ternary_vss_portable, ternary_vss_avx2, ternary_vss_avx512, <MulAdd>))
        }
        Op::Clamp if scalar == [false, true, true] => {
            Some(by_isa!(isa, ternary_vss_portable, ternary_vss_avx2, ternary_vss_avx512, <Clamp>))
        }
        Op::MulAdd => Some(by_isa!(isa, ternary_portable, ternary_avx2, ternary_avx512, <MulAdd>)),
        Op::Clamp => Some(by_isa!(isa, ternary_portable, ternary_avx2, ternary_avx512, <Clamp>)),
        Op::Select => Some(by_isa!(isa, select_portable, select_avx2, select_avx512, <MulAdd>)),
        _ => unary_fn(op, isa).or_else(|| binary_fn(op, isa, scalar)).or_else(|| test_fn(op, isa, scalar)),
    }
}

/// Which operands of an operation on `f32` may stay one number, given which are: the others must be spread.
pub(super) fn takes_scalar(op: Op, scalar: [bool; 3]) -> [bool; 3] {
    let binary =
        matches!(op, Op::Add | Op::Sub | Op::Mul | Op::Div | Op::FloorDiv | Op::Rem | Op::FloorMod | Op::Max | Op::Min)
            || matches!(op, Op::Pow | Op::Atan2 | Op::ReluGrad);
    let test = matches!(op, Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge);
    match (op, scalar) {
        (_, [false, true, _]) if binary || test => [false, true, false],
        (_, [true, false, _]) if binary => [true, false, false],
        (Op::MulAdd | Op::Clamp, [false, true, true]) => scalar,
        _ => [false; 3],
    }
}
