//! The gradient with respect to the filter: sums over output positions, a tile of the filter at a time.
//!
//! `dw[t, i, c] = Σ_o x[o · stride + offset(t), i] · dy[o, c]`. A tile is up to 14 rows of the filter (a tap and an
//! input channel each) by two vectors of output channels; input and gradient are read in place. The positions are cut
//! into a number of parts that depends on the geometry alone, each with a filter of its own, added up in order: so
//! the result does not depend on the number of threads.

use super::{ConvGeometry, LINE, copy_padded, padded, to_line, wants_copy};
use crate::gemm::{Shared, even_parts};
use crate::isa::Isa;
use crate::parallel::{parallel_for, parallel_ranges, threads};
use crate::tile::{Finish, Float, MAX_ROWS, Segment, Tile, Tiles};

/// Longest stretch of an output row.
const STRETCH: usize = 1024;
/// Stretches between two visits to the filter.
const SEGMENTS: usize = 64;
/// Bytes of input and gradient to keep in the second-level cache while the tiles pass over them.
const BLOCK_BYTES: usize = 768 << 10;
/// Bytes of the filter to keep there while the blocks pass: as many panels of output channels are summed at once.
const FILTER_BYTES: usize = 384 << 10;
/// Most parts the positions are cut into.
const MOST_PARTS: usize = 8;
/// Elements of the operands that pay for an element of another part's filter, which is written, read and added.
const PART_SHARE: usize = 8;
/// Positions that pay for adding up another part.
const PART_POSITIONS: usize = 1024;
/// Multiply-adds below which more tasks do not pay.
const TASK_WORK: usize = 1 << 19;

/// Elements of scratch memory that [`super::filter_gradient`] wants.
pub(super) fn scratch_len(g: &ConvGeometry) -> usize {
    let partial = (parts(g) - 1).saturating_mul(g.filter_len());
    let copy = if wants_copy(g) { padded(g).input_len().saturating_add(LINE) } else { 0 };
    partial.saturating_add(LINE).saturating_add(copy)
}

/// How many filters are summed separately: as many as their traffic does not rival that of the operands.
fn parts(g: &ConvGeometry) -> usize {
    let operands = g.input_len().saturating_add(g.output_len());
    let by_traffic = operands / g.filter_len().saturating_mul(PART_SHARE).max(1);
    let [_, rows, _] = stretches(g);
    by_traffic.min(g.positions() / PART_POSITIONS).min(MOST_PARTS).min(rows).max(1)
}

/// `[stretches of a row, stretches altogether, positions of the longest]`.
fn stretches(g: &ConvGeometry) -> [usize; 3] {
    let [d, h, w] = g.output();
    let of_row = w.div_ceil(STRETCH);
    [of_row, g.batch * d * h * of_row, w.div_ceil(of_row.max(1))]
}

/// # Panics
/// See [`super::filter_gradient`], which has checked all but the scratch memory.
pub(super) fn run<T: Float>(isa: Isa, g: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T], scratch: &mut [T]) {
    if dw.is_empty() {
        return;
    }
    if dy.is_empty() || x.is_empty() {
        return dw.fill(T::ZERO);
    }
    let parts = parts(g);
    let start = to_line(scratch);
    let (partial, rest) = scratch[start..].split_at_mut((parts - 1) * dw.len());
    let wide = padded(g);
    let (g, x) = if wants_copy(g) {
        let start = to_line(rest);
        let copy = &mut rest[start..][..wide.input_len()];
        copy_padded(g, x, copy);
        (&wide, &*copy)
    } else {
        (g, x)
    };
    let sum = FilterSum {
        tiles: T::tiles(isa),
        g,
        mixed: !g.is_padded(),
        x: x.as_ptr(),
        dy: dy.as_ptr(),
        dw: dw.as_mut_ptr(),
        partial: partial.as_mut_ptr(),
        parts,
    };
    // SAFETY: the slices are as long as the geometry says, the partial filters as many as the parts less one.
    unsafe { sum.run() };
    add_up(dw, partial);
}

/// Adds the partial filters to the first, in order.
pub(super) fn add_up<T: Float>(dw: &mut [T], partial: &[T]) {
    let len = dw.len();
    let to = Shared(dw.as_mut_ptr());
    parallel_ranges(if partial.is_empty() { 0 } else { len }, 1 << 13, |start, end| {
        // SAFETY: ranges are disjoint parts of `dw`.
        let to = unsafe { std::slice::from_raw_parts_mut(to.get().add(start), end - start) };
        for part in partial.chunks_exact(len) {
            for (sum, x) in to.iter_mut().zip(&part[start..end]) {
                *sum = *sum + *x;
            }
        }
    });
}

