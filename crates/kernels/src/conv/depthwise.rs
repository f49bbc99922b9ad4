//! Depthwise convolutions: every channel has a filter of its own, so that channels fill the vectors and nothing is
//! shared but the filter.

use super::ConvGeometry;
use super::correlate::Axis;
use super::filter::add_up;
use crate::gemm::{Epilogue, Shared};
use crate::isa::Isa;
use crate::parallel::{parallel_for, parallel_ranges};
use crate::simd::Simd;
use crate::tile::Float;

/// Pixels kept in registers together.
const PIXELS: usize = 4;
/// Multiply-adds of a task, at least.
const TASK_WORK: usize = 1 << 16;
/// Most filters summed separately.
const MOST_PARTS: usize = 16;

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
    let tiles = T::tiles(isa);
    parallel_ranges(rows, TASK_WORK / work.max(1) + 1, |start, end| {
        // SAFETY: the lengths were checked; rows are disjoint parts of the destination.
        unsafe { (tiles.depthwise_rows)(&sum, start, end) };
    });
}

impl ConvGeometry {
    fn channels(&self) -> usize {
        self.in_channels
    }
}

/// What [`rows`] computes.
pub(crate) struct Sum<'a, T> {
    kernel: [usize; 3],
    channels: usize,
    axes: [Axis; 3],
    src: &'a [T],
    filter: &'a [T],
    dst: Shared<T>,
    epilogue: Epilogue<'a, T>,
}

