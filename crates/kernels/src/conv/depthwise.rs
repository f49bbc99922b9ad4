//! Depthwise convolutions: every channel has a filter of its own, so that channels fill the vectors and nothing is
//! shared but the filter.

use super::ConvGeometry;
use super::correlate::Axis;
use super::filter::add_up;
use crate::chunks::{by_chunks, chunk, chunk_mut};
use crate::gemm::{Epilogue, Shared};
use crate::isa::Isa;
use crate::lanes::{Lanes, Task, dispatch};
use crate::parallel::{parallel_for, parallel_ranges};
use crate::tile::Float;

/// Pixels kept in registers together.
const PIXELS: usize = 4;
/// Multiply-adds of a task, at least.
const TASK_WORK: usize = 1 << 16;
/// Most filters summed separately.
const MOST_PARTS: usize = 16;

/// `a * b + c`, fused where there is an instruction for it.
#[inline(always)]
fn multiply_add<S: Lanes, T: Float>(a: T, b: T, c: T) -> T {
    if matches!(S::ISA, Isa::Portable) { a * b + c } else { a.fused(b, c) }
}

/// Forward pass or a phase of the input gradient: see [`super::correlate`]. The lengths were checked.
pub(super) fn run<T: Float>(
    isa: Isa,
    g: &ConvGeometry,
    axes: [Axis; 3],
    src: &[T],
    filter: &[T],
    dst: &mut [T],
    epilogue: Epilogue<'_, T>,
) {
    let rows = g.batch * axes[0].grid * axes[1].grid;
    let work = axes[2].grid * g.channels() * axes.iter().map(|axis| axis.taps).product::<usize>();
    let dst = Shared(dst.as_mut_ptr());
    let sum = Sum { kernel: g.kernel, channels: g.channels(), axes, src, filter, dst, epilogue };
    parallel_ranges(rows, TASK_WORK / work.max(1) + 1, |start, end| {
        dispatch(isa, Rows { sum: &sum, start, end });
    });
}

impl ConvGeometry {
    fn channels(&self) -> usize {
        self.in_channels
    }
}

struct Sum<'a, T> {
    kernel: [usize; 3],
    channels: usize,
    axes: [Axis; 3],
    src: &'a [T],
    filter: &'a [T],
    dst: Shared<T>,
    epilogue: Epilogue<'a, T>,
}

/// Rows `start..end` of the grid.
struct Rows<'a, 'b, T> {
    sum: &'b Sum<'a, T>,
    start: usize,
    end: usize,
}

impl<T: Float> Task for Rows<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let [depth, height, width] = &self.sum.axes;
        // Positions whose taps all stay inside the row.
        let first = (-width.offset).max(0) as usize;
        let low = first.div_ceil(width.src_step).min(width.grid);
        let room = width.src as isize - width.last_offset();
        let high = (room.max(0) as usize).div_ceil(width.src_step).clamp(low, width.grid);
        for row in self.start..self.end {
            let at = [row / (height.grid * depth.grid), row / height.grid % depth.grid, row % height.grid];
            by_chunks!(0..self.sum.channels, |c, L| {
                let mut x = 0;
                while x < width.grid {
                    let pixels = if x >= low && x + PIXELS <= high { PIXELS } else { 1 };
                    // SAFETY: rows are disjoint parts of the destination; channels and pixels lie inside.
                    unsafe {
                        if pixels == PIXELS {
                            self.sum.pixels::<S, L, PIXELS>(at, x, c);
                        } else {
                            self.sum.pixels::<S, L, 1>(at, x, c);
                        }
                    }
                    x += pixels;
                }
            });
        }
    }
}

