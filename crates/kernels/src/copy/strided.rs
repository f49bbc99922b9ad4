//! Strided copies as loops of runs and of blocks.

use crate::isa::Isa;
use crate::shared::for_each_task;
use cornet_error::{Code, Error, Result};

/// Largest rank after merging.
const MAX_RANK: usize = 8;
/// Bytes that a task copies.
const TASK_BYTES: usize = 1 << 18;
/// Side of the blocks of a transpose.
const BLOCK: usize = 32;

/// An axis that is not there.
const ONE: [isize; 3] = [1, 0, 0];

/// A copy between two strided layouts of one shape, prepared once.
///
/// Strides are in elements of `size` bytes. A source stride may be 0 (broadcasting) or negative, the destination's
/// strides are positive and no two of its elements coincide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StridedCopy {
    /// Axes as (size, destination stride, source stride): the fastest of the destination; the one that is dense in
    /// the source, or else the next slower; all others, the fastest last. Missing ones have size one.
    inner: [isize; 3],
    second: [isize; 3],
    others: Vec<[isize; 3]>,
    size: usize,
    empty: bool,
}

/// Row-major strides of a dense array.
#[must_use]
pub fn dense_strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1isize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1) as isize);
    }
    strides
}

impl StridedCopy {
    /// Prepares a copy of elements of `size` bytes (1, 2, 4, 8 or 16).
    ///
    /// # Errors
    /// `rank_mismatch` when a stride list has not the rank of the shape; `invalid_argument` for another size, a
    /// negative destination stride or elements of the destination that coincide; `limit_exceeded` when more than 8
    /// separate axes remain or a size overflows.
    pub fn new(size: usize, shape: &[usize], to: &[isize], from: &[isize]) -> Result<Self> {
        let invalid = |message: String| Err(Error::new(Code::InvalidArgument, message));
        if to.len() != shape.len() || from.len() != shape.len() {
            let message =
                format!("copy: expected {} strides for shape {shape:?}, found {to:?} and {from:?}", shape.len());
            return Err(Error::new(Code::RankMismatch, message));
        }
        if !matches!(size, 1 | 2 | 4 | 8 | 16) {
            return invalid(format!("copy: expected elements of 1, 2, 4, 8 or 16 bytes, found {size}"));
        }
        let mut axes: Vec<[isize; 3]> = (0..shape.len())
            .filter(|&a| shape[a] != 1)
            .map(|a| [isize::try_from(shape[a]).unwrap_or(isize::MAX), to[a], from[a]])
            .collect();
        if shape.contains(&0) {
            return Ok(Self { inner: ONE, second: ONE, others: Vec::new(), size, empty: true });
        }
        axes.sort_by_key(|axis| std::cmp::Reverse(axis[1]));
        // From the fastest axis on, each stride steps over all that the faster axes reach.
        let mut reach = 1i128;
        for &[d, to, from] in axes.iter().rev() {
            if (to as i128) < reach {
                return invalid(format!("copy: elements of the destination coincide: shape {shape:?}, strides {to:?}"));
            }
            reach += (d as i128 - 1) * to as i128;
            let span = (d as i128 - 1) * i128::from(from.unsigned_abs() as u64);
            if reach * size as i128 > isize::MAX as i128 || span * size as i128 > isize::MAX as i128 {
                return Err(Error::new(
                    Code::LimitExceeded,
                    format!("copy: shape {shape:?} with strides is too large"),
                ));
            }
        }
        let axes = merge(axes);
        if axes.len() > MAX_RANK {
            let message = format!("copy: more than {MAX_RANK} separate axes in shape {shape:?}");
            return Err(Error::new(Code::LimitExceeded, message).help("copy in two steps"));
        }
        let mut others = axes;
        let inner = others.pop().unwrap_or(ONE);
        let across = if inner[2] == 1 || inner[2] == 0 { None } else { others.iter().position(|axis| axis[2] == 1) };
        let second = across.or(others.len().checked_sub(1)).map_or(ONE, |axis| others.remove(axis));
        Ok(Self { inner, second, others, size, empty: false })
    }

