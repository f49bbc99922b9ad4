//! Matrix products: `C = act(alpha · A·B + beta · C + bias)` over strided matrices.
//!
//! An element of `C` is one chain of multiply-adds over `k` in ascending order, cut every [`DEPTH`] steps, whatever
//! tile or task it falls in; so the result is the same, bit for bit, for any number of threads.
//!
//! `B` is copied into panels as wide as a tile when enough rows share them or its rows are not contiguous; `A` is read
//! in place unless its columns are the contiguous ones. Copies live in memory that each thread keeps.
#![allow(unsafe_code)]

use crate::isa::Isa;
use crate::pack::with_buffer;
use crate::parallel::{parallel_for, threads};
use crate::tile::{Finish, Float, MAX_ROWS, Segment, Tile, Tiles};

/// Steps of the sum between two visits to `C`.
pub const DEPTH: usize = 512;
/// Columns of `B` packed at a time: [`DEPTH`] by this stays in the second-level cache, and each packed tile of `A`
/// serves as many.
const PANEL_COLUMNS: usize = 512;
/// Rows of `A` below which packing contiguous rows of `B` costs more than it saves.
const PACK_ROWS: usize = 96;
/// Multiply-adds below which a product is not worth another task.
const TASK_WORK: usize = 1 << 19;
/// `A`'s packed rows are this far apart.
const A_STEP: usize = 16;

/// Sizes and strides, in elements, of `C[m, n] += A[m, k] · B[k, n]`. Strides are `[row, column]`.
///
/// Strides of `a` and `b` are free (zero broadcasts); `c`'s must not make two of its elements one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gemm {
    /// Rows of `A` and `C`.
    pub m: usize,
    /// Columns of `B` and `C`.
    pub n: usize,
    /// Columns of `A`, rows of `B`.
    pub k: usize,
    /// Strides of `A`.
    pub a: [usize; 2],
    /// Strides of `B`.
    pub b: [usize; 2],
    /// Strides of `C`.
    pub c: [usize; 2],
}

impl Gemm {
    /// `A·B` of row-major matrices without gaps.
    #[must_use]
    pub const fn row_major(m: usize, n: usize, k: usize) -> Gemm {
        Gemm { m, n, k, a: [k, 1], b: [n, 1], c: [n, 1] }
    }

    /// `Aᵀ·B`, where `A` is stored row-major as `[k, m]`.
    #[must_use]
    pub const fn transposed_a(m: usize, n: usize, k: usize) -> Gemm {
        Gemm { m, n, k, a: [1, m], b: [n, 1], c: [n, 1] }
    }

    /// `A·Bᵀ`, where `B` is stored row-major as `[n, k]`.
    #[must_use]
    pub const fn transposed_b(m: usize, n: usize, k: usize) -> Gemm {
        Gemm { m, n, k, a: [k, 1], b: [1, k], c: [n, 1] }
    }

    /// Floating-point operations: a multiply-add counts two.
    #[must_use]
    pub const fn flops(&self) -> f64 {
        2.0 * self.m as f64 * self.n as f64 * self.k as f64
    }

    /// The same product transposed: `Cᵀ = Bᵀ·Aᵀ`.
    fn transposed(&self) -> Gemm {
        let swap = |s: [usize; 2]| [s[1], s[0]];
        Gemm { m: self.n, n: self.m, k: self.k, a: swap(self.b), b: swap(self.a), c: swap(self.c) }
    }

