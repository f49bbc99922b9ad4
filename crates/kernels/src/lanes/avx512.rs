//! AVX-512: one register a vector, masks in mask registers.

#![allow(unsafe_code)]

use super::Lanes;
use crate::isa::Isa;
use std::arch::x86_64::*;

/// Proof that the CPU has AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The CPU has AVX-512 F, BW, DQ, VL, AVX2 and FMA.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        Self(())
    }
}

/// One intrinsic call; the token proves that the CPU has it.
macro_rules! op {
    ($name:ident, ($($arg:ident : $ty:ty),*) -> $out:ty, $body:expr) => {
        #[inline(always)]
        fn $name(self, $($arg: $ty),*) -> $out {
            // SAFETY: an Avx512 token exists only where the CPU has the features.
            unsafe { $body }
        }
    };
}

impl Lanes for Avx512 {
    type F = __m512;
    type I = __m512i;
    type M = __mmask16;
    const ISA: Isa = Isa::Avx512;

    op!(splat, (x: f32) -> __m512, _mm512_set1_ps(x));
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m512 {
        // SAFETY: by contract; the token proves the CPU.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, x: __m512) {
        // SAFETY: by contract; the token proves the CPU.
        unsafe { _mm512_storeu_ps(p, x) }
    }
    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, x: __m512) {
        // SAFETY: by contract; the token proves the CPU.
        unsafe { _mm512_stream_ps(p, x) }
    }
    op!(fence, () -> (), _mm_sfence());
    #[inline(always)]
    unsafe fn load_n(self, p: *const f32, n: usize) -> __m512 {
        // SAFETY: masked lanes are not touched; the token proves the CPU.
        unsafe { _mm512_maskz_loadu_ps(first(n), p) }
    }
    #[inline(always)]
    unsafe fn store_n(self, p: *mut f32, x: __m512, n: usize) {
        // SAFETY: masked lanes are not touched; the token proves the CPU.
        unsafe { _mm512_mask_storeu_ps(p, first(n), x) }
    }

    op!(add, (a: __m512, b: __m512) -> __m512, _mm512_add_ps(a, b));
    op!(sub, (a: __m512, b: __m512) -> __m512, _mm512_sub_ps(a, b));
    op!(mul, (a: __m512, b: __m512) -> __m512, _mm512_mul_ps(a, b));
    op!(div, (a: __m512, b: __m512) -> __m512, _mm512_div_ps(a, b));
    op!(fma, (a: __m512, b: __m512, c: __m512) -> __m512, _mm512_fmadd_ps(a, b, c));
    op!(fnma, (a: __m512, b: __m512, c: __m512) -> __m512, _mm512_fnmadd_ps(a, b, c));
    op!(min, (a: __m512, b: __m512) -> __m512, _mm512_min_ps(a, b));
    op!(max, (a: __m512, b: __m512) -> __m512, _mm512_max_ps(a, b));
    op!(sqrt, (a: __m512) -> __m512, _mm512_sqrt_ps(a));
    op!(round, (a: __m512) -> __m512, _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a));
    op!(floor, (a: __m512) -> __m512, _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(a));
    op!(ceil, (a: __m512) -> __m512, _mm512_roundscale_ps::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(a));
    op!(trunc, (a: __m512) -> __m512, _mm512_roundscale_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(a));
    op!(scale2, (p: __m512, n: __m512) -> __m512, _mm512_scalef_ps(p, n));

    op!(lt, (a: __m512, b: __m512) -> __mmask16, _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b));
    op!(le, (a: __m512, b: __m512) -> __mmask16, _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b));
    op!(eq, (a: __m512, b: __m512) -> __mmask16, _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b));
    op!(ne, (a: __m512, b: __m512) -> __mmask16, _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(a, b));
    op!(select, (m: __mmask16, a: __m512, b: __m512) -> __m512, _mm512_mask_blend_ps(m, b, a));
    #[inline(always)]
    fn mand(self, a: __mmask16, b: __mmask16) -> __mmask16 {
        a & b
    }
    #[inline(always)]
    fn mor(self, a: __mmask16, b: __mmask16) -> __mmask16 {
        a | b
    }
    #[inline(always)]
    fn mnot(self, a: __mmask16) -> __mmask16 {
        !a
    }
    #[inline(always)]
    fn mbits(self, m: __mmask16) -> u32 {
        u32::from(m)
    }
    #[inline(always)]
    unsafe fn store_mask(self, p: *mut u8, m: __mmask16) {
        // SAFETY: by contract; the token proves the CPU.
        unsafe { _mm_storeu_si128(p.cast(), _mm_maskz_set1_epi8(m, 1)) }
    }
    #[inline(always)]
    unsafe fn load_mask(self, p: *const u8) -> __mmask16 {
        // SAFETY: by contract; the token proves the CPU.
        unsafe {
            let x = _mm_loadu_si128(p.cast());
            _mm_test_epi8_mask(x, x)
        }
    }

    op!(to_i, (a: __m512) -> __m512i, _mm512_cvttps_epi32(a));
    op!(to_f, (a: __m512i) -> __m512, _mm512_cvtepi32_ps(a));
    op!(bits, (a: __m512) -> __m512i, _mm512_castps_si512(a));
    op!(float, (a: __m512i) -> __m512, _mm512_castsi512_ps(a));
    op!(isplat, (x: i32) -> __m512i, _mm512_set1_epi32(x));
    #[inline(always)]
    unsafe fn iload(self, p: *const i32) -> __m512i {
        // SAFETY: by contract; the token proves the CPU.
        unsafe { _mm512_loadu_si512(p.cast()) }
    }
    #[inline(always)]
    unsafe fn istore(self, p: *mut i32, x: __m512i) {
        // SAFETY: by contract; the token proves the CPU.
        unsafe { _mm512_storeu_si512(p.cast(), x) }
    }
    op!(iadd, (a: __m512i, b: __m512i) -> __m512i, _mm512_add_epi32(a, b));
    op!(isub, (a: __m512i, b: __m512i) -> __m512i, _mm512_sub_epi32(a, b));
    op!(imul, (a: __m512i, b: __m512i) -> __m512i, _mm512_mullo_epi32(a, b));
    op!(iand, (a: __m512i, b: __m512i) -> __m512i, _mm512_and_si512(a, b));
    op!(ior, (a: __m512i, b: __m512i) -> __m512i, _mm512_or_si512(a, b));
    op!(ixor, (a: __m512i, b: __m512i) -> __m512i, _mm512_xor_si512(a, b));
    #[inline(always)]
    fn ishl<const N: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: the token proves the CPU.
        unsafe { _mm512_slli_epi32::<N>(a) }
    }
    #[inline(always)]
    fn ishr<const N: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: the token proves the CPU.
        unsafe { _mm512_srli_epi32::<N>(a) }
    }
    #[inline(always)]
    fn isar<const N: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: the token proves the CPU.
        unsafe { _mm512_srai_epi32::<N>(a) }
    }
    op!(ieq, (a: __m512i, b: __m512i) -> __mmask16, _mm512_cmpeq_epi32_mask(a, b));
    op!(igt, (a: __m512i, b: __m512i) -> __mmask16, _mm512_cmpgt_epi32_mask(a, b));
    #[inline(always)]
    fn hsum(self, a: __m512) -> f32 {
        // SAFETY: the token proves the CPU.
        unsafe {
            let eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            super::avx2::hsum8(eight)
        }
    }
    #[inline(always)]
    fn hmax(self, a: __m512) -> f32 {
        // SAFETY: the token proves the CPU.
        unsafe {
            let eight = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            if self.ne(a, a) != 0 { f32::NAN } else { super::avx2::hmax8(eight) }
        }
    }
}

/// Bits of the first `n` lanes.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    if n >= 16 { u16::MAX } else { (1u16 << n) - 1 }
}
