//! AVX2 + FMA and AVX-512.

use super::Simd;
use std::arch::x86_64::*;

/// 8 `f32`.
#[derive(Clone, Copy)]
pub(crate) struct Avx2F32;
/// 4 `f64`.
#[derive(Clone, Copy)]
pub(crate) struct Avx2F64;
/// 16 `f32`.
#[derive(Clone, Copy)]
pub(crate) struct Avx512F32;
/// 8 `f64`.
#[derive(Clone, Copy)]
pub(crate) struct Avx512F64;

/// Sixteen set lanes then sixteen clear ones: an unaligned window is the mask of the first `n` lanes.
static WINDOW_32: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
static WINDOW_64: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

// SAFETY (whole file): the trait's contract: the caller runs on a CPU with these instructions and owns the memory.
#[inline(always)]
unsafe fn mask_8(n: usize) -> __m256i {
    debug_assert!(n <= 8);
    // SAFETY: 8 - n .. 16 - n lies inside the 16 entries.
    unsafe { _mm256_loadu_si256(WINDOW_32.as_ptr().add(8 - n).cast()) }
}

#[inline(always)]
unsafe fn mask_4(n: usize) -> __m256i {
    debug_assert!(n <= 4);
    // SAFETY: 4 - n .. 8 - n lies inside the 8 entries.
    unsafe { _mm256_loadu_si256(WINDOW_64.as_ptr().add(4 - n).cast()) }
}