    fn assert_fits(&self, a: usize, b: usize, c: usize) {
        let Gemm { m, n, k, .. } = *self;
        assert!(span(m, k, self.a) <= a, "A has {a} elements, [{m}, {k}] with strides {:?} needs more", self.a);
        assert!(span(k, n, self.b) <= b, "B has {b} elements, [{k}, {n}] with strides {:?} needs more", self.b);
        assert!(span(m, n, self.c) <= c, "C has {c} elements, [{m}, {n}] with strides {:?} needs more", self.c);
        let [rs, cs] = self.c;
        let apart = |inner: usize, inner_stride: usize, outer: usize, outer_stride: usize| {
            (inner <= 1 || inner_stride > 0) && (outer <= 1 || outer_stride > (inner - 1) * inner_stride)
        };
        assert!(
            m == 0 || n == 0 || apart(n, cs, m, rs) || apart(m, rs, n, cs),
            "C[{m}, {n}] with strides {:?} overlaps itself",
            self.c
        );
    }
}

/// Elements a strided matrix reaches over; `usize::MAX` where that overflows.
fn span(rows: usize, cols: usize, [rs, cs]: [usize; 2]) -> usize {
    if rows == 0 || cols == 0 {
        return 0;
    }
    let far = (rows - 1).checked_mul(rs).zip((cols - 1).checked_mul(cs)).and_then(|(r, c)| r.checked_add(c));
    far.and_then(|far| far.checked_add(1)).unwrap_or(usize::MAX)
}

/// What is done to an output on its way to memory, after the sum and before it leaves the registers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Epilogue<'a, T> {
    /// Nothing.
    #[default]
    None,
    /// Adds a value a column (an output channel).
    Bias(&'a [T]),
    /// `max(y, 0)`; a NaN stays NaN.
    Relu,
    /// [`Epilogue::Bias`], then [`Epilogue::Relu`].
    BiasRelu(&'a [T]),
}

impl<'a, T> Epilogue<'a, T> {
    /// The values a column, if any.
    #[must_use]
    pub const fn bias(&self) -> Option<&'a [T]> {
        match self {
            Epilogue::Bias(bias) | Epilogue::BiasRelu(bias) => Some(bias),
            Epilogue::None | Epilogue::Relu => None,
        }
    }

    /// Whether the result is clamped at zero.
    #[must_use]
    pub const fn relu(&self) -> bool {
        matches!(self, Epilogue::Relu | Epilogue::BiasRelu(_))
    }
}

/// `C = act(alpha · A·B + beta · C + bias)`, in the current rayon pool. `beta = 0` never reads `C`.
///
/// # Panics
/// When a slice is shorter than sizes and strides reach, a bias is not of length `n`, or `c` overlaps itself.
pub fn gemm<T: Float>(g: &Gemm, alpha: T, a: &[T], b: &[T], beta: T, c: &mut [T], epilogue: Epilogue<'_, T>) {
    gemm_on(Isa::detect(), g, alpha, a, b, beta, c, epilogue);
}

/// [`gemm`] with a named instruction set, which the CPU must have.
///
/// # Panics
/// As [`gemm`], and when the CPU lacks the instruction set.
#[allow(clippy::too_many_arguments)]
pub fn gemm_on<T: Float>(
    isa: Isa,
    g: &Gemm,
    alpha: T,
    a: &[T],
    b: &[T],
    beta: T,
    c: &mut [T],
    epilogue: Epilogue<'_, T>,
) {
    assert!(isa.available(), "this CPU does not run {isa}");
    g.assert_fits(a.len(), b.len(), c.len());
    if let Some(bias) = epilogue.bias() {
        assert_eq!(bias.len(), g.n, "bias: one value a column");
    }
    if g.m == 0 || g.n == 0 {
        return;
    }
    let product = Product::new(isa, g, [alpha, beta], a.as_ptr(), b.as_ptr(), c.as_mut_ptr(), epilogue);
    let tasks = product.grid();
    parallel_for(tasks.count(), |task| {
        let (rows, cols) = tasks.block(task);
        // SAFETY: the lengths were checked above; blocks are disjoint parts of `C`.
        unsafe { product.block(rows, cols) };
    });
}

