//! The vector types that the multiply-add kernels ([`gemm`](crate::gemm), [`conv`](crate::conv)) are written against.
//!
//! A kernel is one `#[inline(always)]` function generic over [`Simd`]; a thin wrapper with `#[target_feature]` makes
//! one copy of it an instruction set, so that every operation below becomes one instruction.
#![allow(unsafe_code)]

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use portable::{PortableF32, PortableF64};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2F32, Avx2F64, Avx512F32, Avx512F64};

/// A vector of floats in some instruction set.
///
/// # Safety
/// Every method requires that the CPU runs the instruction set; loads and stores require that the lanes they touch are
/// valid memory. No alignment is required.
pub(crate) trait Simd: Copy + 'static {
    /// What a lane holds.
    type E: Copy + 'static;
    /// The vector register.
    type V: Copy;
    /// Lanes in a vector.
    const LANES: usize;

    /// Brings the line of `p` near; `p` may be anywhere.
    unsafe fn prefetch(p: *const Self::E);
    /// All lanes zero.
    unsafe fn zero() -> Self::V;
    /// All lanes `x`.
    unsafe fn splat(x: Self::E) -> Self::V;
    /// All lanes at `p`.
    unsafe fn load(p: *const Self::E) -> Self::V;
    /// Stores all lanes at `p`.
    unsafe fn store(p: *mut Self::E, v: Self::V);
    /// The first `n <= LANES` lanes at `p`, zero in the others, whose memory is not touched.
    unsafe fn load_first(p: *const Self::E, n: usize) -> Self::V;
    /// Stores the first `n <= LANES` lanes at `p` and touches nothing beyond.
    unsafe fn store_first(p: *mut Self::E, v: Self::V, n: usize);
    /// `a + b`.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the instruction set can.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `max(v, 0)`; a NaN stays NaN.
    unsafe fn relu(v: Self::V) -> Self::V;
    /// Where `x` is greater than `best`, or the first NaN: `(x, this)`, elsewhere `(best, winner)`.
    unsafe fn take_greater(best: Self::V, winner: Self::V, x: Self::V, this: Self::V) -> (Self::V, Self::V);
    /// `x` where `a == b`, else 0.
    unsafe fn keep_where_equal(a: Self::V, b: Self::V, x: Self::V) -> Self::V;
    /// `to[j * step + i] = from[i * stride + j]` for `i < rows <= LANES` and `j < LANES`; the rows of `to` are written
    /// whole, `LANES` elements each, with anything past the first `rows`.
    #[inline(always)]
    unsafe fn transpose(from: *const Self::E, stride: usize, rows: usize, to: *mut Self::E, step: usize) {
        for i in 0..rows {
            for j in 0..Self::LANES {
                // SAFETY: the caller owns both blocks.
                unsafe { *to.add(j * step + i) = *from.add(i * stride + j) };
            }
        }
    }
}
