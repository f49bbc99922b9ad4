//! The engine of the forward pass and of the input gradient: output pixels by output channels, a tile at a time.
//!
//! Both are one sum, `dst[j] = Σ_t src[j · step + offset(t)] · w(t)`: the input gradient is the forward pass over the
//! output's gradient with each tap transposed, once for every residue of the input position modulo the stride (only
//! every `stride`-th tap reaches it). A tile is up to 14 pixels, wherever they lie, by two vectors of channels; the
//! filter is packed into panels that wide unless few pixels share it; the source is read in place.

use super::place::{Pixels, Tap};
use crate::gemm::{Epilogue, Shared};
use crate::parallel::{parallel_for, threads};
use crate::tile::{Finish, Float, MAX_ROWS, PITCH, Segment, Tile, Tiles, ZEROS};

/// Stretches of the sum between two visits to the output.
const SEGMENTS: usize = 64;
/// Bytes of packed filter to keep in the second-level cache while pixels stream past it.
const FILTER_BYTES: usize = 512 << 10;
/// Bytes of the source that tiles of one position in several images may keep in the second-level cache.
const IMAGES_BYTES: usize = 768 << 10;
/// Rows narrower than this are not worth tiles of their own.
const NARROW: usize = 5;
/// Multiply-adds below which more tasks do not pay.
const TASK_WORK: usize = 1 << 19;

/// One spatial axis of the sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    /// Taps, in ascending order of offset.
    pub taps: usize,
    /// Source position of tap `t` at grid position 0: `offset + t * offset_step`.
    pub offset: isize,
    pub offset_step: isize,
    /// Position of tap `t` in the filter: `filter + t * filter_step`.
    pub filter: isize,
    pub filter_step: isize,
    /// Length of the source, and the source's step for a step of the grid.
    pub src: usize,
    pub src_step: usize,
    /// Positions to compute.
    pub grid: usize,
    /// Where they lie in the destination: `dst_first + j * dst_step` of `dst`.
    pub dst: usize,
    pub dst_first: usize,
    pub dst_step: usize,
}

impl Axis {
    pub fn last_offset(&self) -> isize {
        self.offset + (self.taps as isize - 1).max(0) * self.offset_step
    }

    /// Whether some tap of some position falls outside of the source.
    fn leaves(&self) -> bool {
        let last = (self.grid.max(1) - 1) * self.src_step;
        self.taps > 0 && (self.offset < 0 || last as isize + self.last_offset() >= self.src as isize)
    }
}

/// A sum to compute; channels are those of one group.
pub(super) struct Correlation<'a, E: 'static> {
    pub tiles: Tiles<E>,
    pub axes: [Axis; 3],
    pub batch: usize,
    pub groups: usize,
    pub src: *const E,
    pub src_channels: usize,
    pub dst: *mut E,
    pub dst_channels: usize,
    pub filter: Filter<E>,
    pub epilogue: Epilogue<'a, E>,
}

/// Which pixels share a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Neighbours, across the ends of rows and images: where no tap leaves the source.
    Flat,
    /// Neighbours in a row, which leave the source above and below together.
    Row,
    /// The same position of several images: taps that leave are left out for all, so that padding costs nothing.
    Images,
}

/// The filter in memory: rows of destination channels, a row a tap and source channel.
#[derive(Clone, Copy)]
pub(super) enum Filter<E> {
    /// As the caller keeps it, rows this far apart.
    InPlace(*const E, usize),
    /// In panels of a tile's width, group after group.
    Packed(*const E),
}

// SAFETY: tasks read the source and the filter and write disjoint parts of the destination.
unsafe impl<E: Float> Sync for Correlation<'_, E> {}