/// `batch` products of one shape: the `i`-th takes `A`, `B` and `C` from the offsets `at(i)`. Parallel over products
/// and blocks of them. The `C`s must not overlap.
///
/// # Panics
/// As [`gemm`]; and when the `C` of one product begins before the end of another's span.
#[allow(clippy::too_many_arguments)]
pub fn gemm_batch<T: Float>(
    batch: usize,
    g: &Gemm,
    alpha: T,
    a: &[T],
    b: &[T],
    beta: T,
    c: &mut [T],
    epilogue: Epilogue<'_, T>,
    at: impl Fn(usize) -> [usize; 3] + Sync,
) {
    if g.m == 0 || g.n == 0 || batch == 0 {
        return;
    }
    let isa = Isa::detect();
    if let Some(bias) = epilogue.bias() {
        assert_eq!(bias.len(), g.n, "bias: one value a column");
    }
    let span_c = span(g.m, g.n, g.c);
    let mut end = 0;
    for i in 0..batch {
        let [a_at, b_at, c_at] = at(i);
        g.assert_fits(a.len().saturating_sub(a_at), b.len().saturating_sub(b_at), c.len().saturating_sub(c_at));
        assert!(c_at >= end, "the outputs of a batch must ascend without overlap");
        end = c_at + span_c;
    }
    let (a, b, c) = (Shared(a.as_ptr().cast_mut()), Shared(b.as_ptr().cast_mut()), Shared(c.as_mut_ptr()));
    let product = |i: usize| {
        let [a_at, b_at, c_at] = at(i);
        // SAFETY: the offsets were checked above.
        let (a, b, c) = unsafe { (a.get().add(a_at), b.get().add(b_at), c.get().add(c_at)) };
        Product::new(isa, g, [alpha, beta], a, b, c, epilogue)
    };
    let tasks = product(0).grid_for(batch);
    parallel_for(batch * tasks.count(), |task| {
        let (rows, cols) = tasks.block(task % tasks.count());
        // SAFETY: the lengths were checked above; blocks and products write disjoint elements.
        unsafe { product(task / tasks.count()).block(rows, cols) };
    });
}

/// A pointer that tasks share; they write disjoint parts of what it points to.
#[derive(Clone, Copy)]
pub(crate) struct Shared<T>(pub *mut T);

impl<T> Shared<T> {
    /// By method, so that closures take the whole and not the bare pointer.
    #[inline(always)]
    pub fn get(self) -> *mut T {
        self.0
    }
}

// SAFETY: plain addresses; those who write through them keep to disjoint parts.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

/// One product ready to run block by block.
struct Product<'a, T: 'static> {
    g: Gemm,
    tiles: Tiles<T>,
    alpha: T,
    beta: T,
    a: *const T,
    b: *const T,
    c: *mut T,
    epilogue: Epilogue<'a, T>,
}

// SAFETY: tasks read `a` and `b` and write disjoint blocks of `c`.
unsafe impl<T: Float> Sync for Product<'_, T> {}

impl<'a, T: Float> Product<'a, T> {
    fn new(
        isa: Isa,
        g: &Gemm,
        [alpha, beta]: [T; 2],
        a: *const T,
        b: *const T,
        c: *mut T,
        epilogue: Epilogue<'a, T>,
    ) -> Self {
        let product = Product { g: *g, tiles: T::tiles(isa), alpha, beta, a, b, c, epilogue };
        // Rows of the output should be the contiguous ones; a bias goes by column, so it forbids the exchange.
        let column_major = g.c[1] != 1 && g.n > 1 && (g.c[0] == 1 || g.m == 1);
        if column_major && epilogue.bias().is_none() {
            Product { g: g.transposed(), a: b, b: a, ..product }
        } else {
            product
        }
    }

    fn grid(&self) -> Grid {
        self.grid_for(1)
    }

