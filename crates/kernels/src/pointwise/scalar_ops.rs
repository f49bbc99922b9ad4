//! Tile kernels of integers, `f64` and bool: plain loops over blocks, which the compiler vectorises.

#![allow(unsafe_code)]

use super::scalar_types::{Bits, Bool8, Int, Num};
use super::{Op, TileFn};
use crate::element::Element;
use crate::isa::Isa;
use crate::special;
use std::array::from_fn;

/// Elements read before any is written, so that an aliased destination does not stop vectorisation.
const BLOCK: usize = 16;

/// A function of three operands; the unused ones equal the first.
pub(super) trait Map<A, B, R> {
    fn eval(a: A, b: B, c: B) -> R;
}

#[inline(always)]
unsafe fn map<A: Copy, B: Copy, R: Copy, O: Map<A, B, R>>(
    d: *mut u8,
    a: *const u8,
    b: *const u8,
    c: *const u8,
    n: usize,
    blocks: bool,
) {
    let (d, a, b, c) = (d.cast::<R>(), a.cast::<A>(), b.cast::<B>(), c.cast::<B>());
    let mut i = 0;
    // SAFETY: every pointer is valid for n elements by the contract of TileFn.
    unsafe {
        while blocks && i + BLOCK <= n {
            let x = a.add(i).cast::<[A; BLOCK]>().read_unaligned();
            let y = b.add(i).cast::<[B; BLOCK]>().read_unaligned();
            let z = c.add(i).cast::<[B; BLOCK]>().read_unaligned();
            d.add(i).cast::<[R; BLOCK]>().write_unaligned(from_fn(
                #[inline(always)]
                |k| O::eval(x[k], y[k], z[k]),
            ));
            i += BLOCK;
        }
        while i < n {
            let (x, y, z) = (a.add(i).read_unaligned(), b.add(i).read_unaligned(), c.add(i).read_unaligned());
            d.add(i).write_unaligned(O::eval(x, y, z));
            i += 1;
        }
    }
}

unsafe fn map_plain<A: Copy, B: Copy, R: Copy, O: Map<A, B, R>>(
    d: *mut u8,
    a: *const u8,
    b: *const u8,
    c: *const u8,
    n: usize,
) {
    // SAFETY: the contract of TileFn.
    unsafe { map::<A, B, R, O>(d, a, b, c, n, false) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn map_avx2<A: Copy, B: Copy, R: Copy, O: Map<A, B, R>>(
    d: *mut u8,
    a: *const u8,
    b: *const u8,
    c: *const u8,
    n: usize,
) {
    // SAFETY: the contract of TileFn.
    unsafe { map::<A, B, R, O>(d, a, b, c, n, true) }
}

/// Whether kernels get a vectorised instance beside the plain one: code size is compile time.
pub(super) trait Speed {
    /// The instance for an instruction set.
    fn instance<A: Copy + 'static, B: Copy + 'static, R: Copy + 'static, O: Map<A, B, R>>(isa: Isa) -> TileFn;
}

/// One plain loop for every instruction set: what is rare, or slow in itself.
pub(super) struct Plain;

/// A vectorised instance for AVX2 (which AVX-512 runs too), and the plain one.
pub(super) struct Fast;

impl Speed for Plain {
    fn instance<A: Copy + 'static, B: Copy + 'static, R: Copy + 'static, O: Map<A, B, R>>(_: Isa) -> TileFn {
        map_plain::<A, B, R, O>
    }
}

impl Speed for Fast {
    fn instance<A: Copy + 'static, B: Copy + 'static, R: Copy + 'static, O: Map<A, B, R>>(isa: Isa) -> TileFn {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx2 => map_avx2::<A, B, R, O>,
            _ => map_plain::<A, B, R, O>,
        }
    }
}

macro_rules! family {
    ($name:ident, $bound:ident: $($op:ident |$a:ident, $b:ident, $c:ident| $body:expr;)+) => {
        $(
            impl<T: $bound> Map<T, T, T> for ops::$op {
                #[inline(always)]
                fn eval($a: T, $b: T, $c: T) -> T { $body }
            }
        )+
        fn $name<T: $bound + 'static, V: Speed>(op: Op, isa: Isa) -> Option<TileFn> {
            Some(match op {
                $(Op::$op => V::instance::<T, T, T, ops::$op>(isa),)+
                _ => return None,
            })
        }
    };
}