impl<E: Float> Correlation<'_, E> {
    fn taps(&self) -> usize {
        self.axes.iter().map(|axis| axis.taps).product()
    }

    fn pixels(&self) -> usize {
        self.batch * self.axes.iter().map(|axis| axis.grid).product::<usize>()
    }

    fn layout(&self) -> Layout {
        let [_, height, width] = &self.axes;
        if !self.axes.iter().any(Axis::leaves) {
            return Layout::Flat;
        }
        let rows = (height.last_offset() - height.offset) as usize + 1;
        let images = self.batch.div_ceil(self.batch.div_ceil(self.tiles.rows));
        let bytes = rows * width.src * self.src_channels * self.groups * images * size_of::<E>();
        if images > self.tiles.rows / 2 && bytes <= IMAGES_BYTES {
            Layout::Images
        } else if width.grid >= NARROW {
            Layout::Row
        } else {
            Layout::Flat
        }
    }

    /// Tiles that cover all pixels; the same for any number of threads.
    fn count(&self, layout: Layout) -> usize {
        let (pixels, most) = (self.pixels(), self.tiles.rows);
        match layout {
            Layout::Flat => pixels.div_ceil(most),
            Layout::Row => pixels / self.axes[2].grid * self.axes[2].grid.div_ceil(most),
            Layout::Images => pixels / self.batch * self.batch.div_ceil(most),
        }
    }

    /// The first pixel of tile `tile`, and how many it has.
    fn range(&self, layout: Layout, tile: usize) -> (usize, usize) {
        let part = |index: usize, parts: usize, len: usize| {
            let start = index * len / parts;
            (start, (index + 1) * len / parts - start)
        };
        let pixels = self.pixels();
        match layout {
            Layout::Flat => part(tile, pixels.div_ceil(self.tiles.rows), pixels),
            Layout::Row => {
                let width = self.axes[2].grid;
                let parts = width.div_ceil(self.tiles.rows);
                let (start, len) = part(tile % parts, parts, width);
                (tile / parts * width + start, len)
            }
            Layout::Images => {
                let positions = pixels / self.batch;
                let (first, images) = part(tile / positions, self.batch.div_ceil(self.tiles.rows), self.batch);
                (first * positions + tile % positions, images)
            }
        }
    }

    /// Runs the whole sum in the current pool.
    ///
    /// # Safety
    /// The memory behind the pointers fits the sizes, and the destination is the caller's alone.
    pub unsafe fn run(&self) {
        let pixels = self.pixels();
        if pixels == 0 || self.dst_channels == 0 {
            return;
        }
        // The cut into tiles is the same for any number of threads; the cut into tasks need not be.
        let count = self.count(self.layout());
        let panels = self.dst_channels.div_ceil(self.tiles.width());
        let work = (pixels * self.dst_channels).saturating_mul(self.taps() * self.src_channels * self.groups);
        let wanted = if threads() == 1 { 1 } else { (4 * threads()).min(work / TASK_WORK + 1) };
        let down = wanted.div_ceil(self.groups).min(count);
        let across = wanted.div_ceil(self.groups * down).min(panels);
        parallel_for(self.groups * down * across, |task| {
            let (group, task) = (task / (down * across), task % (down * across));
            let (i, j) = (task / across, task % across);
            let tiles = [i * count / down, (i + 1) * count / down];
            let panels = [j * panels / across, (j + 1) * panels / across];
            // SAFETY: the caller's contract; tasks write disjoint pixels or channels.
            unsafe { self.task(group, tiles, panels) };
        });
    }

    /// # Safety
    /// As [`Correlation::run`]; no other task writes these tiles and panels of this group.
    unsafe fn task(&self, group: usize, tiles: [usize; 2], panels: [usize; 2]) {
        let entries = self.taps() * self.src_channels.div_ceil(ZEROS);
        let chunks = entries.div_ceil(SEGMENTS).max(1);
        let panel_bytes = self.taps() * self.src_channels * self.tiles.width() * size_of::<E>();
        let at_once = (FILTER_BYTES / panel_bytes.max(1)).max(1);
        let layout = self.layout();
        let mut taps = Taps::new();
        let mut spot = Spot::new();
        for first in (panels[0]..panels[1]).step_by(at_once) {
            let panels = [first, (first + at_once).min(panels[1])];
            for tile in tiles[0]..tiles[1] {
                self.locate(group, layout, self.range(layout, tile), &mut spot);
                for chunk in 0..chunks {
                    if taps.chunk != Some(chunk) {
                        self.fill(chunk, entries, &mut taps);
                    }
                    // SAFETY: the caller's contract.
                    unsafe { self.tile(group, panels, &spot, &mut taps, chunk + 1 == chunks) };
                }
            }
        }
    }

    /// The stretches of chunk `chunk` of the sum, and the same with neighbours joined for tiles that never leave.
    fn fill(&self, chunk: usize, entries: usize, taps: &mut Taps<E>) {
        let [_, height, width] = self.axes.map(|axis| axis.src as isize);
        let pixel = (self.src_channels * self.groups) as isize;
        let splits = self.src_channels.div_ceil(ZEROS);
        let b_step = self.b_step();
        taps.chunk = Some(chunk);
        taps.taps = 0;
        for entry in chunk * SEGMENTS..((chunk + 1) * SEGMENTS).min(entries) {
            let (tap, channel) = (entry / splits, entry % splits * ZEROS);
            let t = [
                tap / (self.axes[2].taps * self.axes[1].taps),
                tap / self.axes[2].taps % self.axes[1].taps,
                tap % self.axes[2].taps,
            ];
            let by: [isize; 3] =
                std::array::from_fn(|a| self.axes[a].offset + t[a] as isize * self.axes[a].offset_step);
            let stretch = Tap {
                move_by: by.map(|x| x as i32),
                a_off: ((by[0] * height + by[1]) * width + by[2]) * pixel + channel as isize,
                b_off: (tap * self.src_channels + channel) as isize * b_step,
                len: ZEROS.min(self.src_channels - channel),
            };
            taps.list[taps.taps] = stretch;
            taps.taps += 1;
        }
        taps.joined = join(&taps.list[..taps.taps], |_| true, b_step, &mut taps.segments);
    }

    fn b_step(&self) -> isize {
        match self.filter {
            Filter::InPlace(_, step) => step as isize,
            Filter::Packed(_) => self.tiles.width() as isize,
        }
    }

    /// Finds the `rows` pixels from `first` on in the source and in the destination.
    fn locate(&self, group: usize, layout: Layout, (first, rows): (usize, usize), spot: &mut Spot<E>) {
        let [depth, height, width] = self.axes;
        let (src_pixel, dst_pixel) = (self.src_channels * self.groups, self.dst_channels * self.groups);
        let (mut x, rest) = (first % width.grid, first / width.grid);
        let (mut y, rest) = (rest % height.grid, rest / height.grid);
        let (mut z, mut n) = (rest % depth.grid, rest / depth.grid);
        spot.rows = rows;
        spot.together = layout == Layout::Images;
        spot.leaves = false;
        let check = self.axes.iter().any(Axis::leaves);
        for lane in 0..spot.rows {
            let at = [z * depth.src_step, y * height.src_step, x * width.src_step];
            let src = ((n * depth.src + at[0]) * height.src + at[1]) * width.src + at[2];
            let to = [z, y, x];
            let to: [usize; 3] = std::array::from_fn(|a| self.axes[a].dst_first + to[a] * self.axes[a].dst_step);
            let dst = ((n * depth.dst + to[0]) * height.dst + to[1]) * width.dst + to[2];
            spot.pixels.base[lane] = self.src.wrapping_add(src * src_pixel + group * self.src_channels);
            spot.dst[lane] = self.dst.wrapping_add(dst * dst_pixel + group * self.dst_channels);
            if check {
                for (axis, at) in at.into_iter().enumerate() {
                    let (first, last) = (self.axes[axis].offset, self.axes[axis].last_offset());
                    spot.leaves |= (at as isize + first < 0) | (at as isize + last >= self.axes[axis].src as isize);
                    spot.pixels.at[axis][lane] = at as i32;
                }
            }
            if spot.together {
                n += 1;
                continue;
            }
            x += 1;
            if x == width.grid {
                (x, y) = (0, y + 1);
                if y == height.grid {
                    (y, z) = (0, z + 1);
                    if z == depth.grid {
                        (z, n) = (0, n + 1);
                    }
                }
            }
        }
        if spot.leaves && !spot.together {
            let last = spot.rows - 1;
            for lane in spot.rows..PITCH {
                spot.pixels.base[lane] = spot.pixels.base[last];
                for axis in 0..3 {
                    spot.pixels.at[axis][lane] = spot.pixels.at[axis][last];
                }
            }
        }
    }

    /// One tile of pixels over some panels of channels.
    ///
    /// # Safety
    /// As [`Correlation::task`].
    unsafe fn tile(&self, group: usize, panels: [usize; 2], spot: &Spot<E>, taps: &mut Taps<E>, last: bool) {
        let width = self.tiles.width();
        let rows = self.taps() * self.src_channels;
        let first = taps.chunk == Some(0);
        let mut placed = [Segment::default(); SEGMENTS];
        let sizes = self.axes.map(|axis| axis.src as i32);
        let list = &taps.list[..taps.taps];
        let (a, segments): (&[*const E], &[Segment]) = if spot.leaves && spot.together {
            let at: [i32; 3] = std::array::from_fn(|axis| spot.pixels.at[axis][0]);
            let inside = |tap: &Tap| (0..3).all(|axis| ((at[axis] + tap.move_by[axis]) as u32) < sizes[axis] as u32);
            let count = join(list, inside, self.b_step(), &mut placed);
            (&spot.pixels.base, &placed[..count])
        } else if spot.leaves {
            // SAFETY: the instruction set is that of the tiles.
            let count = unsafe {
                (self.tiles.place)(&spot.pixels, sizes, list, E::zeros().as_ptr(), &mut taps.pointers, &mut placed)
            };
            (&taps.pointers, &placed[..count])
        } else {
            (&spot.pixels.base, &taps.segments[..taps.joined])
        };
        let finish = |left: usize| Finish {
            alpha: E::ONE,
            beta: if first { E::ZERO } else { E::ONE },
            bias: match self.epilogue.bias() {
                Some(bias) if last => bias[group * self.dst_channels + left..].as_ptr(),
                _ => std::ptr::null(),
            },
            relu: last && self.epilogue.relu(),
        };
        for panel in panels[0]..panels[1] {
            let (mut left, right) = (panel * width, ((panel + 1) * width).min(self.dst_channels));
            while left < right {
                let cols = self.tiles.step(right - left);
                // SAFETY: the caller's contract; pointers of pixels that leave were replaced, the others stay inside.
                unsafe {
                    let b = match self.filter {
                        Filter::InPlace(filter, _) => filter.add(group * self.dst_channels + left),
                        Filter::Packed(filter) => {
                            let group_len = self.dst_channels.next_multiple_of(width) * rows;
                            filter.add(group * group_len + panel * width * rows + left % width)
                        }
                    };
                    let mut c = [std::ptr::null_mut(); MAX_ROWS];
                    for (c, dst) in c.iter_mut().zip(&spot.dst[..spot.rows]) {
                        *c = dst.add(left);
                    }
                    (self.tiles.pick(spot.rows, cols))(&Tile {
                        a,
                        a_per_segment: spot.leaves && !spot.together,
                        a_step: 1,
                        b,
                        b_step: self.b_step(),
                        segments,
                        c: &c[..spot.rows],
                        cols,
                        finish: finish(left),
                    });
                }
                left += cols;
            }
        }
    }

    /// Elements of the packed filter, whatever the instruction set.
    pub fn packed_len(taps: usize, src_channels: usize, dst_channels: usize, groups: usize) -> usize {
        const WIDEST: usize = 32;
        [src_channels, dst_channels.next_multiple_of(WIDEST), groups].iter().fold(taps, |len, x| len.saturating_mul(*x))
    }

    /// Packs a filter whose rows (a tap and a source channel) hold all destination channels: the forward pass.
    ///
    /// # Safety
    /// `from` holds the filter; `to` is the caller's alone and holds [`Correlation::packed_len`].
    pub unsafe fn pack_rows(&self, from: *const E, to: *mut E) {
        let (width, rows) = (self.tiles.width(), self.taps() * self.src_channels);
        let step = self.dst_channels * self.groups;
        let (from, to) = (Shared(from.cast_mut()), Shared(to));
        let panels = self.dst_channels.div_ceil(width);
        parallel_for(self.groups * panels, |task| {
            let (group, left) = (task / panels, task % panels * width);
            let cols = width.min(self.dst_channels - left);
            // SAFETY: the caller's contract; tasks write disjoint panels.
            unsafe {
                let from = from.get().add(group * self.dst_channels + left);
                (self.tiles.pack_rows)(from, step, to.get().add(task * width * rows), width, rows, cols);
            }
        });
    }

    /// Packs a filter whose rows hold all source channels: the input gradient, which reads the filter
    /// `[tap, dst channel, group and src channel]` transposed, its taps in the axes' order.
    ///
    /// # Safety
    /// As [`Correlation::pack_rows`].
    pub unsafe fn pack_transposed(&self, from: *const E, kernel: [usize; 3], to: *mut E) {
        let (width, rows) = (self.tiles.width(), self.taps() * self.src_channels);
        let step = self.src_channels * self.groups;
        let (from, to) = (Shared(from.cast_mut()), Shared(to));
        let panels = self.dst_channels.div_ceil(width);
        parallel_for(self.groups * panels, |task| {
            let (group, left) = (task / panels, task % panels * width);
            let cols = width.min(self.dst_channels - left);
            for tap in 0..self.taps() {
                let t = [
                    tap / (self.axes[2].taps * self.axes[1].taps),
                    tap / self.axes[2].taps % self.axes[1].taps,
                    tap % self.axes[2].taps,
                ];
                let at: [usize; 3] =
                    std::array::from_fn(|a| (self.axes[a].filter + t[a] as isize * self.axes[a].filter_step) as usize);
                let block = (at[0] * kernel[1] + at[1]) * kernel[2] + at[2];
                // SAFETY: the caller's contract; tasks write disjoint panels.
                unsafe {
                    let from = from.get().add((block * self.dst_channels + left) * step + group * self.src_channels);
                    let to = to.get().add(task * width * rows + tap * self.src_channels * width);
                    (self.tiles.pack_columns)(from, step, to, width, self.src_channels, cols);
                }
            }
        });
    }
}