    /// A transpose of a dense array: axis `i` of the result is axis `permutation[i]` of the source.
    ///
    /// # Errors
    /// `invalid_argument` when `permutation` is not one; as [`new`](StridedCopy::new) otherwise.
    pub fn transpose(size: usize, shape: &[usize], permutation: &[usize]) -> Result<Self> {
        let mut seen = vec![false; shape.len()];
        for &axis in permutation {
            if axis < seen.len() {
                seen[axis] = true;
            }
        }
        if permutation.len() != shape.len() || seen.contains(&false) {
            let message = format!("transpose: {permutation:?} is not a permutation of the axes of {shape:?}");
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let strides = dense_strides(shape);
        let result: Vec<usize> = permutation.iter().map(|&axis| shape[axis]).collect();
        let from: Vec<isize> = permutation.iter().map(|&axis| strides[axis]).collect();
        Self::new(size, &result, &dense_strides(&result), &from)
    }

    /// Lowest and highest element offsets that the destination (`side` 1) or source (`side` 2) touches.
    fn extent(&self, side: usize) -> (i128, i128) {
        self.others.iter().chain([&self.second, &self.inner]).fold((0, 0), |(low, high), axis| {
            let reach = (axis[0] as i128 - 1) * axis[side] as i128;
            (low + reach.min(0), high + reach.max(0))
        })
    }

    /// Copies. `from_start` and `to_start` are the elements with index zero along every axis.
    ///
    /// # Errors
    /// `out_of_range` when a slice is too short.
    pub fn run(&self, from: &[u8], from_start: usize, to: &mut [u8], to_start: usize) -> Result<()> {
        if self.empty {
            return Ok(());
        }
        for (name, side, start, len) in [("destination", 1, to_start, to.len()), ("source", 2, from_start, from.len())]
        {
            let (low, high) = self.extent(side);
            let (first, end) = (start as i128 + low, (start as i128 + high + 1) * self.size as i128);
            if first < 0 || end > len as i128 {
                let message = format!("copy: {name}: elements {first} to byte {end} are outside its {len} bytes");
                return Err(Error::new(Code::OutOfRange, message));
            }
        }
        let to = Pointer(to.as_mut_ptr().wrapping_add(to_start * self.size));
        let from = Pointer(from.as_ptr().cast_mut().wrapping_add(from_start * self.size));
        // SAFETY: the extents are checked, and elements of the destination do not coincide.
        unsafe {
            match self.size {
                1 => self.copy::<u8>(&to, &from),
                2 => self.copy::<u16>(&to, &from),
                4 => self.copy::<u32>(&to, &from),
                8 => self.copy::<u64>(&to, &from),
                _ => self.copy::<u128>(&to, &from),
            }
        }
        Ok(())
    }

    /// Cuts the copy into tasks: several planes of the two inner loops, or a part of one.
    unsafe fn copy<T: Copy>(&self, to: &Pointer, from: &Pointer) {
        let (inner, plane, others) = (self.inner, self.second, &self.others);
        let count = others.iter().map(|axis| axis[0] as usize).product::<usize>();
        let bytes = plane[0] as usize * inner[0] as usize * self.size;
        // A part has rows of the second axis, in whole blocks, and of long rows a part.
        let planes = (TASK_BYTES / bytes).max(1).min(count);
        let rows = if planes > 1 { plane[0] as usize } else { TASK_BYTES * plane[0] as usize / bytes };
        let rows = rows.next_multiple_of(BLOCK).min(plane[0] as usize).max(1);
        let parts = (plane[0] as usize).div_ceil(rows);
        let whole = inner[0] as usize;
        let large = rows * whole * self.size > 2 * TASK_BYTES;
        let width = if large { (TASK_BYTES / (rows * self.size)).next_multiple_of(BLOCK).min(whole) } else { whole };
        let cuts = whole.div_ceil(width);
        for_each_task(count.div_ceil(planes) * parts * cuts, &|task| {
            let (cut, part, first) = (task % cuts, task / cuts % parts, task / cuts / parts * planes);
            let start = part * rows;
            let second = [rows.min(plane[0] as usize - start) as isize, plane[1], plane[2]];
            let inner = [width.min(whole - cut * width) as isize, inner[1], inner[2]];
            for index in first..(first + planes).min(count) {
                let (mut t, mut f, mut rest) = (start as isize * plane[1], start as isize * plane[2], index as isize);
                t += (cut * width) as isize * inner[1];
                f += (cut * width) as isize * inner[2];
                for axis in others.iter().rev() {
                    t += rest % axis[0] * axis[1];
                    f += rest % axis[0] * axis[2];
                    rest /= axis[0];
                }
                // SAFETY: the offsets are those of elements of the layouts.
                unsafe { copy_plane::<T>(to.at(t), from.at(f), second, inner) };
            }
        });
    }
}

/// A pointer that tasks share; they write disjoint elements.
struct Pointer(*mut u8);

// SAFETY: tasks write disjoint elements of the destination and only read the source.
unsafe impl Sync for Pointer {}

impl Pointer {
    /// # Safety
    /// Element `i` of the layout exists.
    unsafe fn at<T>(&self, i: isize) -> *mut T {
        // SAFETY: by contract.
        unsafe { self.0.cast::<T>().offset(i) }
    }
}

/// Merges neighbours that both sides step through as one axis.
fn merge(axes: Vec<[isize; 3]>) -> Vec<[isize; 3]> {
    let mut merged: Vec<[isize; 3]> = Vec::with_capacity(axes.len());
    for axis in axes {
        match merged.last_mut() {
            Some(last) if last[1] == axis[1] * axis[0] && last[2] == axis[2] * axis[0] => {
                *last = [last[0] * axis[0], axis[1], axis[2]];
            }
            _ => merged.push(axis),
        }
    }
    merged
}

/// Copies `rows` (size, destination stride, source stride) of `inner`.
unsafe fn copy_plane<T: Copy>(to: *mut T, from: *const T, rows: [isize; 3], inner: [isize; 3]) {
    // SAFETY: every offset belongs to the caller's layouts.
    unsafe {
        if rows[2] == 1 && inner[2] != 1 && inner[2] != 0 {
            return transpose_plane(to, from, rows, inner);
        }
        for r in 0..rows[0] {
            let (to, from) = (to.offset(r * rows[1]), from.offset(r * rows[2]));
            match (inner[1], inner[2]) {
                (1, 1) => copy_run(to, from, inner[0]),
                (1, 0) => {
                    let x = from.read_unaligned();
                    (0..inner[0]).for_each(|i| to.offset(i).write_unaligned(x));
                }
                _ => (0..inner[0])
                    .for_each(|i| to.offset(i * inner[1]).write_unaligned(from.offset(i * inner[2]).read_unaligned())),
            }
        }
    }
}

/// A dense run; short ones without a call.
#[inline(always)]
unsafe fn copy_run<T: Copy>(to: *mut T, from: *const T, n: isize) {
    // SAFETY: n elements are valid on both sides, which do not overlap.
    unsafe {
        if n as usize * size_of::<T>() >= 64 {
            std::ptr::copy_nonoverlapping(from.cast::<u8>(), to.cast::<u8>(), n as usize * size_of::<T>());
        } else {
            (0..n).for_each(|i| to.offset(i).write_unaligned(from.offset(i).read_unaligned()));
        }
    }
}

/// `rows` is dense in the source: blocks pass through a buffer in cache, read along one axis and written along the other.
unsafe fn transpose_plane<T: Copy>(to: *mut T, from: *const T, rows: [isize; 3], inner: [isize; 3]) {
    const SIDE: isize = BLOCK as isize;
    let vectors = Isa::detect() >= Isa::Avx2;
    for i in (0..inner[0]).step_by(BLOCK) {
        for r in (0..rows[0]).step_by(BLOCK) {
            let (height, width) = ((rows[0] - r).min(SIDE), (inner[0] - i).min(SIDE));
            // SAFETY: the block lies within the caller's layouts.
            unsafe {
                let to = to.offset(r * rows[1] + i * inner[1]);
                let from = from.offset(r + i * inner[2]);
                if height == SIDE && width == SIDE && inner[1] == 1 {
                    transpose_block(to, rows[1], from, inner[2], vectors);
                } else {
                    for r in 0..height {
                        for i in 0..width {
                            let x = from.offset(r + i * inner[2]).read_unaligned();
                            to.offset(r * rows[1] + i * inner[1]).write_unaligned(x);
                        }
                    }
                }
            }
        }
    }
}

/// A whole block, eight rows of the source at a time: short dense reads, short dense writes.
unsafe fn transpose_block<T: Copy>(to: *mut T, to_stride: isize, from: *const T, from_stride: isize, vectors: bool) {
    for i in (0..BLOCK as isize).step_by(8) {
        for r in (0..BLOCK as isize).step_by(8) {
            // SAFETY: the block lies within the caller's layouts; `vectors` says that the CPU has AVX2.
            unsafe {
                let (to, from) = (to.offset(r * to_stride + i), from.offset(r + i * from_stride));
                #[cfg(target_arch = "x86_64")]
                if vectors && size_of::<T>() == 4 {
                    transpose_8x8(to.cast(), to_stride, from.cast(), from_stride);
                    continue;
                }
                let _ = vectors;
                for k in 0..8 {
                    let row: [T; 8] =
                        std::array::from_fn(|j| from.offset(k + j as isize * from_stride).read_unaligned());
                    to.offset(k * to_stride).cast::<[T; 8]>().write_unaligned(row);
                }
            }
        }
    }
}

/// Eight rows of eight `f32` become columns: pairs, then fours, then halves change places.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn transpose_8x8(to: *mut f32, to_stride: isize, from: *const f32, from_stride: isize) {
    use std::arch::x86_64::*;
    // SAFETY: eight rows of eight elements are valid on both sides.
    unsafe {
        let row: [__m256; 8] = std::array::from_fn(|k| _mm256_loadu_ps(from.offset(k as isize * from_stride)));
        let pairs = [
            _mm256_unpacklo_ps(row[0], row[1]),
            _mm256_unpackhi_ps(row[0], row[1]),
            _mm256_unpacklo_ps(row[2], row[3]),
            _mm256_unpackhi_ps(row[2], row[3]),
            _mm256_unpacklo_ps(row[4], row[5]),
            _mm256_unpackhi_ps(row[4], row[5]),
            _mm256_unpacklo_ps(row[6], row[7]),
            _mm256_unpackhi_ps(row[6], row[7]),
        ];
        let fours = [
            _mm256_shuffle_ps::<0x44>(pairs[0], pairs[2]),
            _mm256_shuffle_ps::<0xee>(pairs[0], pairs[2]),
            _mm256_shuffle_ps::<0x44>(pairs[1], pairs[3]),
            _mm256_shuffle_ps::<0xee>(pairs[1], pairs[3]),
            _mm256_shuffle_ps::<0x44>(pairs[4], pairs[6]),
            _mm256_shuffle_ps::<0xee>(pairs[4], pairs[6]),
            _mm256_shuffle_ps::<0x44>(pairs[5], pairs[7]),
            _mm256_shuffle_ps::<0xee>(pairs[5], pairs[7]),
        ];
        for k in 0..4 {
            let low = _mm256_permute2f128_ps::<0x20>(fours[k], fours[k + 4]);
            let high = _mm256_permute2f128_ps::<0x31>(fours[k], fours[k + 4]);
            _mm256_storeu_ps(to.offset(k as isize * to_stride), low);
            _mm256_storeu_ps(to.offset((k as isize + 4) * to_stride), high);
        }
    }
}

/// Fills a slice with repetitions of an element's bytes; a last part of one stays as it is.
pub fn fill(to: &mut [u8], element: &[u8]) {
    if element.is_empty() || to.len() < element.len() {
        return;
    }
    if element.iter().all(|&b| b == element[0]) {
        let whole = to.len() / element.len() * element.len();
        return to[..whole].fill(element[0]);
    }
    to.chunks_exact_mut(element.len()).for_each(|to| to.copy_from_slice(element));
}
