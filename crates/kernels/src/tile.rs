//! The one inner kernel under [`gemm`](crate::gemm) and [`conv`](crate::conv): a tile of the output kept in registers.
//!
//! `acc[r][j] = Σ_s Σ_k a_s[r][k] · b_s[k][j]` over segments `s`, for up to [`MAX_ROWS`] rows and two vectors of
//! columns. A row of `a` is anywhere in memory (a pixel, a matrix row, a tap of a filter), so a pointer each; its
//! elements are `a_step` apart. A row of `b` is contiguous. Nothing need be packed, everything may be.
#![allow(unsafe_code)]

use crate::conv::depthwise::{self, GradientFn, RowsFn};
use crate::conv::{Pixels, PlaceFn, Tap};
use crate::isa::Isa;
use crate::pack::{self, PackFn};
use crate::pool::MaxGradient;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2F32, Avx2F64, Avx512F32, Avx512F64};
use crate::simd::{PortableF32, PortableF64, Simd};

/// No instruction set has a tile of more rows.
pub(crate) const MAX_ROWS: usize = 14;

/// Distance between the rows of a table of pointers, of which a tile uses the first few.
pub(crate) const PITCH: usize = 16;

/// One stretch of the sum: `len` steps that start `a_off` past each row's pointer and `b_off` past `b`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Segment {
    pub a_off: isize,
    pub b_off: isize,
    pub len: usize,
}

/// What happens to the sums on their way to memory: `c = act(alpha · acc + beta · c + bias)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finish<E> {
    pub alpha: E,
    /// Zero never reads `c`.
    pub beta: E,
    /// A value a column, or null.
    pub bias: *const E,
    pub relu: bool,
}

/// The operands of one tile.
#[derive(Debug)]
pub(crate) struct Tile<'a, E> {
    /// Row pointers: `rows` of them for all segments, or a row of [`PITCH`] a segment where `a_per_segment`.
    pub a: &'a [*const E],
    pub a_per_segment: bool,
    pub a_step: isize,
    pub b: *const E,
    pub b_step: isize,
    pub segments: &'a [Segment],
    /// Where each row of the output goes.
    pub c: &'a [*mut E],
    /// Columns, at most the width of the kernel.
    pub cols: usize,
    pub finish: Finish<E>,
}

/// Runs one tile.
///
/// # Safety
/// The CPU runs the instruction set; `a` holds `rows` pointers ([`PITCH`] a segment, where so flagged), `c` `rows`; every element
/// the segments reach is readable, and the `cols` first of each row of `c` are writable and belong to no one else.
pub(crate) type TileFn<E> = unsafe fn(&Tile<'_, E>);

/// The tiles of one instruction set.
#[derive(Clone, Copy)]
pub(crate) struct Tiles<E: 'static> {
    /// Most rows a tile has.
    pub rows: usize,
    /// Lanes of a vector; a full tile is two vectors wide.
    pub lanes: usize,
    /// `wide[r - 1]`: `r` rows by exactly two vectors.
    wide: &'static [TileFn<E>],
    /// The same where each row's pointer is one element past the last: no pointers are read in the loop.
    adjacent: &'static [TileFn<E>],
    /// `narrow[r - 1]`: `r` rows by exactly one vector.
    narrow: &'static [TileFn<E>],
    /// `part[r - 1]`: `r` rows by the first columns of one vector.
    part: &'static [TileFn<E>],
    /// See [`crate::conv::place`].
    pub place: PlaceFn<E>,
    /// See [`crate::conv::depthwise::rows`].
    pub depthwise_rows: RowsFn<E>,
    /// See [`crate::conv::depthwise::gradient`].
    pub depthwise_gradient: GradientFn<E>,
    /// See [`crate::pool::max_gradient_vectors`].
    pub max_gradient: unsafe fn(&MaxGradient<'_, E>),
    /// See [`crate::pack::rows`].
    pub pack_rows: PackFn<E>,
    /// See [`crate::pack::columns`].
    pub pack_columns: PackFn<E>,
}

impl<E> Tiles<E> {
    /// Columns of the widest tile.
    #[inline]
    pub fn width(&self) -> usize {
        2 * self.lanes
    }

    /// The kernel for `rows` by `cols`, which takes the first columns only where `cols` is neither one nor two vectors
    /// nor less than one: see [`Tiles::step`].
    #[inline]
    pub fn pick(&self, rows: usize, cols: usize) -> TileFn<E> {
        if cols == 2 * self.lanes {
            self.wide[rows - 1]
        } else if cols == self.lanes {
            self.narrow[rows - 1]
        } else {
            debug_assert!(cols < self.lanes);
            self.part[rows - 1]
        }
    }

    /// [`Tiles::pick`] for a tile whose rows are `adjacent`: elements of one step lie side by side, and rows have the
    /// same pointers in all segments.
    #[inline]
    pub fn pick_for(&self, adjacent: bool, rows: usize, cols: usize) -> TileFn<E> {
        if adjacent && cols == 2 * self.lanes { self.adjacent[rows - 1] } else { self.pick(rows, cols) }
    }

    /// How many of `cols` remaining columns the next tile takes.
    #[inline]
    pub fn step(&self, cols: usize) -> usize {
        if cols >= 2 * self.lanes {
            2 * self.lanes
        } else if cols >= self.lanes {
            self.lanes
        } else {
            cols
        }
    }
}

/// A float type with tiles.
pub trait Float:
    Copy + Send + Sync + PartialEq + PartialOrd + std::fmt::Debug + std::ops::Add<Output = Self> + sealed::Sealed + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
}