/// The pixels of a tile.
struct Spot<E> {
    rows: usize,
    pixels: Pixels<E>,
    dst: [*mut E; PITCH],
    /// Whether some tap of some pixel falls outside of the source.
    leaves: bool,
    /// Whether it then does for all of them.
    together: bool,
}

/// The stretches of the taps that `keep`, joined where both operands go on without a gap. Returns how many.
fn join(taps: &[Tap], keep: impl Fn(&Tap) -> bool, b_step: isize, segments: &mut [Segment]) -> usize {
    let mut count = 0;
    for &Tap { a_off, b_off, len, .. } in taps.iter().filter(|tap| keep(tap)) {
        match segments[..count].last_mut() {
            Some(last)
                if a_off == last.a_off + last.len as isize && b_off == last.b_off + last.len as isize * b_step =>
            {
                last.len += len;
            }
            _ => {
                segments[count] = Segment { a_off, b_off, len };
                count += 1;
            }
        }
    }
    count
}

impl<E> Spot<E> {
    fn new() -> Self {
        let pixels = Pixels { base: [std::ptr::null(); PITCH], at: [[0; PITCH]; 3] };
        Spot { rows: 0, pixels, dst: [std::ptr::null_mut(); PITCH], leaves: false, together: false }
    }
}

/// A chunk of the taps.
struct Taps<E> {
    chunk: Option<usize>,
    /// The taps one by one: `list[..taps]`.
    taps: usize,
    list: [Tap; SEGMENTS],
    /// The same with neighbours joined: `segments[..joined]`.
    joined: usize,
    segments: [Segment; SEGMENTS],
    /// Room for the pointers of a tile that leaves the source.
    pointers: [*const E; SEGMENTS * PITCH],
}

impl<E> Taps<E> {
    fn new() -> Self {
        Taps {
            chunk: None,
            taps: 0,
            list: [Tap::default(); SEGMENTS],
            joined: 0,
            segments: [Segment::default(); SEGMENTS],
            pointers: [std::ptr::null(); SEGMENTS * PITCH],
        }
    }
}