/// One empty type per operation.
mod ops {
    macro_rules! types {
        ($($name:ident)+) => { $(pub(super) struct $name;)+ };
    }
    types! {
        Neg Abs Sign Square Relu Add Sub Mul Div FloorDiv Rem FloorMod Max Min Pow ReluGrad MulAdd Clamp
        Not And Or Xor Shl Shr Eq Ne Lt Le Gt Ge Select
        Recip Sqrt Rsqrt Exp Expm1 Log Log2 Log10 Log1p Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh Atanh
        Erf Erfc ErfInv Lgamma Digamma Sigmoid Silu Softplus Gelu GeluTanh Floor Ceil Round Trunc Atan2
        IsNan IsInf IsFinite
    }
}

family! { numeric, Num:
    Neg |a, _b, _c| a.neg();
    Abs |a, _b, _c| a.abs();
    Sign |a, _b, _c| a.sign();
    Square |a, _b, _c| a.mul(a);
    Relu |a, _b, _c| a.relu();
    Add |a, b, _c| a.add(b);
    Sub |a, b, _c| a.sub(b);
    Mul |a, b, _c| a.mul(b);
    Div |a, b, _c| a.div(b);
    FloorDiv |a, b, _c| a.floor_div(b);
    Rem |a, b, _c| a.rem(b);
    FloorMod |a, b, _c| a.floor_mod(b);
    Max |a, b, _c| a.max(b);
    Min |a, b, _c| a.min(b);
    Pow |a, b, _c| a.pow(b);
    ReluGrad |a, b, _c| a.relu_grad(b);
    MulAdd |a, b, c| a.mul_add(b, c);
    Clamp |a, b, c| a.max(b).min(c);
}

family! { bits, Bits:
    Not |a, _b, _c| a.not();
    And |a, b, _c| a.and(b);
    Or |a, b, _c| a.or(b);
    Xor |a, b, _c| a.xor(b);
}

family! { integer, Int:
    Shl |a, b, _c| a.shl(b);
    Shr |a, b, _c| a.shr(b);
}

trait F64: Num {
    fn get(self) -> f64;
    fn of(x: f64) -> Self;
}

impl F64 for f64 {
    #[inline(always)]
    fn get(self) -> f64 {
        self
    }
    #[inline(always)]
    fn of(x: f64) -> f64 {
        x
    }
}

family! { float, F64:
    Recip |a, _b, _c| T::of(1.0 / a.get());
    Sqrt |a, _b, _c| T::of(a.get().sqrt());
    Rsqrt |a, _b, _c| T::of(1.0 / a.get().sqrt());
    Exp |a, _b, _c| T::of(libm::exp(a.get()));
    Expm1 |a, _b, _c| T::of(libm::expm1(a.get()));
    Log |a, _b, _c| T::of(libm::log(a.get()));
    Log2 |a, _b, _c| T::of(libm::log2(a.get()));
    Log10 |a, _b, _c| T::of(libm::log10(a.get()));
    Log1p |a, _b, _c| T::of(libm::log1p(a.get()));
    Sin |a, _b, _c| T::of(libm::sin(a.get()));
    Cos |a, _b, _c| T::of(libm::cos(a.get()));
    Tan |a, _b, _c| T::of(libm::tan(a.get()));
    Asin |a, _b, _c| T::of(libm::asin(a.get()));
    Acos |a, _b, _c| T::of(libm::acos(a.get()));
    Atan |a, _b, _c| T::of(libm::atan(a.get()));
    Sinh |a, _b, _c| T::of(libm::sinh(a.get()));
    Cosh |a, _b, _c| T::of(libm::cosh(a.get()));
    Tanh |a, _b, _c| T::of(libm::tanh(a.get()));
    Asinh |a, _b, _c| T::of(libm::asinh(a.get()));
    Acosh |a, _b, _c| T::of(libm::acosh(a.get()));
    Atanh |a, _b, _c| T::of(libm::atanh(a.get()));
    Erf |a, _b, _c| T::of(libm::erf(a.get()));
    Erfc |a, _b, _c| T::of(libm::erfc(a.get()));
    ErfInv |a, _b, _c| T::of(special::erf_inv(a.get()));
    Lgamma |a, _b, _c| T::of(libm::lgamma(a.get()));
    Digamma |a, _b, _c| T::of(special::digamma(a.get()));
    Sigmoid |a, _b, _c| T::of(special::sigmoid(a.get()));
    Silu |a, _b, _c| T::of(a.get() * special::sigmoid(a.get()));
    Softplus |a, _b, _c| T::of(special::softplus(a.get()));
    Gelu |a, _b, _c| T::of(special::gelu(a.get()));
    GeluTanh |a, _b, _c| T::of(special::gelu_tanh(a.get()));
    Floor |a, _b, _c| T::of(a.get().floor());
    Ceil |a, _b, _c| T::of(a.get().ceil());
    Round |a, _b, _c| T::of(a.get().round_ties_even());
    Trunc |a, _b, _c| T::of(a.get().trunc());
    Atan2 |a, b, _c| T::of(libm::atan2(a.get(), b.get()));
}

