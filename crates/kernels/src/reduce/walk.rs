//! The order in which a fold visits an array: lanes, blocks, chunks, and trees over them.

use super::Extents;
use crate::isa::Isa;
use crate::lanes::{LANES, Lanes, Task, dispatch};
use crate::shared::{Shared, for_each_task};
use std::cell::Cell;
use std::mem::MaybeUninit;

/// Elements folded in lanes before their partial joins the tree.
const BLOCK: usize = 2048;
/// Elements of a task: a power of two of blocks, so that the tree over tasks continues the tree over blocks.
const CHUNK: usize = 1 << 16;
/// Most partial results of one output.
const MAX_CHUNKS: usize = 64;
/// Columns that a task accumulates at once.
const COLUMNS: usize = 1024;
/// Narrow rows are folded several at a time, up to this width.
const WIDE: usize = 64;
/// Vectors that a block accumulates side by side.
const STREAMS: usize = 8;

/// How sixteen elements are read, folded and written.
pub(super) trait Fold: Copy {
    type Acc: Copy;
    type V: Copy;
    /// Bytes of an element.
    fn size(self) -> usize;
    fn identity(self) -> Self::Acc;
    fn splat(self, x: Self::Acc) -> Self::V;
    /// `n <= 16` elements, mapped; the other lanes are identities.
    ///
    /// # Safety
    /// `p` is readable for `n` elements at any alignment.
    unsafe fn load(self, p: *const u8, n: usize) -> Self::V;
    /// # Safety
    /// `p` is readable for `n <= 16` accumulators.
    unsafe fn load_acc(self, p: *const Self::Acc, n: usize) -> Self::V;
    /// # Safety
    /// `p` is writable for `n <= 16` accumulators.
    unsafe fn store_acc(self, p: *mut Self::Acc, x: Self::V, n: usize);
    fn combine(self, a: Self::V, b: Self::V) -> Self::V;
    fn combine_one(self, a: Self::Acc, b: Self::Acc) -> Self::Acc;
    fn fold(self, x: Self::V) -> Self::Acc;
    /// Writes a result of `count` elements.
    ///
    /// # Safety
    /// `y` is writable for one element at any alignment.
    unsafe fn finish(self, y: *mut u8, x: Self::Acc, count: usize);
}

/// A fold for each instruction set.
pub(super) trait Folder: Copy + Sync {
    type Acc: Copy + Send;
    type On<S: Lanes>: Fold<Acc = Self::Acc>;
    fn on<S: Lanes>(self, s: S) -> Self::On<S>;
    /// The instruction set that the fold is compiled for, where that is not the one asked for.
    fn isa(self, isa: Isa) -> Isa {
        isa
    }
    fn size(self) -> usize;
}

/// Folds up to a block.
#[inline(always)]
unsafe fn block<F: Fold>(f: F, p: *const u8, n: usize) -> F::Acc {
    let size = f.size();
    // SAFETY: n elements are readable at p.
    unsafe {
        let mut i = 0;
        let mut streams = [f.splat(f.identity()); STREAMS];
        while i + STREAMS * LANES <= n {
            for (k, stream) in streams.iter_mut().enumerate() {
                *stream = f.combine(*stream, f.load(p.add((i + k * LANES) * size), LANES));
            }
            i += STREAMS * LANES;
        }
        let mut half = STREAMS / 2;
        while i >= STREAMS * LANES && half > 0 {
            for k in 0..half {
                streams[k] = f.combine(streams[k], streams[k + half]);
            }
            half /= 2;
        }
        let mut total = streams[0];
        while i < n {
            total = f.combine(total, f.load(p.add(i * size), (n - i).min(LANES)));
            i += LANES;
        }
        f.fold(total)
    }
}

/// Folds a run of any length: a balanced tree over its blocks.
#[inline(always)]
unsafe fn run<F: Fold>(f: F, p: *const u8, n: usize) -> F::Acc {
    let mut tree = Tree::<F>::new();
    let mut start = 0;
    loop {
        // SAFETY: the block lies within the run.
        let x = unsafe { block(f, p.add(start * f.size()), (n - start).min(BLOCK)) };
        start += BLOCK;
        if start >= n && tree.count == 0 {
            return x;
        }
        tree.push(f, x);
        if start >= n {
            return tree.finish(f);
        }
    }
}

/// Partials joined in pairs as a binary counter carries.
struct Tree<F: Fold> {
    partials: [MaybeUninit<F::Acc>; 64],
    depth: usize,
    count: usize,
}

