//! Portable code: arrays of sixteen lanes, which compilers vectorise where the base target allows it.
//!
//! Every operation is a function of its own and not inlined: kernels are compiled for this set too, and sixteen scalar
//! lanes of each of them would cost more to compile than all other sets together.

#![allow(unsafe_code)]

use super::{LANES, Lanes};
use crate::isa::Isa;
use std::array::from_fn;

/// Needs nothing of the CPU.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

type Floats = [f32; LANES];
type Ints = [i32; LANES];
type Masks = [bool; LANES];

/// A lane-wise operation.
macro_rules! lanes {
    ($name:ident, ($($arg:ident : $ty:ty),*) -> $out:ty, $body:expr) => {
        #[inline(never)]
        fn $name(self, $($arg: $ty),*) -> $out {
            from_fn(|i| {
                $(let $arg = $arg[i];)*
                $body
            })
        }
    };
}

impl Lanes for Portable {
    type F = Floats;
    type I = Ints;
    type M = Masks;
    const ISA: Isa = Isa::Portable;

    #[inline(always)]
    fn splat(self, x: f32) -> Floats {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Floats {
        // SAFETY: by contract.
        unsafe { p.cast::<Floats>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, x: Floats) {
        // SAFETY: by contract.
        unsafe { p.cast::<Floats>().write_unaligned(x) }
    }
    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, x: Floats) {
        // SAFETY: by contract.
        unsafe { p.cast::<Floats>().write_unaligned(x) }
    }
    #[inline(always)]
    fn fence(self) {}

    lanes!(add, (a: Floats, b: Floats) -> Floats, a + b);
    lanes!(sub, (a: Floats, b: Floats) -> Floats, a - b);
    lanes!(mul, (a: Floats, b: Floats) -> Floats, a * b);
    lanes!(div, (a: Floats, b: Floats) -> Floats, a / b);
    lanes!(fma, (a: Floats, b: Floats, c: Floats) -> Floats, a.mul_add(b, c));
    lanes!(fnma, (a: Floats, b: Floats, c: Floats) -> Floats, (-a).mul_add(b, c));
    lanes!(min, (a: Floats, b: Floats) -> Floats, if a < b { a } else { b });
    lanes!(max, (a: Floats, b: Floats) -> Floats, if a > b { a } else { b });
    lanes!(sqrt, (a: Floats) -> Floats, a.sqrt());
    lanes!(round, (a: Floats) -> Floats, a.round_ties_even());
    lanes!(floor, (a: Floats) -> Floats, a.floor());
    lanes!(ceil, (a: Floats) -> Floats, a.ceil());
    lanes!(trunc, (a: Floats) -> Floats, a.trunc());
    lanes!(scale2, (p: Floats, n: Floats) -> Floats, {
        let n = n as i32;
        let half = n >> 1;
        let power = |k: i32| f32::from_bits(((k + 127) << 23) as u32);
        p * power(half) * power(n - half)
    });

    lanes!(lt, (a: Floats, b: Floats) -> Masks, a < b);
    lanes!(le, (a: Floats, b: Floats) -> Masks, a <= b);
    lanes!(eq, (a: Floats, b: Floats) -> Masks, a == b);
    lanes!(ne, (a: Floats, b: Floats) -> Masks, a != b);
    lanes!(select, (m: Masks, a: Floats, b: Floats) -> Floats, if m { a } else { b });
    lanes!(mand, (a: Masks, b: Masks) -> Masks, a & b);
    lanes!(mor, (a: Masks, b: Masks) -> Masks, a | b);
    lanes!(mnot, (a: Masks) -> Masks, !a);
    #[inline(always)]
    fn mbits(self, m: Masks) -> u32 {
        (0..LANES).fold(0, |bits, i| bits | u32::from(m[i]) << i)
    }
    #[inline(always)]
    unsafe fn store_mask(self, p: *mut u8, m: Masks) {
        // SAFETY: by contract.
        unsafe { p.cast::<[u8; LANES]>().write_unaligned(m.map(u8::from)) }
    }
    #[inline(always)]
    unsafe fn load_mask(self, p: *const u8) -> Masks {
        // SAFETY: by contract.
        unsafe { p.cast::<[u8; LANES]>().read_unaligned() }.map(|x| x != 0)
    }

    lanes!(to_i, (a: Floats) -> Ints, if (-2147483648.0..2147483648.0).contains(&a) { a as i32 } else { i32::MIN });
    lanes!(to_f, (a: Ints) -> Floats, a as f32);
    lanes!(bits, (a: Floats) -> Ints, a.to_bits() as i32);
    lanes!(float, (a: Ints) -> Floats, f32::from_bits(a as u32));
    #[inline(always)]
    fn isplat(self, x: i32) -> Ints {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn iload(self, p: *const i32) -> Ints {
        // SAFETY: by contract.
        unsafe { p.cast::<Ints>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn istore(self, p: *mut i32, x: Ints) {
        // SAFETY: by contract.
        unsafe { p.cast::<Ints>().write_unaligned(x) }
    }
    lanes!(iadd, (a: Ints, b: Ints) -> Ints, a.wrapping_add(b));
    lanes!(isub, (a: Ints, b: Ints) -> Ints, a.wrapping_sub(b));
    lanes!(imul, (a: Ints, b: Ints) -> Ints, a.wrapping_mul(b));
    lanes!(iand, (a: Ints, b: Ints) -> Ints, a & b);
    lanes!(ior, (a: Ints, b: Ints) -> Ints, a | b);
    lanes!(ixor, (a: Ints, b: Ints) -> Ints, a ^ b);
    #[inline(always)]
    fn ishl<const N: u32>(self, a: Ints) -> Ints {
        a.map(|x| x << N)
    }
    #[inline(always)]
    fn ishr<const N: u32>(self, a: Ints) -> Ints {
        a.map(|x| (x as u32 >> N) as i32)
    }
    #[inline(always)]
    fn isar<const N: u32>(self, a: Ints) -> Ints {
        a.map(|x| x >> N)
    }
    lanes!(ieq, (a: Ints, b: Ints) -> Masks, a == b);
    lanes!(igt, (a: Ints, b: Ints) -> Masks, a > b);
}