    /// Blocks of the output, enough of them over `batch` products to keep the pool busy.
    fn grid_for(&self, batch: usize) -> Grid {
        let Gemm { m, n, k, .. } = self.g;
        let work = m.saturating_mul(n).saturating_mul(k.max(1));
        let wanted = if threads() == 1 { 1 } else { (4 * threads()).div_ceil(batch).min(work / TASK_WORK + 1) };
        // Every block of columns reads all of A, every block of rows packs all of B.
        let panels = n.div_ceil(self.tiles.width());
        let fit = |across: usize| (across, wanted.div_ceil(across).min(m.div_ceil(2 * self.tiles.rows)));
        let cost = |(across, down): (usize, usize)| {
            let idle = wanted.saturating_sub(across * down);
            (idle, across.saturating_mul(m).saturating_add(2 * down * n))
        };
        let cuts = (1..=wanted.min(panels)).map(fit);
        let (across, down) = cuts.min_by_key(|&cut| cost(cut)).unwrap_or((1, 1));
        Grid {
            m,
            n,
            rows: m.div_ceil(down).next_multiple_of(if down > 1 { self.tiles.rows } else { 1 }),
            cols: panels.div_ceil(across) * self.tiles.width(),
        }
    }

    /// # Safety
    /// Sizes and strides fit the memory behind the pointers; no one else touches this block of `C` meanwhile.
    unsafe fn block(&self, rows: [usize; 2], cols: [usize; 2]) {
        let Gemm { k, .. } = self.g;
        let contiguous = self.g.b[1] == 1;
        let pack_b = !contiguous || rows[1] - rows[0] >= PACK_ROWS;
        let panel_len = if pack_b { DEPTH.min(k) * PANEL_COLUMNS } else { 0 };
        with_buffer::<T, _>(panel_len + DEPTH * A_STEP, |buffer| {
            // SAFETY: the buffer holds the panels, then a packed tile of A.
            let a_buffer = unsafe { buffer.add(panel_len) };
            let wide = if pack_b { PANEL_COLUMNS } else { cols[1] - cols[0] };
            for left in (cols[0]..cols[1]).step_by(wide) {
                let cols = [left, (left + wide).min(cols[1])];
                let mut from = 0;
                loop {
                    let depth = [from, (from + DEPTH).min(k)];
                    // SAFETY: the caller's contract; ranges lie inside the sizes.
                    unsafe {
                        if pack_b {
                            self.pack_b(depth, cols, buffer);
                        }
                        self.slab(rows, cols, depth, pack_b.then_some(buffer.cast_const()), a_buffer);
                    }
                    from = depth[1];
                    if from >= k {
                        break;
                    }
                }
            }
        });
    }

    /// Copies `B[depth, cols]` into panels of a tile's width.
    ///
    /// # Safety
    /// The ranges lie inside `B`; `to` holds the depth times the columns, rounded up to whole tiles.
    unsafe fn pack_b(&self, depth: [usize; 2], cols: [usize; 2], to: *mut T) {
        let [rs, cs] = self.g.b;
        let (width, k) = (self.tiles.width(), depth[1] - depth[0]);
        for left in (cols[0]..cols[1]).step_by(width) {
            let n = width.min(cols[1] - left);
            // SAFETY: the caller's contract.
            unsafe {
                let from = self.b.add(depth[0] * rs + left * cs);
                let to = to.add((left - cols[0]) * k);
                if cs == 1 {
                    (self.tiles.pack_rows)(from, rs, to, width, k, n);
                } else if rs == 1 {
                    (self.tiles.pack_columns)(from, cs, to, width, k, n);
                } else {
                    pack_any(from, [rs, cs], to, width, k, n);
                }
            }
        }
    }