impl<T: Float> Sum<'_, T> {
    /// `L` channels of `P` pixels of row `[image, depth, height]`. Several pixels must have all their taps inside.
    ///
    /// # Safety
    /// Channels and pixels lie inside the grid; no one else writes them.
    #[inline(always)]
    unsafe fn pixels<S: Lanes, const L: usize, const P: usize>(&self, [n, z, y]: [usize; 3], x: usize, c: usize) {
        let [depth, height, width] = &self.axes;
        let mut sums = [[T::ZERO; L]; P];
        for tz in 0..depth.taps {
            let Some(sz) = depth.source(z, tz) else { continue };
            for ty in 0..height.taps {
                let Some(sy) = height.source(y, ty) else { continue };
                let row = ((n * depth.src + sz) * height.src + sy) * width.src;
                let block = (depth.filter_at(tz) * self.kernel[1] + height.filter_at(ty)) * self.kernel[2];
                for tx in 0..width.taps {
                    let Some(sx) = width.source(x, tx) else { continue };
                    // SAFETY: the position was checked, and those of further pixels by the caller.
                    unsafe {
                        let w = chunk::<T, L>(self.filter.as_ptr(), (block + width.filter_at(tx)) * self.channels + c);
                        for (p, sums) in sums.iter_mut().enumerate() {
                            let at = (row + sx + p * width.src_step) * self.channels + c;
                            let x = chunk::<T, L>(self.src.as_ptr(), at);
                            for ((sum, x), w) in sums.iter_mut().zip(x).zip(w) {
                                *sum = multiply_add::<S, T>(*x, *w, *sum);
                            }
                        }
                    }
                }
            }
        }
        let to = |axis: &Axis, at: usize| axis.dst_first + at * axis.dst_step;
        let row = ((n * depth.dst + to(depth, z)) * height.dst + to(height, y)) * width.dst;
        let (bias, relu) = (self.epilogue.bias(), self.epilogue.relu());
        for (p, sums) in sums.iter_mut().enumerate() {
            if let Some(bias) = bias {
                for (sum, bias) in sums.iter_mut().zip(&bias[c..c + L]) {
                    *sum = *sum + *bias;
                }
            }
            if relu {
                for sum in sums.iter_mut() {
                    *sum = if *sum < T::ZERO { T::ZERO } else { *sum };
                }
            }
            // SAFETY: the caller's contract.
            unsafe { *chunk_mut::<T, L>(self.dst.get(), (row + to(width, x + p)) * self.channels + c) = *sums };
        }
    }
}

impl Axis {
    /// The source position of tap `tap` at grid position `at`, if inside.
    #[inline(always)]
    fn source(&self, at: usize, tap: usize) -> Option<usize> {
        let position = (at * self.src_step) as isize + self.offset + tap as isize * self.offset_step;
        (position >= 0 && position < self.src as isize).then_some(position as usize)
    }

    #[inline(always)]
    fn filter_at(&self, tap: usize) -> usize {
        (self.filter + tap as isize * self.filter_step) as usize
    }
}

/// Output rows; a function of the geometry alone.
fn rows(g: &ConvGeometry) -> usize {
    let [depth, height, _] = g.output();
    g.batch * depth * height
}

/// How many filters are summed separately; a function of the geometry alone.
fn parts(g: &ConvGeometry) -> usize {
    let work = g.flops() as usize / 2 / TASK_WORK;
    work.min(rows(g)).clamp(1, MOST_PARTS)
}

pub(super) fn filter_scratch_len(g: &ConvGeometry) -> usize {
    (parts(g) - 1).saturating_mul(g.filter_len())
}

/// The filter's gradient. The lengths were checked.
pub(super) fn filter_gradient<T: Float>(
    isa: Isa,
    g: &ConvGeometry,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
    scratch: &mut [T],
) {
    if dw.is_empty() {
        return;
    }
    let (parts, rows, len) = (parts(g), rows(g), dw.len());
    let partial = &mut scratch[..(parts - 1) * len];
    let (first, others) = (Shared(dw.as_mut_ptr()), Shared(partial.as_mut_ptr()));
    parallel_for(parts, |part| {
        // SAFETY: every part has a filter of its own.
        let out = unsafe {
            let at = if part == 0 { first.get() } else { others.get().add((part - 1) * len) };
            std::slice::from_raw_parts_mut(at, len)
        };
        out.fill(T::ZERO);
        dispatch(isa, Gradient { g, x, dy, out, start: part * rows / parts, end: (part + 1) * rows / parts });
    });
    add_up(dw, partial);
}