pub(crate) mod sealed {
    /// The tiles of a type.
    pub trait Sealed: Sized {
        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn tiles(isa: crate::isa::Isa) -> super::Tiles<Self>;
        #[doc(hidden)]
        fn zeros() -> &'static [Self; super::ZEROS];
    }
}

/// Length of the block of zeros that rows outside of an image point to.
pub(crate) const ZEROS: usize = 1024;

impl Float for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
}
impl Float for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
}

impl sealed::Sealed for f32 {
    #[allow(private_interfaces)]
    #[inline]
    fn tiles(isa: Isa) -> Tiles<f32> {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512::F32,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::F32,
            Isa::Neon => neon::F32,
            _ => portable::F32,
        }
    }
    fn zeros() -> &'static [f32; ZEROS] {
        static ZERO: [f32; ZEROS] = [0.0; ZEROS];
        &ZERO
    }
}

impl sealed::Sealed for f64 {
    #[allow(private_interfaces)]
    #[inline]
    fn tiles(isa: Isa) -> Tiles<f64> {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512::F64,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::F64,
            Isa::Neon => neon::F64,
            _ => portable::F64,
        }
    }
    fn zeros() -> &'static [f64; ZEROS] {
        static ZERO: [f64; ZEROS] = [0.0; ZEROS];
        &ZERO
    }
}

