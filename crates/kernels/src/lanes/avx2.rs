//! AVX2 and FMA: two registers a vector, masks as all-ones lanes.

#![allow(unsafe_code)]

use super::Lanes;
use crate::isa::Isa;
use std::arch::x86_64::*;

/// Proof that the CPU has AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The CPU has AVX2 and FMA.
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
            // SAFETY: an Avx2 token exists only where the CPU has the features.
            unsafe { $body }
        }
    };
}

type Fx2 = [__m256; 2];
type Ix2 = [__m256i; 2];

impl Lanes for Avx2 {
    type F = Fx2;
    type I = Ix2;
    type M = Fx2;
    const ISA: Isa = Isa::Avx2;

    op!(splat, (x: f32) -> Fx2, [_mm256_set1_ps(x); 2]);
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Fx2 {
        // SAFETY: by contract; the token proves the CPU.
        unsafe { [_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))] }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, x: Fx2) {
        // SAFETY: by contract; the token proves the CPU.
        unsafe {
            _mm256_storeu_ps(p, x[0]);
            _mm256_storeu_ps(p.add(8), x[1]);
        }
    }
    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, x: Fx2) {
        // SAFETY: by contract; the token proves the CPU.
        unsafe {
            _mm256_stream_ps(p, x[0]);
            _mm256_stream_ps(p.add(8), x[1]);
        }
    }
    op!(fence, () -> (), _mm_sfence());

    op!(add, (a: Fx2, b: Fx2) -> Fx2, [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])]);
    op!(sub, (a: Fx2, b: Fx2) -> Fx2, [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])]);
    op!(mul, (a: Fx2, b: Fx2) -> Fx2, [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])]);
    op!(div, (a: Fx2, b: Fx2) -> Fx2, [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])]);
    op!(min, (a: Fx2, b: Fx2) -> Fx2, [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])]);
    op!(max, (a: Fx2, b: Fx2) -> Fx2, [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])]);
    op!(fma, (a: Fx2, b: Fx2, c: Fx2) -> Fx2, [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])]);
    op!(fnma, (a: Fx2, b: Fx2, c: Fx2) -> Fx2, [_mm256_fnmadd_ps(a[0], b[0], c[0]), _mm256_fnmadd_ps(a[1], b[1], c[1])]);
    op!(sqrt, (a: Fx2) -> Fx2, [_mm256_sqrt_ps(a[0]), _mm256_sqrt_ps(a[1])]);
    op!(round, (a: Fx2) -> Fx2, [_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a[0]), _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a[1])]);
    op!(floor, (a: Fx2) -> Fx2, [_mm256_round_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(a[0]), _mm256_round_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(a[1])]);
    op!(ceil, (a: Fx2) -> Fx2, [_mm256_round_ps::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(a[0]), _mm256_round_ps::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(a[1])]);
    op!(trunc, (a: Fx2) -> Fx2, [_mm256_round_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(a[0]), _mm256_round_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(a[1])]);
    op!(scale2, (p: Fx2, n: Fx2) -> Fx2, [scale8(p[0], n[0]), scale8(p[1], n[1])]);

    op!(lt, (a: Fx2, b: Fx2) -> Fx2, [_mm256_cmp_ps::<_CMP_LT_OQ>(a[0], b[0]), _mm256_cmp_ps::<_CMP_LT_OQ>(a[1], b[1])]);
    op!(le, (a: Fx2, b: Fx2) -> Fx2, [_mm256_cmp_ps::<_CMP_LE_OQ>(a[0], b[0]), _mm256_cmp_ps::<_CMP_LE_OQ>(a[1], b[1])]);
    op!(eq, (a: Fx2, b: Fx2) -> Fx2, [_mm256_cmp_ps::<_CMP_EQ_OQ>(a[0], b[0]), _mm256_cmp_ps::<_CMP_EQ_OQ>(a[1], b[1])]);
    op!(ne, (a: Fx2, b: Fx2) -> Fx2, [_mm256_cmp_ps::<_CMP_NEQ_UQ>(a[0], b[0]), _mm256_cmp_ps::<_CMP_NEQ_UQ>(a[1], b[1])]);
    op!(select, (m: Fx2, a: Fx2, b: Fx2) -> Fx2, [_mm256_blendv_ps(b[0], a[0], m[0]), _mm256_blendv_ps(b[1], a[1], m[1])]);
    op!(mand, (a: Fx2, b: Fx2) -> Fx2, [_mm256_and_ps(a[0], b[0]), _mm256_and_ps(a[1], b[1])]);
    op!(mor, (a: Fx2, b: Fx2) -> Fx2, [_mm256_or_ps(a[0], b[0]), _mm256_or_ps(a[1], b[1])]);
    op!(mnot, (a: Fx2) -> Fx2, {
        let ones = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
        [_mm256_xor_ps(a[0], ones), _mm256_xor_ps(a[1], ones)]
    });
    op!(mbits, (m: Fx2) -> u32, (_mm256_movemask_ps(m[0]) | _mm256_movemask_ps(m[1]) << 8) as u32);
    #[inline(always)]
    unsafe fn store_mask(self, p: *mut u8, m: Fx2) {
        // SAFETY: by contract; the token proves the CPU.
        unsafe {
            let words = _mm256_packs_epi32(_mm256_castps_si256(m[0]), _mm256_castps_si256(m[1]));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
            let bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(p.cast(), _mm_and_si128(bytes, _mm_set1_epi8(1)));
        }
    }
    #[inline(always)]
    unsafe fn load_mask(self, p: *const u8) -> Fx2 {
        // SAFETY: by contract; the token proves the CPU.
        unsafe {
            let x = _mm_loadu_si128(p.cast());
            let zero = _mm256_setzero_si256();
            let low = _mm256_cvtepu8_epi32(x);
            let high = _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(x));
            [_mm256_castsi256_ps(_mm256_cmpgt_epi32(low, zero)), _mm256_castsi256_ps(_mm256_cmpgt_epi32(high, zero))]
        }
    }

    op!(to_i, (a: Fx2) -> Ix2, [_mm256_cvttps_epi32(a[0]), _mm256_cvttps_epi32(a[1])]);
    op!(to_f, (a: Ix2) -> Fx2, [_mm256_cvtepi32_ps(a[0]), _mm256_cvtepi32_ps(a[1])]);
    op!(bits, (a: Fx2) -> Ix2, [_mm256_castps_si256(a[0]), _mm256_castps_si256(a[1])]);
    op!(float, (a: Ix2) -> Fx2, [_mm256_castsi256_ps(a[0]), _mm256_castsi256_ps(a[1])]);
    op!(isplat, (x: i32) -> Ix2, [_mm256_set1_epi32(x); 2]);
    #[inline(always)]
    unsafe fn iload(self, p: *const i32) -> Ix2 {
        // SAFETY: by contract; the token proves the CPU.
        unsafe { [_mm256_loadu_si256(p.cast()), _mm256_loadu_si256(p.add(8).cast())] }
    }
    #[inline(always)]
    unsafe fn istore(self, p: *mut i32, x: Ix2) {
        // SAFETY: by contract; the token proves the CPU.
        unsafe {
            _mm256_storeu_si256(p.cast(), x[0]);
            _mm256_storeu_si256(p.add(8).cast(), x[1]);
        }
    }
    op!(iadd, (a: Ix2, b: Ix2) -> Ix2, [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])]);
    op!(isub, (a: Ix2, b: Ix2) -> Ix2, [_mm256_sub_epi32(a[0], b[0]), _mm256_sub_epi32(a[1], b[1])]);
    op!(imul, (a: Ix2, b: Ix2) -> Ix2, [_mm256_mullo_epi32(a[0], b[0]), _mm256_mullo_epi32(a[1], b[1])]);
    op!(iand, (a: Ix2, b: Ix2) -> Ix2, [_mm256_and_si256(a[0], b[0]), _mm256_and_si256(a[1], b[1])]);
    op!(ior, (a: Ix2, b: Ix2) -> Ix2, [_mm256_or_si256(a[0], b[0]), _mm256_or_si256(a[1], b[1])]);
    op!(ixor, (a: Ix2, b: Ix2) -> Ix2, [_mm256_xor_si256(a[0], b[0]), _mm256_xor_si256(a[1], b[1])]);
    #[inline(always)]
    fn ishl<const N: u32>(self, a: Ix2) -> Ix2 {
        // SAFETY: the token proves the CPU.
        unsafe {
            let n = _mm_cvtsi32_si128(N as i32);
            [_mm256_sll_epi32(a[0], n), _mm256_sll_epi32(a[1], n)]
        }
    }
    #[inline(always)]
    fn ishr<const N: u32>(self, a: Ix2) -> Ix2 {
        // SAFETY: the token proves the CPU.
        unsafe {
            let n = _mm_cvtsi32_si128(N as i32);
            [_mm256_srl_epi32(a[0], n), _mm256_srl_epi32(a[1], n)]
        }
    }
    #[inline(always)]
    fn isar<const N: u32>(self, a: Ix2) -> Ix2 {
        // SAFETY: the token proves the CPU.
        unsafe {
            let n = _mm_cvtsi32_si128(N as i32);
            [_mm256_sra_epi32(a[0], n), _mm256_sra_epi32(a[1], n)]
        }
    }
    op!(ieq, (a: Ix2, b: Ix2) -> Fx2, [
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(a[0], b[0])),
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(a[1], b[1])),
    ]);
    op!(igt, (a: Ix2, b: Ix2) -> Fx2, [
        _mm256_castsi256_ps(_mm256_cmpgt_epi32(a[0], b[0])),
        _mm256_castsi256_ps(_mm256_cmpgt_epi32(a[1], b[1])),
    ]);
    op!(hsum, (a: Fx2) -> f32, hsum8(_mm256_add_ps(a[0], a[1])));
    #[inline(always)]
    fn hmax(self, a: Fx2) -> f32 {
        // SAFETY: the token proves the CPU.
        unsafe {
            let nan = self.mbits(self.ne(a, a)) != 0;
            if nan { f32::NAN } else { hmax8(_mm256_max_ps(a[0], a[1])) }
        }
    }
}

/// Sum of eight lanes as a tree: lane `i` with `i + 4`, then 2, 1.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn hsum8(x: __m256) -> f32 {
    // SAFETY: by contract.
    unsafe {
        let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

/// Largest of eight lanes without NaN, by the same tree.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn hmax8(x: __m256) -> f32 {
    // SAFETY: by contract.
    unsafe {
        let four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
        let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

/// `p * 2^n` in two exact steps and one rounding.
#[inline(always)]
unsafe fn scale8(p: __m256, n: __m256) -> __m256 {
    // SAFETY: by contract.
    unsafe {
        let n = _mm256_cvttps_epi32(n);
        let half = _mm256_srai_epi32::<1>(n);
        let rest = _mm256_sub_epi32(n, half);
        let bias = _mm256_set1_epi32(127);
        let power = |k| _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(k, bias)));
        _mm256_mul_ps(_mm256_mul_ps(p, power(half)), power(rest))
    }
}