/// Rows `start..end` of the output, summed into `out`.
struct Gradient<'a, T> {
    g: &'a ConvGeometry,
    x: &'a [T],
    dy: &'a [T],
    out: &'a mut [T],
    start: usize,
    end: usize,
}

impl<T: Float> Task for Gradient<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let g = self.g;
        let [depth, height, width] = g.output();
        let source = |a: usize, at: usize, k: usize| {
            (at * g.strides[a] + k * g.dilations[a]).checked_sub(g.pads[a][0]).filter(|&i| i < g.input[a])
        };
        for row in self.start..self.end {
            let (n, z, y) = (row / (height * depth), row / height % depth, row % height);
            for tap in 0..g.taps() {
                let k = [tap / (g.kernel[1] * g.kernel[2]), tap / g.kernel[2] % g.kernel[1], tap % g.kernel[2]];
                let (Some(sz), Some(sy)) = (source(0, z, k[0]), source(1, y, k[1])) else { continue };
                // 0 <= o · stride + shift < input
                let shift = (k[2] * g.dilations[2]) as isize - g.pads[2][0] as isize;
                let low = ((-shift).max(0) as usize).div_ceil(g.strides[2]);
                let room = (g.input[2] as isize - shift).max(0) as usize;
                let high = room.div_ceil(g.strides[2]).min(width);
                if low >= high {
                    continue;
                }
                let from = ((n * g.input[0] + sz) * g.input[1] + sy) * g.input[2];
                let from = (from + low * g.strides[2]).wrapping_add_signed(shift) * g.channels();
                let dy = (row * width + low) * g.channels();
                by_chunks!(0..g.channels(), |c, L| {
                    // SAFETY: positions and channels lie inside the operands.
                    let sum = unsafe {
                        dot::<S, T, L>(
                            (self.x.as_ptr().add(from + c), g.strides[2] * g.channels()),
                            (self.dy.as_ptr().add(dy + c), g.channels()),
                            high - low,
                        )
                    };
                    // SAFETY: the filter has as many channels, and it is this task's alone.
                    let out = unsafe { chunk_mut::<T, L>(self.out.as_mut_ptr(), tap * g.channels() + c) };
                    for (out, sum) in out.iter_mut().zip(sum) {
                        *out = *out + sum;
                    }
                });
            }
        }
    }
}

/// The sums over `len` pixels of the products of `L` channels; each operand with the distance between its pixels.
///
/// # Safety
/// The pixels lie inside the operands.
#[inline(always)]
unsafe fn dot<S: Lanes, T: Float, const L: usize>(
    (x, x_step): (*const T, usize),
    (y, y_step): (*const T, usize),
    len: usize,
) -> [T; L] {
    // Several sums, so that one multiply-add need not wait for the last.
    let mut sums = [[T::ZERO; L]; PIXELS];
    let whole = len - len % PIXELS;
    // SAFETY: the caller's contract.
    unsafe {
        for i in (0..whole).step_by(PIXELS) {
            for (p, sums) in sums.iter_mut().enumerate() {
                let (x, y) = (chunk::<T, L>(x, (i + p) * x_step), chunk::<T, L>(y, (i + p) * y_step));
                for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
                    *sum = multiply_add::<S, T>(*x, *y, *sum);
                }
            }
        }
        for i in whole..len {
            let (x, y) = (chunk::<T, L>(x, i * x_step), chunk::<T, L>(y, i * y_step));
            for ((sum, x), y) in sums[0].iter_mut().zip(x).zip(y) {
                *sum = multiply_add::<S, T>(*x, *y, *sum);
            }
        }
    }
    let mut total = sums[0];
    for sums in &sums[1..] {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total = *total + *sum;
        }
    }
    total
}