macro_rules! common {
    ($e:ty, $v:ty, $lanes:literal, $zero:ident, $splat:ident, $load:ident, $store:ident, $add:ident, $fma:ident, $max:ident) => {
        type E = $e;
        type V = $v;
        const LANES: usize = $lanes;
        #[inline(always)]
        unsafe fn prefetch(p: *const $e) {
            // SAFETY: a prefetch never faults.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
        }
        #[inline(always)]
        unsafe fn zero() -> $v {
            // SAFETY: the trait's contract.
            unsafe { $zero() }
        }
        #[inline(always)]
        unsafe fn splat(x: $e) -> $v {
            // SAFETY: the trait's contract.
            unsafe { $splat(x) }
        }
        #[inline(always)]
        unsafe fn load(p: *const $e) -> $v {
            // SAFETY: the trait's contract.
            unsafe { $load(p) }
        }
        #[inline(always)]
        unsafe fn store(p: *mut $e, v: $v) {
            // SAFETY: the trait's contract.
            unsafe { $store(p, v) }
        }
        #[inline(always)]
        unsafe fn add(a: $v, b: $v) -> $v {
            // SAFETY: the trait's contract.
            unsafe { $add(a, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(a: $v, b: $v, c: $v) -> $v {
            // SAFETY: the trait's contract.
            unsafe { $fma(a, b, c) }
        }
        #[inline(always)]
        unsafe fn relu(v: $v) -> $v {
            // The instruction returns its second operand where one is NaN.
            // SAFETY: the trait's contract.
            unsafe { $max($zero(), v) }
        }
    };
}

impl Simd for Avx2F32 {
    common!(
        f32,
        __m256,
        8,
        _mm256_setzero_ps,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_fmadd_ps,
        _mm256_max_ps
    );
    #[inline(always)]
    unsafe fn take_greater(best: __m256, winner: __m256, x: __m256, this: __m256) -> (__m256, __m256) {
        // SAFETY: the trait's contract.
        unsafe {
            let takes = _mm256_and_ps(_mm256_cmp_ps::<_CMP_NLE_UQ>(x, best), _mm256_cmp_ps::<_CMP_ORD_Q>(best, best));
            (_mm256_blendv_ps(best, x, takes), _mm256_blendv_ps(winner, this, takes))
        }
    }
    #[inline(always)]
    unsafe fn keep_where_equal(a: __m256, b: __m256, x: __m256) -> __m256 {
        // SAFETY: the trait's contract.
        unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a, b), x) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> __m256 {
        // SAFETY: the trait's contract; masked lanes are not read.
        unsafe { _mm256_maskload_ps(p, mask_8(n)) }
    }
    #[inline(always)]
    unsafe fn store_first(p: *mut f32, v: __m256, n: usize) {
        // SAFETY: the trait's contract; masked lanes are not written.
        unsafe { _mm256_maskstore_ps(p, mask_8(n), v) }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, rows: usize, to: *mut f32, step: usize) {
        // SAFETY: the trait's contract.
        unsafe {
            let mut r = [_mm256_setzero_ps(); 8];
            for (i, v) in r.iter_mut().enumerate() {
                if i < rows {
                    *v = _mm256_loadu_ps(from.add(i * stride));
                }
            }
            // Column j of each half of four rows, in vectors j and 4 + j.
            let mut quads = [_mm256_setzero_ps(); 8];
            for q in [0, 4] {
                let (a, b) = (_mm256_unpacklo_ps(r[q], r[q + 1]), _mm256_unpackhi_ps(r[q], r[q + 1]));
                let (c, d) = (_mm256_unpacklo_ps(r[q + 2], r[q + 3]), _mm256_unpackhi_ps(r[q + 2], r[q + 3]));
                quads[q] = _mm256_shuffle_ps::<0x44>(a, c);
                quads[q + 1] = _mm256_shuffle_ps::<0xee>(a, c);
                quads[q + 2] = _mm256_shuffle_ps::<0x44>(b, d);
                quads[q + 3] = _mm256_shuffle_ps::<0xee>(b, d);
            }
            for j in 0..4 {
                _mm256_storeu_ps(to.add(j * step), _mm256_permute2f128_ps::<0x20>(quads[j], quads[j + 4]));
                _mm256_storeu_ps(to.add((j + 4) * step), _mm256_permute2f128_ps::<0x31>(quads[j], quads[j + 4]));
            }
        }
    }
}

impl Simd for Avx2F64 {
    common!(
        f64,
        __m256d,
        4,
        _mm256_setzero_pd,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_add_pd,
        _mm256_fmadd_pd,
        _mm256_max_pd
    );
    #[inline(always)]
    unsafe fn take_greater(best: __m256d, winner: __m256d, x: __m256d, this: __m256d) -> (__m256d, __m256d) {
        // SAFETY: the trait's contract.
        unsafe {
            let takes = _mm256_and_pd(_mm256_cmp_pd::<_CMP_NLE_UQ>(x, best), _mm256_cmp_pd::<_CMP_ORD_Q>(best, best));
            (_mm256_blendv_pd(best, x, takes), _mm256_blendv_pd(winner, this, takes))
        }
    }
    #[inline(always)]
    unsafe fn keep_where_equal(a: __m256d, b: __m256d, x: __m256d) -> __m256d {
        // SAFETY: the trait's contract.
        unsafe { _mm256_and_pd(_mm256_cmp_pd::<_CMP_EQ_OQ>(a, b), x) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const f64, n: usize) -> __m256d {
        // SAFETY: the trait's contract; masked lanes are not read.
        unsafe { _mm256_maskload_pd(p, mask_4(n)) }
    }
    #[inline(always)]
    unsafe fn store_first(p: *mut f64, v: __m256d, n: usize) {
        // SAFETY: the trait's contract; masked lanes are not written.
        unsafe { _mm256_maskstore_pd(p, mask_4(n), v) }
    }
}

impl Simd for Avx512F32 {
    common!(
        f32,
        __m512,
        16,
        _mm512_setzero_ps,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_fmadd_ps,
        _mm512_max_ps
    );
    #[inline(always)]
    unsafe fn take_greater(best: __m512, winner: __m512, x: __m512, this: __m512) -> (__m512, __m512) {
        // SAFETY: the trait's contract.
        unsafe {
            let ordered = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(best, best);
            let takes = _mm512_mask_cmp_ps_mask::<_CMP_NLE_UQ>(ordered, x, best);
            (_mm512_mask_mov_ps(best, takes, x), _mm512_mask_mov_ps(winner, takes, this))
        }
    }
    #[inline(always)]
    unsafe fn keep_where_equal(a: __m512, b: __m512, x: __m512) -> __m512 {
        // SAFETY: the trait's contract.
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), x) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> __m512 {
        debug_assert!(n <= 16);
        // SAFETY: the trait's contract; masked lanes are not read.
        unsafe { _mm512_maskz_loadu_ps(((1u32 << n) - 1) as __mmask16, p) }
    }
    #[inline(always)]
    unsafe fn store_first(p: *mut f32, v: __m512, n: usize) {
        debug_assert!(n <= 16);
        // SAFETY: the trait's contract; masked lanes are not written.
        unsafe { _mm512_mask_storeu_ps(p, ((1u32 << n) - 1) as __mmask16, v) }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, rows: usize, to: *mut f32, step: usize) {
        // SAFETY: the trait's contract.
        unsafe {
            let mut r = [_mm512_setzero_ps(); 16];
            for (i, v) in r.iter_mut().enumerate() {
                if i < rows {
                    *v = _mm512_loadu_ps(from.add(i * stride));
                }
            }
            // Column j of each quarter of four rows, in vectors j, 4 + j, 8 + j and 12 + j.
            let mut quads = [_mm512_setzero_ps(); 16];
            for q in [0, 4, 8, 12] {
                let (a, b) = (_mm512_unpacklo_ps(r[q], r[q + 1]), _mm512_unpackhi_ps(r[q], r[q + 1]));
                let (c, d) = (_mm512_unpacklo_ps(r[q + 2], r[q + 3]), _mm512_unpackhi_ps(r[q + 2], r[q + 3]));
                quads[q] = _mm512_shuffle_ps::<0x44>(a, c);
                quads[q + 1] = _mm512_shuffle_ps::<0xee>(a, c);
                quads[q + 2] = _mm512_shuffle_ps::<0x44>(b, d);
                quads[q + 3] = _mm512_shuffle_ps::<0xee>(b, d);
            }
            for j in 0..4 {
                let e = _mm512_shuffle_f32x4::<0x88>(quads[j], quads[j + 4]);
                let f = _mm512_shuffle_f32x4::<0x88>(quads[j + 8], quads[j + 12]);
                let o = _mm512_shuffle_f32x4::<0xdd>(quads[j], quads[j + 4]);
                let p = _mm512_shuffle_f32x4::<0xdd>(quads[j + 8], quads[j + 12]);
                _mm512_storeu_ps(to.add(j * step), _mm512_shuffle_f32x4::<0x88>(e, f));
                _mm512_storeu_ps(to.add((j + 4) * step), _mm512_shuffle_f32x4::<0x88>(o, p));
                _mm512_storeu_ps(to.add((j + 8) * step), _mm512_shuffle_f32x4::<0xdd>(e, f));
                _mm512_storeu_ps(to.add((j + 12) * step), _mm512_shuffle_f32x4::<0xdd>(o, p));
            }
        }
    }
}

impl Simd for Avx512F64 {
    common!(
        f64,
        __m512d,
        8,
        _mm512_setzero_pd,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_add_pd,
        _mm512_fmadd_pd,
        _mm512_max_pd
    );
    #[inline(always)]
    unsafe fn take_greater(best: __m512d, winner: __m512d, x: __m512d, this: __m512d) -> (__m512d, __m512d) {
        // SAFETY: the trait's contract.
        unsafe {
            let ordered = _mm512_cmp_pd_mask::<_CMP_ORD_Q>(best, best);
            let takes = _mm512_mask_cmp_pd_mask::<_CMP_NLE_UQ>(ordered, x, best);
            (_mm512_mask_mov_pd(best, takes, x), _mm512_mask_mov_pd(winner, takes, this))
        }
    }
    #[inline(always)]
    unsafe fn keep_where_equal(a: __m512d, b: __m512d, x: __m512d) -> __m512d {
        // SAFETY: the trait's contract.
        unsafe { _mm512_maskz_mov_pd(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, b), x) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const f64, n: usize) -> __m512d {
        debug_assert!(n <= 8);
        // SAFETY: the trait's contract; masked lanes are not read.
        unsafe { _mm512_maskz_loadu_pd(((1u32 << n) - 1) as __mmask8, p) }
    }
    #[inline(always)]
    unsafe fn store_first(p: *mut f64, v: __m512d, n: usize) {
        debug_assert!(n <= 8);
        // SAFETY: the trait's contract; masked lanes are not written.
        unsafe { _mm512_mask_storeu_pd(p, ((1u32 << n) - 1) as __mmask8, v) }
    }
}
