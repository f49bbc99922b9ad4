//! Arrays that the compiler turns into whatever vectors its base target has: SSE2 on x86-64, NEON on AArch64, whose
//! base includes it, so that [`Isa::Neon`](crate::isa::Isa) needs no intrinsics of its own here.

use super::Simd;

/// 4 `f32`.
#[derive(Clone, Copy)]
pub(crate) struct PortableF32;
/// 2 `f64`.
#[derive(Clone, Copy)]
pub(crate) struct PortableF64;

macro_rules! portable {
    ($name:ty, $e:ty, $lanes:literal) => {
        impl Simd for $name {
            type E = $e;
            type V = [$e; $lanes];
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn prefetch(_: *const $e) {}
            #[inline(always)]
            unsafe fn zero() -> Self::V {
                [0.0; $lanes]
            }
            #[inline(always)]
            unsafe fn splat(x: $e) -> Self::V {
                [x; $lanes]
            }
            #[inline(always)]
            unsafe fn load(p: *const $e) -> Self::V {
                // SAFETY: the trait's contract: all lanes are readable.
                unsafe { p.cast::<Self::V>().read_unaligned() }
            }
            #[inline(always)]
            unsafe fn store(p: *mut $e, v: Self::V) {
                // SAFETY: the trait's contract: all lanes are writable.
                unsafe { p.cast::<Self::V>().write_unaligned(v) }
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $e, n: usize) -> Self::V {
                // SAFETY: the trait's contract: the first n lanes are readable.
                std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { 0.0 })
            }
            #[inline(always)]
            unsafe fn store_first(p: *mut $e, v: Self::V, n: usize) {
                for (i, x) in v.into_iter().enumerate().take(n) {
                    // SAFETY: the trait's contract: the first n lanes are writable.
                    unsafe { *p.add(i) = x };
                }
            }
            #[inline(always)]
            unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|i| a[i] + b[i])
            }
            #[inline(always)]
            unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                if cfg!(target_arch = "aarch64") {
                    std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
                } else {
                    // Two roundings: without the instruction, a fused one is a library call.
                    std::array::from_fn(|i| a[i] * b[i] + c[i])
                }
            }
            #[inline(always)]
            unsafe fn take_greater(best: Self::V, winner: Self::V, x: Self::V, this: Self::V) -> (Self::V, Self::V) {
                let takes: [bool; $lanes] = std::array::from_fn(|i| (x[i] > best[i]) | (x[i].is_nan() & !best[i].is_nan()));
                (
                    std::array::from_fn(|i| if takes[i] { x[i] } else { best[i] }),
                    std::array::from_fn(|i| if takes[i] { this[i] } else { winner[i] }),
                )
            }
            #[inline(always)]
            unsafe fn keep_where_equal(a: Self::V, b: Self::V, x: Self::V) -> Self::V {
                std::array::from_fn(|i| if a[i] == b[i] { x[i] } else { 0.0 })
            }
            #[inline(always)]
            unsafe fn relu(v: Self::V) -> Self::V {
                v.map(|x| if x < 0.0 { 0.0 } else { x })
            }
        }
    };
}

portable!(PortableF32, f32, 4);
portable!(PortableF64, f64, 2);