    /// `C[rows, cols]` gains (or begins with) the part `depth` of its sums.
    ///
    /// # Safety
    /// As [`Product::block`]; `panels` is what [`Product::pack_b`] wrote; `a_buffer` holds `DEPTH * A_STEP`.
    unsafe fn slab(
        &self,
        rows: [usize; 2],
        cols: [usize; 2],
        depth: [usize; 2],
        panels: Option<*const T>,
        a_buffer: *mut T,
    ) {
        let k = depth[1] - depth[0];
        let width = self.tiles.width();
        let segments = [Segment { a_off: 0, b_off: 0, len: k }];
        let mut a_rows = [std::ptr::null(); MAX_ROWS];
        let across = (cols[1] - cols[0]).div_ceil(width);
        for [top, bottom] in even_parts(rows, self.tiles.rows) {
            let count = bottom - top;
            // SAFETY: the caller's contract; every pointer stays inside its matrix or buffer.
            unsafe {
                let (a_step, adjacent) = self.tile_of_a([top, bottom], depth, across, a_buffer, &mut a_rows);
                let mut left = cols[0];
                while left < cols[1] {
                    let n = self.tiles.step(cols[1] - left);
                    let (b, b_step) = match panels {
                        Some(panels) => {
                            let panel = (left - cols[0]) / width;
                            (panels.add(panel * width * k + (left - cols[0]) % width), width)
                        }
                        None => (self.b.add(depth[0] * self.g.b[0] + left), self.g.b[0]),
                    };
                    let tile = Tile {
                        a: &a_rows[..count],
                        a_per_segment: false,
                        a_step,
                        b,
                        b_step: b_step as isize,
                        segments: &segments,
                        c: &[],
                        cols: n,
                        finish: self.finish(depth, left),
                    };
                    self.run(tile, adjacent, top, left);
                    left += n;
                }
            }
        }
    }

    /// Where the rows of a tile of `A` begin, packed when its columns are contiguous or nothing is; returns their step and
    /// whether they lie side by side.
    ///
    /// # Safety
    /// As [`Product::slab`].
    unsafe fn tile_of_a(
        &self,
        [top, bottom]: [usize; 2],
        depth: [usize; 2],
        panels: usize,
        buffer: *mut T,
        a_rows: &mut [*const T; MAX_ROWS],
    ) -> (isize, bool) {
        let [rs, cs] = self.g.a;
        let (count, k) = (bottom - top, depth[1] - depth[0]);
        // SAFETY: the caller's contract.
        unsafe {
            let from = self.a.add(top * rs + depth[0] * cs);
            // Rows a multiple of 1 KiB apart fall into the same few sets of the first-level cache.
            let collide = (rs * size_of::<T>()).is_multiple_of(1024) && panels >= 4;
            let pack = panels > 1 && k > 1 && (cs != 1 || collide);
            if pack && cs == 1 {
                (self.tiles.pack_columns)(from, rs, buffer, A_STEP, k, count);
            } else if pack && rs == 1 {
                (self.tiles.pack_rows)(from, cs, buffer, A_STEP, k, count);
            } else if pack {
                pack_any(from, [cs, rs], buffer, A_STEP, k, count);
            }
            for (r, row) in a_rows.iter_mut().enumerate().take(count) {
                *row = if pack { buffer.add(r) } else { from.add(r * rs) };
            }
            if pack { (A_STEP as isize, true) } else { (cs as isize, rs == 1) }
        }
    }

    /// The factors and the epilogue at this depth: earlier parts only add up.
    fn finish(&self, depth: [usize; 2], left: usize) -> Finish<T> {
        let last = depth[1] == self.g.k;
        Finish {
            alpha: self.alpha,
            beta: if depth[0] == 0 { self.beta } else { T::ONE },
            bias: match self.epilogue.bias() {
                Some(bias) if last => bias[left..].as_ptr(),
                _ => std::ptr::null(),
            },
            relu: last && self.epilogue.relu(),
        }
    }