impl<F: Fold> Tree<F> {
    #[inline(always)]
    fn new() -> Self {
        Self { partials: [const { MaybeUninit::uninit() }; 64], depth: 0, count: 0 }
    }
    #[inline(always)]
    fn pop(&mut self) -> F::Acc {
        self.depth -= 1;
        // SAFETY: `push` has written every partial below the depth.
        unsafe { self.partials[self.depth].assume_init() }
    }
    #[inline(always)]
    fn push(&mut self, f: F, mut x: F::Acc) {
        self.count += 1;
        for _ in 0..self.count.trailing_zeros() {
            x = f.combine_one(self.pop(), x);
        }
        self.partials[self.depth] = MaybeUninit::new(x);
        self.depth += 1;
    }
    #[inline(always)]
    fn finish(mut self, f: F) -> F::Acc {
        if self.depth == 0 {
            return f.identity();
        }
        let mut x = self.pop();
        while self.depth > 0 {
            x = f.combine_one(self.pop(), x);
        }
        x
    }
}

/// Folds `rows` rows of `acc.len()` columns that are `stride` bytes apart into `acc`: identities, or earlier rows.
#[inline(always)]
unsafe fn rows_into<F: Fold>(f: F, p: *const u8, rows: usize, stride: usize, acc: &mut [F::Acc]) {
    let (width, size) = (acc.len(), f.size());
    let acc = acc.as_mut_ptr();
    let mut r = 0;
    // SAFETY: the rows are readable and acc is writable for `width`.
    unsafe {
        while r < rows {
            let four = r + 4 <= rows;
            let mut j = 0;
            while j < width {
                let n = (width - j).min(LANES);
                let p = p.add(r * stride + j * size);
                let mut x = f.load(p, n);
                if four {
                    let (a, b, c) =
                        (f.load(p.add(stride), n), f.load(p.add(2 * stride), n), f.load(p.add(3 * stride), n));
                    x = f.combine(f.combine(x, a), f.combine(b, c));
                }
                f.store_acc(acc.add(j), f.combine(f.load_acc(acc.add(j), n), x), n);
                j += LANES;
            }
            r += if four { 4 } else { 1 };
        }
    }
}

/// Folds `rows` rows of `acc.len()` columns; dense narrow rows several at a time.
#[inline(always)]
unsafe fn columns<F: Fold>(f: F, p: *const u8, rows: usize, stride: usize, acc: &mut [F::Acc]) {
    let width = acc.len();
    let narrow = stride == width * f.size() && width < WIDE / 2;
    let group = if narrow && rows >= 4 * (WIDE / width) { WIDE / width } else { 1 };
    let mut wide = [f.identity(); COLUMNS];
    let mut done = 0;
    // First the grouped rows, then the rest on top of their sum; a single pass where nothing is grouped.
    for pass in usize::from(group == 1)..2 {
        let (each, count) = if pass == 0 { (group, rows / group) } else { (1, rows - done) };
        // SAFETY: the rows are readable by contract; grouped rows are dense.
        unsafe { rows_into(f, p.add(done * stride), count, each * stride, &mut wide[..each * width]) };
        done += each * count;
        if pass == 0 {
            let (first, others) = wide.split_at_mut(width);
            for part in others[..(group - 1) * width].chunks_exact(width) {
                first.iter_mut().zip(part).for_each(|(acc, &part)| *acc = f.combine_one(*acc, part));
            }
        }
    }
    acc.copy_from_slice(&wide[..width]);
}

/// The input as a pointer that tasks share.
#[derive(Clone, Copy)]
struct Source(*const u8);

// SAFETY: tasks only read through it, while the caller's borrow lives.
unsafe impl Sync for Source {}

/// Folds of `outer` arrays `[rows, columns]`, `columns` of a row of `inner`: finished outputs or partial results.
struct Part<'a, F: Folder> {
    folder: F,
    x: *const u8,
    outer: usize,
    rows: usize,
    columns: usize,
    inner: usize,
    to: To<'a, F::Acc>,
}

enum To<'a, Acc> {
    Outputs(&'a mut [u8]),
    Partials(&'a mut [Acc]),
}

impl<F: Folder> Task for Part<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(mut self, s: S) {
        let f = self.folder.on(s);
        let size = f.size();
        if self.inner == 1 {
            for o in 0..self.outer {
                // SAFETY: the rows lie within the input, the outputs within their slice.
                unsafe {
                    let x = run(f, self.x.add(o * self.rows * size), self.rows);
                    match &mut self.to {
                        To::Partials(partials) => partials[o] = x,
                        To::Outputs(y) => f.finish(y[o * size..][..size].as_mut_ptr(), x, self.rows),
                    }
                }
            }
            return;
        }
        let mut buffer = [f.identity(); COLUMNS];
        for o in 0..self.outer {
            for j in (0..self.columns).step_by(COLUMNS) {
                let acc = &mut buffer[..(self.columns - j).min(COLUMNS)];
                // SAFETY: the rows lie within the input.
                unsafe {
                    let x = self.x.add((o * self.rows * self.inner + j) * size);
                    columns(f, x, self.rows, self.inner * size, acc);
                }
                let first = o * self.columns + j;
                match &mut self.to {
                    To::Partials(partials) => partials[first..first + acc.len()].copy_from_slice(acc),
                    To::Outputs(y) => {
                        let y = y[first * size..][..acc.len() * size].as_mut_ptr();
                        // SAFETY: y has acc.len() elements.
                        (0..acc.len()).for_each(|k| unsafe { f.finish(y.add(k * size), acc[k], self.rows) });
                    }
                }
            }
        }
    }
}

