//! Sixteen `f32` or `i32` lanes, the same on every instruction set: what element-wise and row kernels are written in.
//!
//! A kernel is written once over [`Lanes`] and compiled once per instruction set inside a `#[target_feature]` function.
//! A vector always has [`LANES`] lanes (one AVX-512 register, two AVX2 registers, an array in portable code) and every
//! operation is exact or correctly rounded, so a kernel gives the same bits on every instruction set.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use portable::Portable;

use crate::isa::Isa;

/// Lanes of every vector.
pub const LANES: usize = 16;

/// A token that proves the CPU runs an instruction set, and the operations of its vectors.
///
/// Comparisons are false on NaN (except [`ne`](Lanes::ne)); `min` and `max` return their second argument when either is
/// NaN or both are equal, as x86 does.
pub trait Lanes: Copy + Send + Sync + 'static {
    /// Sixteen `f32`.
    type F: Copy;
    /// Sixteen `i32`, also used as `u32` and as bits.
    type I: Copy;
    /// Sixteen booleans.
    type M: Copy;

    /// The instruction set.
    const ISA: Isa;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::F;
    /// Reads sixteen lanes.
    ///
    /// # Safety
    /// `p` is readable for 16 `f32`; no alignment is needed.
    unsafe fn load(self, p: *const f32) -> Self::F;
    /// Writes sixteen lanes.
    ///
    /// # Safety
    /// `p` is writable for 16 `f32`; no alignment is needed.
    unsafe fn store(self, p: *mut f32, x: Self::F);
    /// Writes sixteen lanes around the caches where the instruction set can; needs [`fence`](Lanes::fence) after.
    ///
    /// # Safety
    /// `p` is writable for 16 `f32` and aligned to 64 bytes.
    unsafe fn stream(self, p: *mut f32, x: Self::F);
    /// Orders streamed writes before what follows.
    fn fence(self);
    /// Reads `n <= 16` lanes, the others are 0.
    ///
    /// # Safety
    /// `p` is readable for `n` `f32`.
    #[inline(always)]
    unsafe fn load_n(self, p: *const f32, n: usize) -> Self::F {
        let mut buffer = [0f32; LANES];
        // SAFETY: n <= 16 values are readable at p by contract and writable in buffer.
        unsafe {
            std::ptr::copy_nonoverlapping(p, buffer.as_mut_ptr(), n.min(LANES));
            self.load(buffer.as_ptr())
        }
    }
    /// Writes the first `n <= 16` lanes.
    ///
    /// # Safety
    /// `p` is writable for `n` `f32`.
    #[inline(always)]
    unsafe fn store_n(self, p: *mut f32, x: Self::F, n: usize) {
        let buffer = self.to_array(x);
        // SAFETY: n <= 16 values are writable at p by contract.
        unsafe { std::ptr::copy_nonoverlapping(buffer.as_ptr(), p, n.min(LANES)) }
    }
    /// The lanes as an array.
    #[inline(always)]
    fn to_array(self, x: Self::F) -> [f32; LANES] {
        let mut out = [0f32; LANES];
        // SAFETY: out has 16 lanes.
        unsafe { self.store(out.as_mut_ptr(), x) };
        out
    }
    /// A vector of an array's values.
    #[inline(always)]
    fn with_lanes(self, x: &[f32; LANES]) -> Self::F {
        // SAFETY: x has 16 lanes.
        unsafe { self.load(x.as_ptr()) }
    }

    /// `a + b`.
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a - b`.
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b`.
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`.
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `c - a * b`, rounded once.
    fn fnma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `a < b ? a : b`.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a > b ? a : b`.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// Square root.
    fn sqrt(self, a: Self::F) -> Self::F;
    /// To the nearest integer, ties to even.
    fn round(self, a: Self::F) -> Self::F;
    /// Towards minus infinity.
    fn floor(self, a: Self::F) -> Self::F;
    /// Towards plus infinity.
    fn ceil(self, a: Self::F) -> Self::F;
    /// Towards zero.
    fn trunc(self, a: Self::F) -> Self::F;
    /// `p * 2^n` for an integral `n` in `[-250, 250]`, rounded once.
    fn scale2(self, p: Self::F, n: Self::F) -> Self::F;
    /// Flips the sign bit.
    #[inline(always)]
    fn neg(self, a: Self::F) -> Self::F {
        self.float(self.ixor(self.bits(a), self.isplat(i32::MIN)))
    }
    /// Clears the sign bit.
    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        self.float(self.iand(self.bits(a), self.isplat(i32::MAX)))
    }
    /// Magnitude of `a`, sign bit of `b`.
    #[inline(always)]
    fn copysign(self, a: Self::F, b: Self::F) -> Self::F {
        let sign = self.iand(self.bits(b), self.isplat(i32::MIN));
        self.float(self.ior(self.bits(self.abs(a)), sign))
    }

    /// `a < b`.
    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    /// `a <= b`.
    fn le(self, a: Self::F, b: Self::F) -> Self::M;
    /// `a == b`.
    fn eq(self, a: Self::F, b: Self::F) -> Self::M;
    /// `a != b`, true on NaN.
    fn ne(self, a: Self::F, b: Self::F) -> Self::M;
    /// `m ? a : b`.
    fn select(self, m: Self::M, a: Self::F, b: Self::F) -> Self::F;
    /// Lane-wise and.
    fn mand(self, a: Self::M, b: Self::M) -> Self::M;
    /// Lane-wise or.
    fn mor(self, a: Self::M, b: Self::M) -> Self::M;
    /// Lane-wise not.
    fn mnot(self, a: Self::M) -> Self::M;
    /// Lane `i` as bit `i`.
    fn mbits(self, m: Self::M) -> u32;
    /// Sixteen bytes of 0 or 1.
    ///
    /// # Safety
    /// `p` is writable for 16 bytes.
    unsafe fn store_mask(self, p: *mut u8, m: Self::M);
    /// Lanes whose byte is not 0.
    ///
    /// # Safety
    /// `p` is readable for 16 bytes.
    unsafe fn load_mask(self, p: *const u8) -> Self::M;

    /// Truncates to `i32`; out of range gives `i32::MIN`.
    fn to_i(self, a: Self::F) -> Self::I;
    /// From `i32`, rounded to nearest.
    fn to_f(self, a: Self::I) -> Self::F;
    /// The bits of the floats.
    fn bits(self, a: Self::F) -> Self::I;
    /// The floats with these bits.
    fn float(self, a: Self::I) -> Self::F;
    /// All lanes `x`.
    fn isplat(self, x: i32) -> Self::I;
    /// Reads sixteen lanes.
    ///
    /// # Safety
    /// `p` is readable for 16 `i32`.
    unsafe fn iload(self, p: *const i32) -> Self::I;
    /// Writes sixteen lanes.
    ///
    /// # Safety
    /// `p` is writable for 16 `i32`.
    unsafe fn istore(self, p: *mut i32, x: Self::I);
    /// Wrapping sum.
    fn iadd(self, a: Self::I, b: Self::I) -> Self::I;
    /// Wrapping difference.
    fn isub(self, a: Self::I, b: Self::I) -> Self::I;
    /// Low half of the product.
    fn imul(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise and.
    fn iand(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise or.
    fn ior(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise exclusive or.
    fn ixor(self, a: Self::I, b: Self::I) -> Self::I;
    /// Shift left by a constant below 32.
    fn ishl<const N: u32>(self, a: Self::I) -> Self::I;
    /// Logical shift right by a constant below 32.
    fn ishr<const N: u32>(self, a: Self::I) -> Self::I;
    /// Arithmetic shift right by a constant below 32.
    fn isar<const N: u32>(self, a: Self::I) -> Self::I;
    /// `a == b`.
    fn ieq(self, a: Self::I, b: Self::I) -> Self::M;
    /// `a > b`, signed.
    fn igt(self, a: Self::I, b: Self::I) -> Self::M;
    /// `m ? a : b`.
    #[inline(always)]
    fn iselect(self, m: Self::M, a: Self::I, b: Self::I) -> Self::I {
        self.bits(self.select(m, self.float(a), self.float(b)))
    }
    /// Rotates left by a constant below 32.
    #[inline(always)]
    fn irol<const N: u32, const R: u32>(self, a: Self::I) -> Self::I {
        const { assert!(N + R == 32) };
        self.ior(self.ishl::<N>(a), self.ishr::<R>(a))
    }

    /// Sum of the lanes as a balanced tree: lane `i` with `i + 8`, then 4, 2, 1.
    #[inline(always)]
    fn hsum(self, a: Self::F) -> f32 {
        fold_lanes(self.to_array(a), |x, y| x + y)
    }
    /// Largest lane; a NaN is kept.
    #[inline(always)]
    fn hmax(self, a: Self::F) -> f32 {
        fold_lanes(self.to_array(a), |x, y| if x > y || x.is_nan() { x } else { y })
    }
    /// Smallest lane; a NaN is kept.
    #[inline(always)]
    fn hmin(self, a: Self::F) -> f32 {
        fold_lanes(self.to_array(a), |x, y| if x < y || x.is_nan() { x } else { y })
    }
}

/// The lanes below `width`.
#[inline(always)]
pub fn first<S: Lanes>(s: S, width: usize) -> S::M {
    const IOTA: [i32; LANES] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    // SAFETY: IOTA has 16 lanes.
    s.igt(s.isplat(width as i32), unsafe { s.iload(IOTA.as_ptr()) })
}

/// Folds sixteen lanes as a balanced tree.
#[inline(always)]
pub fn fold_lanes<T: Copy>(mut a: [T; LANES], f: impl Fn(T, T) -> T) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            a[i] = f(a[i], a[i + half]);
        }
        half /= 2;
    }
    a[0]
}

/// A computation written once over [`Lanes`]; mark `run` `#[inline(always)]`.
pub trait Task {
    /// What it returns.
    type Output;
    /// Runs with the operations of an instruction set.
    fn run<S: Lanes>(self, s: S) -> Self::Output;
}

/// Runs a task compiled for `isa`, or for the nearest lesser one this CPU runs.
#[inline]
pub fn dispatch<T: Task>(isa: Isa, task: T) -> T::Output {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: `available` has asked the CPU for every feature that the function enables.
        match isa {
            Isa::Avx512 if Isa::Avx512.available() => return unsafe { run_avx512(task) },
            Isa::Avx512 | Isa::Avx2 if Isa::Avx2.available() => return unsafe { run_avx2(task) },
            _ => {}
        }
    }
    let _ = isa;
    task.run(Portable)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn run_avx512<T: Task>(task: T) -> T::Output {
    // SAFETY: the caller has checked the features.
    task.run(unsafe { Avx512::new() })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2<T: Task>(task: T) -> T::Output {
    // SAFETY: the caller has checked the features.
    task.run(unsafe { Avx2::new() })
}
