//! Cheap operations on `f32` that follow each other, in one pass over a tile: a few vectors stay in registers while the
//! operations are applied to them, so that the results between them are never written.

#![allow(unsafe_code)]

use super::Op;
use super::f32_ops::{Abs, Clamp, MulAdd, Neg, Relu, Square, Ternary, Unary};
use super::f32_ops::{Add, Binary, Div, Max, Min, Mul, ReluGrad, Sub, get, put};
use crate::isa::Isa;
use crate::lanes::{LANES, Lanes, Portable};

/// Most operations of a chain.
pub(super) const MAX_LINKS: usize = 16;

/// Where the operand beside the chain's value is, and on which side of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// There is none.
    Nothing,
    /// A number, after the value.
    Number,
    /// A number, before the value.
    NumberFirst,
    /// An array, after the value.
    Array,
    /// An array, before the value.
    ArrayFirst,
    /// Two numbers, after the value.
    Numbers,
}

/// An operation of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) op: Op,
    pub(super) beside: Beside,
}

/// An operation of a chain with its operands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) link: Link,
    pub(super) operands: [*const u8; 2],
}

/// Destination, the first value, operations, elements.
///
/// # Safety
/// As [`super::TileFn`]; each operand is valid for one number or for as many elements, as the operation's `beside` says.
pub(super) type ChainFn = unsafe fn(*mut u8, *const u8, &[Bound], usize);

/// How an operation can be applied to the value that is its operand `at`, given which operands are one number; none
/// where it takes a kernel of its own.
pub(super) fn link(op: Op, at: usize, scalar: [bool; 3]) -> Option<Link> {
    use Op::{Abs, Add, Clamp, Div, Max, Min, Mul, MulAdd, Neg, Relu, ReluGrad, Square, Sub};
    let beside = match (op, at) {
        (Neg | Abs | Square | Relu, 0) => Beside::Nothing,
        (Add | Sub | Mul | Div | Max | Min | ReluGrad, 0) if scalar[1] => Beside::Number,
        (Add | Sub | Mul | Div | Max | Min | ReluGrad, 0) => Beside::Array,
        (Add | Sub | Mul | Div | Max | Min | ReluGrad, 1) if scalar[0] => Beside::NumberFirst,
        (Add | Sub | Mul | Div | Max | Min | ReluGrad, 1) => Beside::ArrayFirst,
        (MulAdd | Clamp, 0) if scalar == [false, true, true] => Beside::Numbers,
        _ => return None,
    };
    Some(Link { op, beside })
}

/// The kernel of chains for an instruction set.
pub(super) fn kernel(isa: Isa) -> ChainFn {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2,
        _ => portable,
    }
}

unsafe fn portable(d: *mut u8, a: *const u8, links: &[Bound], n: usize) {
    // SAFETY: handed on.
    unsafe { sweep::<_, 2>(Portable, d, a, links, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(d: *mut u8, a: *const u8, links: &[Bound], n: usize) {
    // SAFETY: handed on.
    unsafe { sweep::<_, 4>(crate::lanes::Avx2::new(), d, a, links, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512(d: *mut u8, a: *const u8, links: &[Bound], n: usize) {
    // SAFETY: handed on.
    unsafe { sweep::<_, 8>(crate::lanes::Avx512::new(), d, a, links, n) }
}

/// # Safety
/// See [`ChainFn`].
#[inline(always)]
unsafe fn sweep<S: Lanes, const WIDE: usize>(s: S, d: *mut u8, a: *const u8, links: &[Bound], n: usize) {
    let mut i = 0;
    // SAFETY: the caller's contract; each block ends at `n` or before.
    unsafe {
        while i + WIDE * LANES <= n {
            block::<S, WIDE>(s, d, a, links, i, LANES);
            i += WIDE * LANES;
        }
        while i < n {
            block::<S, 1>(s, d, a, links, i, (n - i).min(LANES));
            i += LANES;
        }
    }
}

/// `WIDE` vectors from `i` on, the last of `width` lanes.
///
/// # Safety
/// See [`ChainFn`]; `n` is at least `i` and what the vectors hold.
#[inline(always)]
unsafe fn block<S: Lanes, const WIDE: usize>(s: S, d: *mut u8, a: *const u8, links: &[Bound], i: usize, width: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut x = [s.splat(0.0); WIDE];
        for (j, x) in x.iter_mut().enumerate() {
            *x = get(s, a, i + j * LANES, width);
        }
        for bound in links {
            x = apply(s, x, bound, i, width);
        }
        for (j, x) in x.into_iter().enumerate() {
            put(s, d, i + j * LANES, width, x);
        }
    }
}

/// # Safety
/// See [`block`].
#[inline(always)]
unsafe fn apply<S: Lanes, const WIDE: usize>(
    s: S,
    mut x: [S::F; WIDE],
    bound: &Bound,
    i: usize,
    width: usize,
) -> [S::F; WIDE] {
    let [b, c] = bound.operands;
    macro_rules! unary {
        ($op:ident) => {
            for x in &mut x {
                *x = $op::eval(s, *x);
            }
        };
    }
    macro_rules! binary {
        ($op:ident, $beside:expr) => {
            match $beside {
                Beside::Number => {
                    let b = number(s, b);
                    for x in &mut x {
                        *x = $op::eval(s, *x, b);
                    }
                }
                Beside::NumberFirst => {
                    let b = number(s, b);
                    for x in &mut x {
                        *x = $op::eval(s, b, *x);
                    }
                }
                Beside::ArrayFirst => {
                    for (j, x) in x.iter_mut().enumerate() {
                        *x = $op::eval(s, get(s, b, i + j * LANES, width), *x);
                    }
                }
                _ => {
                    for (j, x) in x.iter_mut().enumerate() {
                        *x = $op::eval(s, *x, get(s, b, i + j * LANES, width));
                    }
                }
            }
        };
    }
    macro_rules! ternary {
        ($op:ident) => {{
            let (b, c) = (number(s, b), number(s, c));
            for x in &mut x {
                *x = $op::eval(s, *x, b, c);
            }
        }};
    }
    // SAFETY: the caller's contract.
    unsafe {
        match bound.link.op {
            Op::Neg => unary!(Neg),
            Op::Abs => unary!(Abs),
            Op::Square => unary!(Square),
            Op::Relu => unary!(Relu),
            Op::Add => binary!(Add, bound.link.beside),
            Op::Sub => binary!(Sub, bound.link.beside),
            Op::Mul => binary!(Mul, bound.link.beside),
            Op::Div => binary!(Div, bound.link.beside),
            Op::Max => binary!(Max, bound.link.beside),
            Op::Min => binary!(Min, bound.link.beside),
            Op::ReluGrad => binary!(ReluGrad, bound.link.beside),
            Op::MulAdd => ternary!(MulAdd),
            Op::Clamp => ternary!(Clamp),
            // `link` makes no other.
            _ => debug_assert!(false, "{:?} in a chain", bound.link),
        }
    }
    x
}

/// # Safety
/// `p` is readable for one `f32`.
#[inline(always)]
unsafe fn number<S: Lanes>(s: S, p: *const u8) -> S::F {
    // SAFETY: the caller's contract.
    s.splat(unsafe { p.cast::<f32>().read_unaligned() })
}