/// Joins partials `[chunks, inner]` pairwise and writes the outputs.
struct Join<'a, F: Folder> {
    folder: F,
    partials: &'a mut [F::Acc],
    inner: usize,
    count: usize,
    y: &'a mut [u8],
}

impl<F: Folder> Task for Join<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, s: S) {
        let f = self.folder.on(s);
        let (inner, chunks) = (self.inner, self.partials.len() / self.inner);
        if inner == 1 {
            // Chunks are powers of two of blocks, so this is the tree of one run.
            let mut tree = Tree::new();
            self.partials.iter().for_each(|&x| tree.push(f, x));
            // SAFETY: y has one output.
            return unsafe { f.finish(self.y.as_mut_ptr(), tree.finish(f), self.count) };
        }
        let mut step = 1;
        while step < chunks {
            for c in (0..chunks - step).step_by(2 * step) {
                let (head, tail) = self.partials.split_at_mut((c + step) * inner);
                for (a, &b) in head[c * inner..][..inner].iter_mut().zip(&tail[..inner]) {
                    *a = f.combine_one(*a, b);
                }
            }
            step *= 2;
        }
        let y = self.y[..inner * f.size()].as_mut_ptr();
        for (i, &x) in self.partials[..inner].iter().enumerate() {
            // SAFETY: y has `inner` outputs.
            unsafe { f.finish(y.add(i * f.size()), x, self.count) };
        }
    }
}

thread_local! {
    /// Partial results of the reductions that this thread starts.
    static PARTIALS: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// Rows of a task's part: a power of two, at most [`MAX_CHUNKS`] parts.
fn rows_per_chunk(extents: &Extents) -> usize {
    let enough = (CHUNK / extents.inner.min(COLUMNS)).max(4);
    enough.max(extents.reduced.div_ceil(MAX_CHUNKS)).next_power_of_two()
}

/// Runs a fold over an array; the lengths are checked.
pub(super) fn walk<F: Folder>(isa: Isa, folder: F, extents: Extents, x: &[u8], y: &mut [u8]) {
    let Extents { outer, reduced, inner } = extents;
    let (isa, size) = (folder.isa(isa), folder.size());
    let from = Source(x.as_ptr());
    let (each, rows) = (reduced * inner, rows_per_chunk(&extents));
    let y = Shared::new(&mut y[..outer * inner * size]);
    if reduced <= rows && (inner <= COLUMNS || each <= CHUNK) {
        let group = (CHUNK / each.max(1)).clamp(1, outer.max(1));
        return for_each_task(outer.div_ceil(group), &|task| {
            let from = &from;
            let (start, end) = (task * group, ((task + 1) * group).min(outer));
            // SAFETY: outputs of different tasks are disjoint, and the input's part lies within it.
            let (y, x) = unsafe { (y.part(start * inner * size, end * inner * size), from.0.add(start * each * size)) };
            let to = To::Outputs(y);
            dispatch(isa, Part { folder, x, outer: end - start, rows: reduced, columns: inner, inner, to });
        });
    }
    let chunks = reduced.div_ceil(rows).max(1);
    let blocks = inner.div_ceil(COLUMNS);
    let mut scratch = PARTIALS.take();
    let words = (outer * chunks * inner * size_of::<F::Acc>()).div_ceil(8);
    if scratch.len() < words {
        scratch.resize(words.max(1 << 14), 0);
    }
    // SAFETY: the scratch memory has room for so many accumulators, whose alignment is at most 8; any bits are valid.
    let partials =
        unsafe { std::slice::from_raw_parts_mut(scratch.as_mut_ptr().cast::<F::Acc>(), outer * chunks * inner) };
    let shared = Shared::new(partials);
    for_each_task(outer * chunks * blocks, &|task| {
        let from = &from;
        let (b, c, o) = (task % blocks, task / blocks % chunks, task / blocks / chunks);
        let (j, r) = (b * COLUMNS, c * rows);
        let columns = (inner - j).min(COLUMNS);
        let start = (o * chunks + c) * inner + j;
        // SAFETY: parts of different tasks are disjoint, and their rows lie within the input.
        let (x, partials) =
            unsafe { (from.0.add(((o * reduced + r) * inner + j) * size), shared.part(start, start + columns)) };
        let to = To::Partials(partials);
        dispatch(isa, Part { folder, x, outer: 1, rows: (reduced - r).min(rows), columns, inner, to });
    });
    for_each_task(outer, &|o| {
        // SAFETY: outputs and partials of different outer indices are disjoint.
        let (partials, y) = unsafe {
            (
                shared.part(o * chunks * inner, (o + 1) * chunks * inner),
                y.part(o * inner * size, (o + 1) * inner * size),
            )
        };
        dispatch(isa, Join { folder, partials, inner, count: reduced, y });
    });
    PARTIALS.set(scratch);
}