/// See [`rows`].
pub(crate) type RowsFn<T> = unsafe fn(&Sum<'_, T>, usize, usize);

/// Rows `start..end` of the grid.
///
/// # Safety
/// The CPU runs `S`; the memory fits the sizes; no one else touches these rows of the destination.
#[inline(always)]
pub(crate) unsafe fn rows<S: Simd>(sum: &Sum<'_, S::E>, start: usize, end: usize)
where
    S::E: Float,
{
    let [depth, height, width] = &sum.axes;
    // Positions whose taps all stay inside the row.
    let first = (-width.offset).max(0) as usize;
    let low = first.div_ceil(width.src_step).min(width.grid);
    let room = width.src as isize - width.last_offset();
    let high = (room.max(0) as usize).div_ceil(width.src_step).clamp(low, width.grid);
    for row in start..end {
        let at = [row / (height.grid * depth.grid), row / height.grid % depth.grid, row % height.grid];
        let mut c = 0;
        while c < sum.channels {
            let left = sum.channels - c;
            let wide = left >= 2 * S::LANES;
            let mut x = 0;
            while x < width.grid {
                let many = x >= low && x + PIXELS <= high;
                // SAFETY: the caller's contract; channels and pixels lie inside.
                unsafe {
                    match (wide, many) {
                        (true, true) => sum.pixels::<S, 2, PIXELS>(at, x, c, S::LANES),
                        (true, false) => sum.pixels::<S, 2, 1>(at, x, c, S::LANES),
                        (false, true) => sum.pixels::<S, 1, PIXELS>(at, x, c, left.min(S::LANES)),
                        (false, false) => sum.pixels::<S, 1, 1>(at, x, c, left.min(S::LANES)),
                    }
                }
                x += if many { PIXELS } else { 1 };
            }
            c += if wide { 2 * S::LANES } else { S::LANES };
        }
    }
}

/// Vector `v` of some at `p`, of which there are `n <= LANES` lanes.
///
/// # Safety
/// The CPU runs `S`; the lanes are readable.
#[inline(always)]
unsafe fn load<S: Simd>(p: *const S::E, v: usize, n: usize) -> S::V {
    // SAFETY: the caller's contract.
    unsafe { if n == S::LANES { S::load(p.add(v * S::LANES)) } else { S::load_first(p.add(v * S::LANES), n) } }
}

/// Writes what [`load`] would read.
///
/// # Safety
/// As [`load`], for writing.
#[inline(always)]
unsafe fn store<S: Simd>(p: *mut S::E, v: usize, n: usize, x: S::V) {
    // SAFETY: the caller's contract.
    unsafe { if n == S::LANES { S::store(p.add(v * S::LANES), x) } else { S::store_first(p.add(v * S::LANES), x, n) } }
}

impl<T: Float> Sum<'_, T> {
    /// `V` vectors of `n` channels from channel `c` of `P` pixels of row `[image, depth, height]`. Several pixels must
    /// have all their taps inside; several vectors must be whole.
    ///
    /// # Safety
    /// The CPU runs `S`; channels and pixels lie inside the grid; no one else writes them.
    #[inline(always)]
    unsafe fn pixels<S: Simd<E = T>, const V: usize, const P: usize>(
        &self,
        [n, z, y]: [usize; 3],
        x: usize,
        c: usize,
        lanes: usize,
    ) {
        let [depth, height, width] = &self.axes;
        let step = width.src_step * self.channels;
        // SAFETY: the positions of the first pixel are checked, those of further ones the caller vouches for.
        unsafe {
            let mut sums = [[S::zero(); V]; P];
            for tz in 0..depth.taps {
                let Some(sz) = depth.source(z, tz) else { continue };
                for ty in 0..height.taps {
                    let Some(sy) = height.source(y, ty) else { continue };
                    let row = ((n * depth.src + sz) * height.src + sy) * width.src;
                    let block = (depth.filter_at(tz) * self.kernel[1] + height.filter_at(ty)) * self.kernel[2];
                    for tx in 0..width.taps {
                        let Some(sx) = width.source(x, tx) else { continue };
                        let w = self.filter.as_ptr().add((block + width.filter_at(tx)) * self.channels + c);
                        let from = self.src.as_ptr().add((row + sx) * self.channels + c);
                        for v in 0..V {
                            let w = load::<S>(w, v, lanes);
                            for (p, sums) in sums.iter_mut().enumerate() {
                                sums[v] = S::mul_add(load::<S>(from.add(p * step), v, lanes), w, sums[v]);
                            }
                        }
                    }
                }
            }
            let to = |axis: &Axis, at: usize| axis.dst_first + at * axis.dst_step;
            let row = ((n * depth.dst + to(depth, z)) * height.dst + to(height, y)) * width.dst;
            for (p, sums) in sums.iter().enumerate() {
                let dst = self.dst.get().add((row + to(width, x + p)) * self.channels + c);
                for (v, sum) in sums.iter().enumerate() {
                    let mut y = *sum;
                    if let Some(bias) = self.epilogue.bias() {
                        y = S::add(y, load::<S>(bias.as_ptr().add(c), v, lanes));
                    }
                    if self.epilogue.relu() {
                        y = S::relu(y);
                    }
                    store::<S>(dst, v, lanes, y);
                }
            }
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

/// Output rows.
fn output_rows(g: &ConvGeometry) -> usize {
    let [depth, height, _] = g.output();
    g.batch * depth * height
}

/// How many filters are summed separately; a function of the geometry alone.
fn parts(g: &ConvGeometry) -> usize {
    let work = g.flops() as usize / 2 / TASK_WORK;
    work.min(output_rows(g)).clamp(1, MOST_PARTS)
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
    let (parts, rows, len) = (parts(g), output_rows(g), dw.len());
    let tiles = T::tiles(isa);
    let partial = &mut scratch[..(parts - 1) * len];
    let (first, others) = (Shared(dw.as_mut_ptr()), Shared(partial.as_mut_ptr()));
    parallel_for(parts, |part| {
        // SAFETY: every part has a filter of its own.
        let out = unsafe {
            let at = if part == 0 { first.get() } else { others.get().add((part - 1) * len) };
            std::slice::from_raw_parts_mut(at, len)
        };
        out.fill(T::ZERO);
        let (start, end) = (part * rows / parts, (part + 1) * rows / parts);
        // SAFETY: the lengths were checked.
        unsafe { (tiles.depthwise_gradient)(Gradient { g, x, dy, out, start, end }) };
    });
    add_up(dw, partial);
}

/// Rows `start..end` of the output, summed into `out`.
pub(crate) struct Gradient<'a, T> {
    g: &'a ConvGeometry,
    x: &'a [T],
    dy: &'a [T],
    out: &'a mut [T],
    start: usize,
    end: usize,
}

/// See [`gradient`].
pub(crate) type GradientFn<T> = unsafe fn(Gradient<'_, T>);

/// Sums the rows.
///
/// # Safety
/// The CPU runs `S`; the slices are as long as the geometry says.
#[inline(always)]
pub(crate) unsafe fn gradient<S: Simd>(task: Gradient<'_, S::E>)
where
    S::E: Float,
{
    let Gradient { g, x, dy, out, start, end } = task;
    let [depth, height, width] = g.output();
    let channels = g.channels();
    let source = |a: usize, at: usize, k: usize| {
        (at * g.strides[a] + k * g.dilations[a]).checked_sub(g.pads[a][0]).filter(|&i| i < g.input[a])
    };
    for row in start..end {
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
            let from = (from + low * g.strides[2]).wrapping_add_signed(shift) * channels;
            let to = (row * width + low) * channels;
            let mut c = 0;
            while c < channels {
                let left = channels - c;
                // SAFETY: positions and channels lie inside the operands and the filter.
                unsafe {
                    let x = (x.as_ptr().add(from + c), g.strides[2] * channels);
                    let dy = (dy.as_ptr().add(to + c), channels);
                    let out = out.as_mut_ptr().add(tap * channels + c);
                    if left >= 2 * S::LANES {
                        dot::<S, 2>(x, dy, high - low, out, S::LANES);
                        c += 2 * S::LANES;
                    } else {
                        dot::<S, 1>(x, dy, high - low, out, left.min(S::LANES));
                        c += S::LANES;
                    }
                }
            }
        }
    }
}

/// Adds to `out` the sums over `len` pixels of the products of `V` vectors of channels; each operand comes with the
/// distance between its pixels.
///
/// # Safety
/// The CPU runs `S`; the pixels lie inside the operands.
#[inline(always)]
unsafe fn dot<S: Simd, const V: usize>(
    (x, x_step): (*const S::E, usize),
    (y, y_step): (*const S::E, usize),
    len: usize,
    out: *mut S::E,
    lanes: usize,
) {
    // SAFETY: the caller's contract.
    unsafe {
        // Several sums, so that one multiply-add need not wait for the last.
        let mut sums = [[S::zero(); V]; PIXELS];
        let whole = len - len % PIXELS;
        for i in (0..whole).step_by(PIXELS) {
            for (p, sums) in sums.iter_mut().enumerate() {
                let (x, y) = (x.add((i + p) * x_step), y.add((i + p) * y_step));
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = S::mul_add(load::<S>(x, v, lanes), load::<S>(y, v, lanes), *sum);
                }
            }
        }
        for i in whole..len {
            let (x, y) = (x.add(i * x_step), y.add(i * y_step));
            for (v, sum) in sums[0].iter_mut().enumerate() {
                *sum = S::mul_add(load::<S>(x, v, lanes), load::<S>(y, v, lanes), *sum);
            }
        }
        for v in 0..V {
            let mut total = load::<S>(out, v, lanes);
            for sums in &sums {
                total = S::add(total, sums[v]);
            }
            store::<S>(out, v, lanes, total);
        }
    }
}