struct FilterSum<'a, T: 'static> {
    tiles: Tiles<T>,
    g: &'a ConvGeometry,
    /// Whether the rows of a tile may belong to several taps: where no tap leaves the input.
    mixed: bool,
    x: *const T,
    dy: *const T,
    dw: *mut T,
    partial: *mut T,
    parts: usize,
}

// SAFETY: tasks read the operands and write disjoint parts of the filters.
unsafe impl<T: Float> Sync for FilterSum<'_, T> {}

/// A tile of the filter.
struct Job {
    group: usize,
    /// First and last row of the group's filter; a row is a tap and an input channel.
    rows: [usize; 2],
    /// First and last column of the group's output channels.
    cols: [usize; 2],
}

impl<T: Float> FilterSum<'_, T> {
    /// # Safety
    /// The memory behind the pointers fits the geometry.
    unsafe fn run(&self) {
        let g = self.g;
        let [_, count, _] = stretches(g);
        let jobs = g.groups * self.panels() * self.row_tiles();
        let work = (g.flops() / 2.0) as usize;
        let wanted = if threads() == 1 { 1 } else { (4 * threads()).min(work / TASK_WORK + 1) };
        let slabs = wanted.div_ceil(self.parts).min(jobs);
        parallel_for(self.parts * slabs, |task| {
            let (part, slab) = (task / slabs, task % slabs);
            let range = [part * count / self.parts, (part + 1) * count / self.parts];
            let jobs = [slab * jobs / slabs, (slab + 1) * jobs / slabs];
            // SAFETY: the caller's contract; tasks write other filters, or other tiles of one.
            unsafe {
                let out = if part == 0 { self.dw } else { self.partial.add((part - 1) * g.filter_len()) };
                self.task(out, range, jobs);
            }
        });
    }

    fn panels(&self) -> usize {
        self.g.group_out().div_ceil(self.tiles.width())
    }

    /// Tiles that cover the rows of a group's filter.
    fn row_tiles(&self) -> usize {
        let (taps, channels) = (self.g.taps(), self.g.group_in());
        if self.mixed { (taps * channels).div_ceil(self.tiles.rows) } else { taps * channels.div_ceil(self.tiles.rows) }
    }

    /// Neighbours share output channels.
    fn job(&self, index: usize) -> Job {
        let (taps, channels) = (self.g.taps(), self.g.group_in());
        let tiles = self.row_tiles();
        let (tile, rest) = (index % tiles, index / tiles);
        let (panel, group) = (rest % self.panels(), rest / self.panels());
        let rows = if self.mixed {
            [tile * taps * channels / tiles, (tile + 1) * taps * channels / tiles]
        } else {
            let of_tap = tiles / taps;
            let (tap, part) = (tile / of_tap, tile % of_tap);
            [tap * channels + part * channels / of_tap, tap * channels + (part + 1) * channels / of_tap]
        };
        let left = panel * self.tiles.width();
        Job { group, rows, cols: [left, (left + self.tiles.width()).min(self.g.group_out())] }
    }

    /// Sums the stretches `range` into the tiles `jobs` of `out`.
    ///
    /// # Safety
    /// As [`FilterSum::run`]; no one else writes these tiles of `out`.
    unsafe fn task(&self, out: *mut T, range: [usize; 2], jobs: [usize; 2]) {
        let panel = self.row_tiles();
        let panel_bytes = self.g.taps() * self.g.group_in() * self.tiles.width() * size_of::<T>();
        let together = panel * (FILTER_BYTES / panel_bytes.max(1)).max(1);
        let mut first = jobs[0];
        while first < jobs[1] {
            let end = (first - first % together + together).min(jobs[1]);
            // SAFETY: the caller's contract.
            unsafe { self.panels_task(out, range, [first, end], together / panel) };
            first = end;
        }
    }

    /// [`FilterSum::task`] for tiles of at most `panels` panels, which stay near while blocks of positions pass.
    ///
    /// # Safety
    /// As [`FilterSum::task`].
    unsafe fn panels_task(&self, out: *mut T, range: [usize; 2], jobs: [usize; 2], panels: usize) {
        let g = self.g;
        let [_, _, longest] = stretches(g);
        let columns = (panels * self.tiles.width()).min(g.out_channels);
        let bytes = longest * (g.strides[2] * g.in_channels + columns) * size_of::<T>();
        let at_once = (BLOCK_BYTES / bytes.max(1)).clamp(1, SEGMENTS);
        // Even blocks, so that none is a short remainder.
        for block in even_parts(range, at_once) {
            let mut segments = Segments { tap: None, count: 0, list: [Segment::default(); SEGMENTS] };
            for index in jobs[0]..jobs[1] {
                let job = self.job(index);
                let tap = if self.mixed { 0 } else { job.rows[0] / g.group_in() };
                if segments.tap != Some(tap) {
                    self.fill(block, tap, &mut segments);
                }
                // SAFETY: the caller's contract.
                unsafe { self.tile(out, &job, &segments.list[..segments.count], block[0] == range[0]) };
            }
        }
    }

    /// # Safety
    /// As [`FilterSum::task`].
    unsafe fn tile(&self, out: *mut T, job: &Job, segments: &[Segment], first: bool) {
        let g = self.g;
        let (channels, count) = (g.group_in(), job.rows[1] - job.rows[0]);
        let mut a = [std::ptr::null(); MAX_ROWS];
        for (a, row) in a.iter_mut().zip(job.rows[0]..job.rows[1]) {
            let (tap, channel) = (row / channels, row % channels);
            let tap = if self.mixed { self.offset(g.strides.map(|_| 0), tap) } else { 0 };
            *a = self.x.wrapping_offset(tap + (job.group * channels + channel) as isize);
        }
        let adjacent = a[..count].windows(2).all(|a| a[0].wrapping_add(1) == a[1]);
        let mut left = job.cols[0];
        while left < job.cols[1] {
            let cols = self.tiles.step(job.cols[1] - left);
            let column = job.group * g.group_out() + left;
            let mut c = [std::ptr::null_mut(); MAX_ROWS];
            // SAFETY: the caller's contract; rows and columns lie inside the filter.
            unsafe {
                for (c, row) in c.iter_mut().zip(job.rows[0]..job.rows[1]) {
                    *c = out.add(row * g.out_channels + column);
                }
                (self.tiles.pick_for(adjacent, count, cols))(&Tile {
                    a: &a[..count],
                    a_per_segment: false,
                    a_step: (g.strides[2] * g.in_channels) as isize,
                    b: self.dy.add(column),
                    b_step: g.out_channels as isize,
                    segments,
                    c: &c[..count],
                    cols,
                    finish: Finish {
                        alpha: T::ONE,
                        beta: if first { T::ZERO } else { T::ONE },
                        bias: std::ptr::null(),
                        relu: false,
                    },
                });
            }
            left += cols;
        }
    }

    /// Elements from the start of an image to the input position of tap `tap` at output position `at`.
    fn offset(&self, at: [usize; 3], tap: usize) -> isize {
        let g = self.g;
        let [z, y, x] = self.position(at, tap);
        ((z * g.input[1] as isize + y) * g.input[2] as isize + x) * g.in_channels as isize
    }

    fn position(&self, at: [usize; 3], tap: usize) -> [isize; 3] {
        let g = self.g;
        let k = [tap / (g.kernel[1] * g.kernel[2]), tap / g.kernel[2] % g.kernel[1], tap % g.kernel[2]];
        std::array::from_fn(|a| (at[a] * g.strides[a] + k[a] * g.dilations[a]) as isize - g.pads[a][0] as isize)
    }

    /// The stretches `block` of output rows as far as tap `tap` stays inside the input, joined where they touch.
    fn fill(&self, block: [usize; 2], tap: usize, segments: &mut Segments) {
        let g = self.g;
        let [depth, height, width] = g.output();
        let [of_row, _, longest] = stretches(g);
        let image = (g.input[0] * g.input[1] * g.input[2] * g.in_channels) as isize;
        let (a_step, b_step) = ((g.strides[2] * g.in_channels) as isize, g.out_channels as isize);
        segments.tap = Some(tap);
        segments.count = 0;
        for stretch in block[0]..block[1] {
            let (from, row) = (stretch % of_row * longest, stretch / of_row);
            let (y, z, n) = (row % height, row / height % depth, row / (height * depth));
            let [at_z, at_y, at_x] = self.position([z, y, 0], tap);
            let inside = |at: isize, axis: usize| at >= 0 && at < g.input[axis] as isize;
            if !inside(at_z, 0) || !inside(at_y, 1) {
                continue;
            }
            // 0 <= at_x + o · stride < input
            let stride = g.strides[2];
            let low = (-at_x).max(0) as usize;
            let high = (g.input[2] as isize - at_x).max(0) as usize;
            let (low, high) = (low.div_ceil(stride).max(from), high.div_ceil(stride).min((from + longest).min(width)));
            if low >= high {
                continue;
            }
            let a_off = n as isize * image + self.offset([z, y, low], tap);
            let b_off = (row * width + low) as isize * b_step;
            match segments.list[..segments.count].last_mut() {
                Some(last)
                    if a_off == last.a_off + last.len as isize * a_step
                        && b_off == last.b_off + last.len as isize * b_step =>
                {
                    last.len += high - low;
                }
                _ => {
                    segments.list[segments.count] = Segment { a_off, b_off, len: high - low };
                    segments.count += 1;
                }
            }
        }
    }
}

struct Segments {
    tap: Option<usize>,
    count: usize,
    list: [Segment; SEGMENTS],
}