macro_rules! tests {
    ($name:ident, $bound:ident: $($op:ident |$a:ident, $b:ident| $body:expr;)+) => {
        $(
            impl<T: $bound> Map<T, T, u8> for ops::$op {
                #[inline(always)]
                fn eval($a: T, $b: T, _: T) -> u8 { u8::from($body) }
            }
        )+
        fn $name<T: Copy + $bound + 'static, V: Speed>(op: Op, isa: Isa) -> Option<TileFn> {
            Some(match op {
                $(Op::$op => V::instance::<T, T, u8, ops::$op>(isa),)+
                _ => return None,
            })
        }
    };
}

tests! { compare, PartialOrd:
    Eq |a, b| a == b;
    Ne |a, b| a != b;
    Lt |a, b| a < b;
    Le |a, b| a <= b;
    Gt |a, b| a > b;
    Ge |a, b| a >= b;
}

tests! { classify, F64:
    IsNan |a, _b| a.get().is_nan();
    IsInf |a, _b| a.get().is_infinite();
    IsFinite |a, _b| a.get().is_finite();
}

impl<T: Copy> Map<u8, T, T> for ops::Select {
    #[inline(always)]
    fn eval(a: u8, b: T, c: T) -> T {
        if a != 0 { b } else { c }
    }
}

/// `a ? b : c` for elements of `size` bytes.
pub(super) fn select(size: usize, isa: Isa) -> TileFn {
    match size {
        1 => Plain::instance::<u8, u8, u8, ops::Select>(isa),
        2 => Plain::instance::<u8, u16, u16, ops::Select>(isa),
        4 => Fast::instance::<u8, u32, u32, ops::Select>(isa),
        _ => Fast::instance::<u8, u64, u64, ops::Select>(isa),
    }
}

fn integer_kernel<T: Int + 'static, V: Speed>(op: Op, isa: Isa) -> Option<TileFn> {
    let kernel = numeric::<T, V>(op, isa).or_else(|| bits::<T, V>(op, isa));
    kernel.or_else(|| integer::<T, V>(op, isa)).or_else(|| compare::<T, V>(op, isa))
}

/// The kernel of an operation on an element other than `f32`, `f16` and `bf16`.
pub(super) fn kernel(op: Op, element: Element, isa: Isa) -> Option<TileFn> {
    match element {
        _ if op == Op::Select => Some(select(element.size(), isa)),
        Element::Bool => bits::<Bool8, Fast>(op, isa).or_else(|| compare::<Bool8, Plain>(op, isa)),
        Element::I8 => integer_kernel::<i8, Plain>(op, isa),
        Element::I16 => integer_kernel::<i16, Plain>(op, isa),
        Element::I32 => integer_kernel::<i32, Fast>(op, isa),
        Element::I64 => integer_kernel::<i64, Fast>(op, isa),
        Element::U8 => integer_kernel::<u8, Plain>(op, isa),
        Element::U16 => integer_kernel::<u16, Plain>(op, isa),
        Element::U32 => integer_kernel::<u32, Plain>(op, isa),
        Element::U64 => integer_kernel::<u64, Plain>(op, isa),
        Element::F64 => {
            let kernel = numeric::<f64, Fast>(op, isa).or_else(|| float::<f64, Plain>(op, isa));
            kernel.or_else(|| compare::<f64, Fast>(op, isa)).or_else(|| classify::<f64, Plain>(op, isa))
        }
        Element::F16 | Element::Bf16 | Element::F32 => None,
    }
}