    /// Runs one tile into `C`, by way of the stack where `C`'s rows are not contiguous.
    ///
    /// # Safety
    /// As [`Product::slab`].
    unsafe fn run(&self, tile: Tile<'_, T>, adjacent: bool, top: usize, left: usize) {
        let [rs, cs] = self.g.c;
        let (count, n) = (tile.a.len(), tile.cols);
        let mut c_rows = [std::ptr::null_mut(); MAX_ROWS];
        let kernel = self.tiles.pick_for(adjacent, count, n);
        // SAFETY: the caller's contract.
        unsafe {
            let c = self.c.add(top * rs + left * cs);
            if cs == 1 || n == 1 {
                for (r, row) in c_rows.iter_mut().enumerate().take(count) {
                    *row = c.add(r * rs);
                }
                kernel(&Tile { c: &c_rows[..count], ..tile });
                return;
            }
            const WIDEST: usize = 32;
            let mut block = [[T::ZERO; WIDEST]; MAX_ROWS];
            for (r, row) in block.iter_mut().enumerate().take(count) {
                c_rows[r] = row.as_mut_ptr();
                if tile.finish.beta != T::ZERO {
                    for (j, x) in row.iter_mut().enumerate().take(n) {
                        *x = *c.add(r * rs + j * cs);
                    }
                }
            }
            kernel(&Tile { c: &c_rows[..count], ..tile });
            for (r, row) in c_rows.iter().enumerate().take(count) {
                for j in 0..n {
                    *c.add(r * rs + j * cs) = *row.add(j);
                }
            }
        }
    }
}

/// `to[i * step + j] = from[i * strides[0] + j * strides[1]]` for `i < k`, `j < n`.
///
/// # Safety
/// The elements named are readable and writable.
unsafe fn pack_any<T: Copy>(from: *const T, [rs, cs]: [usize; 2], to: *mut T, step: usize, k: usize, n: usize) {
    for i in 0..k {
        for j in 0..n {
            // SAFETY: the caller's contract.
            unsafe { *to.add(i * step + j) = *from.add(i * rs + j * cs) };
        }
    }
}

/// `range` cut into the fewest parts of at most `most`, as even as can be.
pub(crate) fn even_parts(range: [usize; 2], most: usize) -> impl Iterator<Item = [usize; 2]> {
    let len = range[1] - range[0];
    let parts = len.div_ceil(most);
    (0..parts).map(move |i| [range[0] + i * len / parts, range[0] + (i + 1) * len / parts])
}

/// A cut of `[m, n]` into blocks of `[rows, cols]`.
#[derive(Clone, Copy, Debug)]
struct Grid {
    m: usize,
    n: usize,
    rows: usize,
    cols: usize,
}

impl Grid {
    fn count(&self) -> usize {
        self.m.div_ceil(self.rows) * self.n.div_ceil(self.cols)
    }

    /// Blocks that share rows are neighbours.
    fn block(&self, index: usize) -> ([usize; 2], [usize; 2]) {
        let across = self.n.div_ceil(self.cols);
        let (i, j) = (index / across, index % across);
        let rows = [i * self.rows, ((i + 1) * self.rows).min(self.m)];
        (rows, [j * self.cols, ((j + 1) * self.cols).min(self.n)])
    }
}

/// `C = alpha · A·B + beta · C` one element at a time, for any type; the oracle of [`gemm`] and the path of integers.
///
/// # Panics
/// As [`gemm`].
pub fn gemm_reference<T>(g: &Gemm, alpha: T, a: &[T], b: &[T], beta: T, c: &mut [T])
where
    T: Copy + Default + PartialEq + std::ops::Add<Output = T> + std::ops::Mul<Output = T>,
{
    g.assert_fits(a.len(), b.len(), c.len());
    for i in 0..g.m {
        for j in 0..g.n {
            let sum =
                (0..g.k).fold(T::default(), |sum, l| sum + a[i * g.a[0] + l * g.a[1]] * b[l * g.b[0] + j * g.b[1]]);
            let y = &mut c[i * g.c[0] + j * g.c[1]];
            *y = if beta == T::default() { alpha * sum } else { alpha * sum + beta * *y };
        }
    }
}