/// The kernel: `R` rows by `N` vectors, of which the last is cut to `tile.cols` columns where `PART`.
///
/// # Safety
/// See [`TileFn`].
#[inline(always)]
unsafe fn run<S: Simd, const R: usize, const N: usize, const PART: bool, const ADJACENT: bool>(tile: &Tile<'_, S::E>)
where
    S::E: Float,
{
    debug_assert!(tile.c.len() >= R && tile.cols <= N * S::LANES);
    debug_assert!(!ADJACENT || !tile.a_per_segment && tile.a.windows(2).all(|a| a[0].wrapping_add(1) == a[1]));
    let cut = tile.cols;
    // SAFETY: the caller's contract covers every load and store below.
    unsafe {
        let mut acc = [[S::zero(); N]; R];
        let mut a = tile.a.as_ptr();
        if tile.finish.beta != S::E::ZERO {
            // The old values will be wanted when the sums are done.
            for c in &tile.c[..R] {
                for j in 0..N {
                    S::prefetch(c.add(j * S::LANES));
                }
            }
        }
        for segment in tile.segments {
            let mut at = segment.a_off;
            let mut b = tile.b.offset(segment.b_off);
            for _ in 0..segment.len {
                let mut columns = [S::zero(); N];
                if !PART {
                    // From the second-level cache eight steps ahead; no effect where `b` is near already.
                    let ahead = b.wrapping_offset(8 * tile.b_step);
                    for j in 0..N {
                        S::prefetch(ahead.wrapping_add(j * S::LANES));
                    }
                    let ahead = (*a).wrapping_offset(at + 8 * tile.a_step);
                    S::prefetch(ahead);
                    if ADJACENT {
                        S::prefetch(ahead.wrapping_add(R - 1));
                    }
                }
                for (j, v) in columns.iter_mut().enumerate() {
                    *v = if PART { S::load_first(b, cut) } else { S::load(b.add(j * S::LANES)) };
                }
                for (r, sums) in acc.iter_mut().enumerate() {
                    let row = if ADJACENT {
                        (*a).offset(at).add(r)
                    } else {
                        // Volatile, or the compiler keeps a moving copy of every pointer, most of them on the stack.
                        a.add(r).read_volatile().offset(at)
                    };
                    let x = S::splat(*row);
                    for (sum, v) in sums.iter_mut().zip(columns) {
                        *sum = S::mul_add(x, v, *sum);
                    }
                }
                at += tile.a_step;
                b = b.offset(tile.b_step);
            }
            if tile.a_per_segment {
                a = a.add(PITCH);
            }
        }
        finish::<S, R, N, PART>(tile, &acc);
    }
}

/// Writes the sums of a tile.
///
/// # Safety
/// See [`TileFn`].
#[inline(always)]
unsafe fn finish<S: Simd, const R: usize, const N: usize, const PART: bool>(tile: &Tile<'_, S::E>, acc: &[[S::V; N]; R])
where
    S::E: Float,
{
    let Finish { alpha, beta, bias, relu } = tile.finish;
    let cut = tile.cols;
    // SAFETY: the caller's contract covers every load and store below.
    unsafe {
        let load = |p: *const S::E, j: usize| if PART { S::load_first(p, cut) } else { S::load(p.add(j * S::LANES)) };
        let mut biases = [S::zero(); N];
        if !bias.is_null() {
            for (j, v) in biases.iter_mut().enumerate() {
                *v = load(bias, j);
            }
        }
        let plain = alpha == S::E::ONE && bias.is_null();
        let add = beta != S::E::ZERO;
        let (alpha, factor) = (S::splat(alpha), S::splat(beta));
        let unit = beta == S::E::ONE;
        for (r, sums) in acc.iter().enumerate() {
            let c = *tile.c.get_unchecked(r);
            for (j, sum) in sums.iter().enumerate() {
                let mut y = *sum;
                if !plain {
                    y = S::mul_add(alpha, y, biases[j]);
                }
                if add {
                    let old = load(c, j);
                    y = if unit { S::add(y, old) } else { S::mul_add(factor, old, y) };
                }
                if relu {
                    y = S::relu(y);
                }
                if PART {
                    S::store_first(c, y, cut);
                } else {
                    S::store(c.add(j * S::LANES), y);
                }
            }
        }
    }
}

macro_rules! tiles {
    ($module:ident, $simd32:ident, $simd64:ident, $rows:literal, [$($r:literal),*] $(, $feature:literal)?) => {
        mod $module {
            use super::*;

            // SAFETY: `TileFn`'s contract, which names the instruction set.
            $(#[target_feature(enable = $feature)])?
            unsafe fn tile<S: Simd, const R: usize, const N: usize, const PART: bool, const ADJACENT: bool>(
                tile: &Tile<'_, S::E>,
            ) where
                S::E: Float,
            {
                // SAFETY: handed on.
                unsafe { run::<S, R, N, PART, ADJACENT>(tile) }
            }

            // SAFETY: only the instruction set.
            $(#[target_feature(enable = $feature)])?
            unsafe fn place<E>(
                pixels: &Pixels<E>,
                sizes: [i32; 3],
                taps: &[Tap],
                zeros: *const E,
                pointers: &mut [*const E],
                segments: &mut [Segment],
            ) -> usize {
                crate::conv::place(pixels, sizes, taps, zeros, pointers, segments)
            }

            // SAFETY: `depthwise::rows`' contract, which names the instruction set.
            $(#[target_feature(enable = $feature)])?
            unsafe fn depthwise_rows<S: Simd>(sum: &depthwise::Sum<'_, S::E>, start: usize, end: usize)
            where
                S::E: Float,
            {
                // SAFETY: handed on.
                unsafe { depthwise::rows::<S>(sum, start, end) }
            }

            // SAFETY: `depthwise::gradient`'s contract, which names the instruction set.
            $(#[target_feature(enable = $feature)])?
            unsafe fn depthwise_gradient<S: Simd>(task: depthwise::Gradient<'_, S::E>)
            where
                S::E: Float,
            {
                // SAFETY: handed on.
                unsafe { depthwise::gradient::<S>(task) }
            }

            // SAFETY: `pool::max_gradient_vectors`' contract, which names the instruction set.
            $(#[target_feature(enable = $feature)])?
            unsafe fn max_gradient<S: Simd>(task: &MaxGradient<'_, S::E>)
            where
                S::E: Float,
            {
                // SAFETY: handed on.
                unsafe { crate::pool::max_gradient_vectors::<S>(task) }
            }

            // SAFETY: `pack::rows`' contract, which names the instruction set.
            $(#[target_feature(enable = $feature)])?
            unsafe fn pack_rows<S: Simd>(from: *const S::E, stride: usize, to: *mut S::E, step: usize, k: usize, n: usize) {
                // SAFETY: handed on.
                unsafe { pack::rows::<S>(from, stride, to, step, k, n) }
            }

            // SAFETY: `pack::columns`' contract, which names the instruction set.
            $(#[target_feature(enable = $feature)])?
            unsafe fn pack_columns<S: Simd>(from: *const S::E, stride: usize, to: *mut S::E, step: usize, k: usize, n: usize) {
                // SAFETY: handed on.
                unsafe { pack::columns::<S>(from, stride, to, step, k, n) }
            }

            pub(super) const F32: Tiles<f32> = Tiles {
                rows: $rows,
                lanes: $simd32::LANES,
                wide: &[$(tile::<$simd32, $r, 2, false, false>),*],
                adjacent: &[$(tile::<$simd32, $r, 2, false, true>),*],
                narrow: &[$(tile::<$simd32, $r, 1, false, false>),*],
                part: &[$(tile::<$simd32, $r, 1, true, false>),*],
                place: place::<f32>,
                depthwise_rows: depthwise_rows::<$simd32>,
                depthwise_gradient: depthwise_gradient::<$simd32>,
                max_gradient: max_gradient::<$simd32>,
                pack_rows: pack_rows::<$simd32>,
                pack_columns: pack_columns::<$simd32>,
            };
            pub(super) const F64: Tiles<f64> = Tiles {
                rows: $rows,
                lanes: $simd64::LANES,
                wide: &[$(tile::<$simd64, $r, 2, false, false>),*],
                adjacent: &[$(tile::<$simd64, $r, 2, false, true>),*],
                narrow: &[$(tile::<$simd64, $r, 1, false, false>),*],
                part: &[$(tile::<$simd64, $r, 1, true, false>),*],
                place: place::<f64>,
                depthwise_rows: depthwise_rows::<$simd64>,
                depthwise_gradient: depthwise_gradient::<$simd64>,
                max_gradient: max_gradient::<$simd64>,
                pack_rows: pack_rows::<$simd64>,
                pack_columns: pack_columns::<$simd64>,
            };
        }
    };
}

#[cfg(target_arch = "x86_64")]
tiles!(
    avx512,
    Avx512F32,
    Avx512F64,
    14,
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
    "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"
);
#[cfg(target_arch = "x86_64")]
tiles!(avx2, Avx2F32, Avx2F64, 6, [1, 2, 3, 4, 5, 6], "avx2,fma");
tiles!(neon, PortableF32, PortableF64, 12, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
tiles!(portable, PortableF32, PortableF64, 4, [1, 2, 3, 4]);
