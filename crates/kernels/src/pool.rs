//! Max and average pooling over one to three spatial axes, channels last, and their gradients.
//!
//! Padding never counts: a maximum is over the positions inside the input, an average is their sum over their number
//! (TensorFlow's rule), unless the caller asks for the window's size (ONNX's `count_include_pad`). A window that lies
//! wholly in the padding has a maximum of the caller's choice and an average of 0.
//!
//! Work is cut by image and by block of channels, which are independent, so that results do not depend on the number
//! of threads.
#![allow(unsafe_code)]

use crate::gemm::Shared;
use crate::isa::Isa;
use crate::lanes::{Lanes, Task, dispatch};
use crate::parallel::parallel_for;
use crate::simd::Simd;
use crate::tile::Float;
use crate::tile::sealed::Sealed;
use std::any::TypeId;
use std::ops::{Add, Div, Range};

/// Sizes of a pooling: input `[batch, depth, height, width, channels]`, output `[batch, od, oh, ow, channels]`,
/// row-major without gaps; one and two axes have leading sizes of 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolGeometry {
    /// Images.
    pub batch: usize,
    /// Depth, height and width of the input.
    pub input: [usize; 3],
    /// Channels.
    pub channels: usize,
    /// Depth, height and width of the window.
    pub window: [usize; 3],
    /// Steps between windows.
    pub strides: [usize; 3],
    /// Padding before and after each axis.
    pub pads: [[usize; 2]; 3],
}

impl PoolGeometry {
    /// Over two axes, windows side by side, no padding.
    #[must_use]
    pub const fn pool2d(batch: usize, [height, width]: [usize; 2], channels: usize, [wh, ww]: [usize; 2]) -> Self {
        let (input, window) = ([1, height, width], [1, wh, ww]);
        PoolGeometry { batch, input, channels, window, strides: window, pads: [[0; 2]; 3] }
    }

    /// The same with other strides.
    #[must_use]
    pub const fn strides(self, strides: [usize; 3]) -> Self {
        PoolGeometry { strides, ..self }
    }

    /// The same with other padding.
    #[must_use]
    pub const fn pads(self, pads: [[usize; 2]; 3]) -> Self {
        PoolGeometry { pads, ..self }
    }

    /// The same with TensorFlow's `SAME` padding.
    #[must_use]
    pub fn same(self) -> Self {
        self.pads(self.as_conv().same().pads)
    }

    fn as_conv(&self) -> crate::conv::ConvGeometry {
        crate::conv::ConvGeometry::conv3d(self.batch, self.input, self.channels, self.window, self.channels)
            .strides(self.strides)
            .pads(self.pads)
    }

    /// Depth, height and width of the output; 0 where the window does not fit.
    #[must_use]
    pub fn output(&self) -> [usize; 3] {
        self.as_conv().output()
    }

    /// Elements of the input.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.as_conv().input_len()
    }

    /// Elements of the output.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.as_conv().output_len()
    }

    fn assert_fits(&self, x: usize, y: usize) {
        self.as_conv().assert_sound();
        assert_eq!(x, self.input_len(), "the input's length does not fit {self:?}");
        assert_eq!(y, self.output_len(), "the output's length does not fit {self:?}");
    }

    /// Whether some position lies under several windows.
    fn overlaps(&self) -> bool {
        (0..3).any(|axis| self.strides[axis] < self.window[axis] && self.output()[axis] > 1)
    }

    /// Whether every position lies under exactly one window.
    fn tiles_exactly(&self) -> bool {
        let output = self.output();
        let whole = |axis: usize| output[axis] * self.window[axis] == self.input[axis];
        (0..3).all(|axis| self.strides[axis] == self.window[axis] && self.pads[axis][0] == 0 && whole(axis))
    }

    /// The positions of the input under the window at output position `o`, on one axis.
    #[inline(always)]
    fn under(&self, axis: usize, o: usize) -> Range<usize> {
        let (start, pad) = (o * self.strides[axis], self.pads[axis][0]);
        start.saturating_sub(pad)..(start + self.window[axis]).saturating_sub(pad).min(self.input[axis])
    }
}

/// Channels of a task.
const BLOCK: usize = 64;

/// Runs `image(n, channels)` for every image and block of channels.
fn for_blocks(g: &PoolGeometry, image: impl Fn(usize, Range<usize>) + Sync) {
    let blocks = g.channels.div_ceil(BLOCK);
    parallel_for(g.batch * blocks, |task| {
        let (n, block) = (task / blocks, task % blocks);
        image(n, block * BLOCK..((block + 1) * BLOCK).min(g.channels));
    });
}

/// Calls `visit(first position under the window, output position)` for every window of image `n`; what is under a
/// window is given by rows: `[depth, height, width]` ranges.
#[inline(always)]
fn windows(g: &PoolGeometry, n: usize, mut visit: impl FnMut([Range<usize>; 3], usize)) {
    let [depth, height, width] = g.output();
    for z in 0..depth {
        for y in 0..height {
            for x in 0..width {
                let output = ((n * depth + z) * height + y) * width + x;
                visit([g.under(0, z), g.under(1, y), g.under(2, x)], output);
            }
        }
    }
}

/// Calls `visit` with the index of every position of image `n` inside the ranges, in order.
#[inline(always)]
fn positions(g: &PoolGeometry, n: usize, under: &[Range<usize>; 3], mut visit: impl FnMut(usize)) {
    let [depth, height, width] = g.input;
    for z in under[0].clone() {
        for y in under[1].clone() {
            let row = ((n * depth + z) * height + y) * width;
            for x in under[2].clone() {
                visit(row + x);
            }
        }
    }
}

/// `L` channels at a time where as many are left, else fewer: `$body` sees the first channel and the constant.
macro_rules! by_chunks {
    ($channels:expr, |$c:ident, $l:ident| $body:expr) => {{
        let channels: Range<usize> = $channels;
        let mut $c = channels.start;
        while $c < channels.end {
            let left = channels.end - $c;
            if left >= 32 {
                const $l: usize = 32;
                $body;
                $c += $l;
            } else if left >= 8 {
                const $l: usize = 8;
                $body;
                $c += $l;
            } else if left >= 4 {
                const $l: usize = 4;
                $body;
                $c += $l;
            } else {
                const $l: usize = 1;
                $body;
                $c += $l;
            }
        }
    }};
}

/// The `L` values from `at`.
///
/// # Safety
/// They lie inside what `p` points to.
#[inline(always)]
unsafe fn chunk<'a, T, const L: usize>(p: *const T, at: usize) -> &'a [T; L] {
    // SAFETY: the caller's contract.
    unsafe { &*p.add(at).cast() }
}

/// The `L` values from `at`, to change.
///
/// # Safety
/// They lie inside what `p` points to, and no one else reads or writes them meanwhile.
#[inline(always)]
unsafe fn chunk_mut<'a, T, const L: usize>(p: *mut T, at: usize) -> &'a mut [T; L] {
    // SAFETY: the caller's contract.
    unsafe { &mut *p.add(at).cast() }
}

/// Whether `x` displaces the best value so far: a greater number does, a NaN does once, and nothing displaces a NaN.
#[allow(clippy::eq_op)]
#[inline(always)]
fn beats<T: PartialOrd + Copy>(x: T, best: T) -> bool {
    (x > best) | ((x != x) & (best == best))
}

/// The maximum of every window; `lowest` where a window lies wholly in the padding. NaN where a window holds one.
///
/// # Panics
/// When a step is zero or a slice is not of the length that the geometry says.
pub fn max_forward<T: Copy + PartialOrd + Send + Sync>(g: &PoolGeometry, x: &[T], y: &mut [T], lowest: T) {
    max_forward_on(Isa::detect(), g, x, y, lowest);
}

/// [`max_forward`] with a named instruction set (or the nearest lesser one this CPU runs).
///
/// # Panics
/// As [`max_forward`].
pub fn max_forward_on<T: Copy + PartialOrd + Send + Sync>(isa: Isa, g: &PoolGeometry, x: &[T], y: &mut [T], lowest: T) {
    g.assert_fits(x.len(), y.len());
    let y = Shared(y.as_mut_ptr());
    for_blocks(g, |n, channels| dispatch(isa, MaxForward { g, x: x.as_ptr(), y: y.get(), lowest, n, channels }));
}

struct MaxForward<'a, T> {
    g: &'a PoolGeometry,
    x: *const T,
    y: *mut T,
    lowest: T,
    n: usize,
    channels: Range<usize>,
}

impl<T: Copy + PartialOrd> Task for MaxForward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        windows(self.g, self.n, |under, output| {
            // SAFETY: the lengths were checked; this task alone writes these channels of this image.
            by_chunks!(self.channels.clone(), |c, L| unsafe { self.window::<L>(&under, output, c) });
        });
    }
}

impl<T: Copy + PartialOrd> MaxForward<'_, T> {
    /// # Safety
    /// `c .. c + L` are channels, and no one else writes them.
    #[inline(always)]
    unsafe fn window<const L: usize>(&self, under: &[Range<usize>; 3], output: usize, c: usize) {
        let mut best = [self.lowest; L];
        let mut first = true;
        positions(self.g, self.n, under, |at| {
            // SAFETY: positions lie inside the input.
            let x = unsafe { chunk::<T, L>(self.x, at * self.g.channels + c) };
            if first {
                best = *x;
                first = false;
            } else {
                for (best, &x) in best.iter_mut().zip(x) {
                    *best = if beats(x, *best) { x } else { *best };
                }
            }
        });
        // SAFETY: the caller's contract.
        unsafe { *chunk_mut::<T, L>(self.y, output * self.g.channels + c) = best };
    }
}

/// The gradient of [`max_forward`] with respect to its input: each window's `dy` goes to the first position, in the
/// order of memory, that holds the window's maximum. `dx` is overwritten.
///
/// # Panics
/// As [`max_forward`].
pub fn max_gradient<T>(g: &PoolGeometry, x: &[T], dy: &[T], dx: &mut [T])
where
    T: Copy + PartialOrd + Default + Add<Output = T> + Send + Sync + 'static,
{
    max_gradient_on(Isa::detect(), g, x, dy, dx);
}

/// [`max_gradient`] with a named instruction set (or the nearest lesser one this CPU runs).
///
/// # Panics
/// As [`max_forward`].
pub fn max_gradient_on<T>(isa: Isa, g: &PoolGeometry, x: &[T], dy: &[T], dx: &mut [T])
where
    T: Copy + PartialOrd + Default + Add<Output = T> + Send + Sync + 'static,
{
    g.assert_fits(x.len(), dy.len());
    assert_eq!(dx.len(), x.len(), "the gradient's length is the input's");
    let dx = Shared(dx.as_mut_ptr());
    let float = if isa.available() { TypeId::of::<T>() } else { TypeId::of::<()>() };
    for_blocks(g, |n, channels| {
        let task = MaxGradient { g, x: x.as_ptr(), dy: dy.as_ptr(), dx: dx.get(), n, channels };
        // SAFETY: the type was asked for, the lengths were checked, and the CPU runs the instruction set.
        if float == TypeId::of::<f32>() {
            unsafe { (f32::tiles(isa).max_gradient)(&task.cast()) }
        } else if float == TypeId::of::<f64>() {
            unsafe { (f64::tiles(isa).max_gradient)(&task.cast()) }
        } else {
            dispatch(isa, task);
        }
    });
}

pub(crate) struct MaxGradient<'a, T> {
    g: &'a PoolGeometry,
    x: *const T,
    dy: *const T,
    dx: *mut T,
    n: usize,
    channels: Range<usize>,
}

impl<T: Copy + PartialOrd + Default + Add<Output = T>> Task for MaxGradient<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        if !self.g.tiles_exactly() {
            // SAFETY: the lengths were checked; this task alone writes these channels of this image.
            unsafe { clear(self.g, self.n, self.channels.clone(), self.dx) };
        }
        let overlaps = self.g.overlaps();
        windows(self.g, self.n, |under, output| {
            // SAFETY: as above.
            by_chunks!(self.channels.clone(), |c, L| unsafe {
                if overlaps {
                    self.window::<L, true>(&under, output, c);
                } else {
                    self.window::<L, false>(&under, output, c);
                }
            });
        });
    }
}

impl<T: Copy + PartialOrd + Default + Add<Output = T>> MaxGradient<'_, T> {
    /// # Safety
    /// `c .. c + L` are channels, and no one else writes them. Without `ADD`, no other window shares a position.
    #[inline(always)]
    unsafe fn window<const L: usize, const ADD: bool>(&self, under: &[Range<usize>; 3], output: usize, c: usize) {
        let mut best = [T::default(); L];
        let mut winner = [0u32; L];
        let mut count = 0u32;
        positions(self.g, self.n, under, |at| {
            // SAFETY: positions lie inside the input.
            let x = unsafe { chunk::<T, L>(self.x, at * self.g.channels + c) };
            if count == 0 {
                best = *x;
            } else {
                for ((best, winner), &x) in best.iter_mut().zip(&mut winner).zip(x) {
                    let wins = beats(x, *best);
                    *best = if wins { x } else { *best };
                    *winner = if wins { count } else { *winner };
                }
            }
            count += 1;
        });
        // SAFETY: windows lie inside the output.
        let dy = unsafe { chunk::<T, L>(self.dy, output * self.g.channels + c) };
        count = 0;
        positions(self.g, self.n, under, |at| {
            // SAFETY: the caller's contract.
            let dx = unsafe { chunk_mut::<T, L>(self.dx, at * self.g.channels + c) };
            for ((dx, &dy), &winner) in dx.iter_mut().zip(dy).zip(&winner) {
                let old = if ADD { *dx } else { T::default() };
                *dx = if winner == count { old + dy } else { old };
            }
            count += 1;
        });
    }
}

impl<'a, T> MaxGradient<'a, T> {
    /// The same over another type, which must be the same one.
    fn cast<U>(self) -> MaxGradient<'a, U> {
        let MaxGradient { g, x, dy, dx, n, channels } = self;
        MaxGradient { g, x: x.cast(), dy: dy.cast(), dx: dx.cast(), n, channels }
    }
}

/// The gradient of an image over vectors of floats.
///
/// # Safety
/// The CPU runs `S`; the memory fits the geometry; no one else touches these channels of the image.
#[inline(always)]
pub(crate) unsafe fn max_gradient_vectors<S: Simd>(task: &MaxGradient<'_, S::E>)
where
    S::E: Float,
{
    let &MaxGradient { g, x, dy, dx, n, ref channels } = task;
    if !g.tiles_exactly() {
        // SAFETY: the caller's contract.
        unsafe { clear_with(g, n, channels.clone(), dx, S::E::ZERO) };
    }
    let overlaps = g.overlaps();
    windows(g, n, |under, output| {
        for c in channels.clone().step_by(S::LANES) {
            let lanes = S::LANES.min(channels.end - c);
            // SAFETY: the caller's contract.
            unsafe {
                let load = |p: *const S::E| if lanes == S::LANES { S::load(p) } else { S::load_first(p, lanes) };
                let one = S::splat(S::E::ONE);
                let (mut best, mut winner, mut this) = (S::zero(), S::zero(), S::zero());
                let mut first = true;
                positions(g, n, &under, |at| {
                    let x = load(x.add(at * g.channels + c));
                    if first {
                        best = x;
                        first = false;
                    } else {
                        this = S::add(this, one);
                        (best, winner) = S::take_greater(best, winner, x, this);
                    }
                });
                let dy = load(dy.add(output * g.channels + c));
                this = S::zero();
                positions(g, n, &under, |at| {
                    let to = dx.add(at * g.channels + c);
                    let mut share = S::keep_where_equal(winner, this, dy);
                    if overlaps {
                        share = S::add(load(to), share);
                    }
                    if lanes == S::LANES {
                        S::store(to, share);
                    } else {
                        S::store_first(to, share, lanes);
                    }
                    this = S::add(this, one);
                });
            }
        }
    });
}

/// Zeros the channels of image `n`.
///
/// # Safety
/// `dx` points to the input's gradient, whose channels no one else touches meanwhile.
#[inline(always)]
unsafe fn clear<T: Copy + Default>(g: &PoolGeometry, n: usize, channels: Range<usize>, dx: *mut T) {
    // SAFETY: the caller's contract.
    unsafe { clear_with(g, n, channels, dx, T::default()) }
}

/// [`clear`] with the zero given.
///
/// # Safety
/// As [`clear`].
#[inline(always)]
unsafe fn clear_with<T: Copy>(g: &PoolGeometry, n: usize, channels: Range<usize>, dx: *mut T, zero: T) {
    let size: usize = g.input.iter().product();
    for at in n * size..(n + 1) * size {
        // SAFETY: the caller's contract.
        unsafe {
            std::slice::from_raw_parts_mut(dx.add(at * g.channels + channels.start), channels.len()).fill(zero);
        }
    }
}

/// What an average divides by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Divisor {
    /// The positions of the window inside the input.
    #[default]
    Inside,
    /// All positions of the window, padding included.
    Window,
}

impl Divisor {
    #[inline(always)]
    fn of(self, g: &PoolGeometry, under: &[Range<usize>; 3]) -> usize {
        match self {
            Divisor::Inside => under.iter().map(Range::len).product(),
            Divisor::Window => g.window.iter().product(),
        }
    }
}

/// A float that can be averaged.
pub trait Averaged: Float + Div<Output = Self> + Default {
    /// The nearest float to a count.
    fn from_count(count: usize) -> Self;
}

impl Averaged for f32 {
    #[inline(always)]
    fn from_count(count: usize) -> f32 {
        count as f32
    }
}

impl Averaged for f64 {
    #[inline(always)]
    fn from_count(count: usize) -> f64 {
        count as f64
    }
}

/// The average of every window.
///
/// # Panics
/// When a step is zero or a slice is not of the length that the geometry says.
pub fn average_forward<T: Averaged>(g: &PoolGeometry, x: &[T], y: &mut [T], divisor: Divisor) {
    average_forward_on(Isa::detect(), g, x, y, divisor);
}

/// [`average_forward`] with a named instruction set (or the nearest lesser one this CPU runs).
///
/// # Panics
/// As [`average_forward`].
pub fn average_forward_on<T: Averaged>(isa: Isa, g: &PoolGeometry, x: &[T], y: &mut [T], divisor: Divisor) {
    g.assert_fits(x.len(), y.len());
    let y = Shared(y.as_mut_ptr());
    for_blocks(g, |n, channels| dispatch(isa, AverageForward { g, x: x.as_ptr(), y: y.get(), divisor, n, channels }));
}

struct AverageForward<'a, T> {
    g: &'a PoolGeometry,
    x: *const T,
    y: *mut T,
    divisor: Divisor,
    n: usize,
    channels: Range<usize>,
}

impl<T: Averaged> Task for AverageForward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        windows(self.g, self.n, |under, output| {
            // SAFETY: the lengths were checked; this task alone writes these channels of this image.
            by_chunks!(self.channels.clone(), |c, L| unsafe { self.window::<L>(&under, output, c) });
        });
    }
}

impl<T: Averaged> AverageForward<'_, T> {
    /// # Safety
    /// `c .. c + L` are channels, and no one else writes them.
    #[inline(always)]
    unsafe fn window<const L: usize>(&self, under: &[Range<usize>; 3], output: usize, c: usize) {
        let mut sum = [T::ZERO; L];
        positions(self.g, self.n, under, |at| {
            // SAFETY: positions lie inside the input.
            let x = unsafe { chunk::<T, L>(self.x, at * self.g.channels + c) };
            for (sum, &x) in sum.iter_mut().zip(x) {
                *sum = *sum + x;
            }
        });
        let count = T::from_count(self.divisor.of(self.g, under).max(1));
        // SAFETY: the caller's contract.
        let y = unsafe { chunk_mut::<T, L>(self.y, output * self.g.channels + c) };
        for (y, sum) in y.iter_mut().zip(sum) {
            *y = sum / count;
        }
    }
}

/// The gradient of [`average_forward`] with respect to its input. `dx` is overwritten.
///
/// # Panics
/// As [`average_forward`].
pub fn average_gradient<T: Averaged>(g: &PoolGeometry, dy: &[T], dx: &mut [T], divisor: Divisor) {
    average_gradient_on(Isa::detect(), g, dy, dx, divisor);
}

/// [`average_gradient`] with a named instruction set (or the nearest lesser one this CPU runs).
///
/// # Panics
/// As [`average_forward`].
pub fn average_gradient_on<T: Averaged>(isa: Isa, g: &PoolGeometry, dy: &[T], dx: &mut [T], divisor: Divisor) {
    g.assert_fits(dx.len(), dy.len());
    let dx = Shared(dx.as_mut_ptr());
    for_blocks(g, |n, channels| {
        dispatch(isa, AverageGradient { g, dy: dy.as_ptr(), dx: dx.get(), divisor, n, channels });
    });
}

struct AverageGradient<'a, T> {
    g: &'a PoolGeometry,
    dy: *const T,
    dx: *mut T,
    divisor: Divisor,
    n: usize,
    channels: Range<usize>,
}

impl<T: Averaged> Task for AverageGradient<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        if !self.g.tiles_exactly() {
            // SAFETY: the lengths were checked; this task alone writes these channels of this image.
            unsafe { clear(self.g, self.n, self.channels.clone(), self.dx) };
        }
        let overlaps = self.g.overlaps();
        windows(self.g, self.n, |under, output| {
            // SAFETY: as above.
            by_chunks!(self.channels.clone(), |c, L| unsafe {
                if overlaps {
                    self.window::<L, true>(&under, output, c);
                } else {
                    self.window::<L, false>(&under, output, c);
                }
            });
        });
    }
}

impl<T: Averaged> AverageGradient<'_, T> {
    /// # Safety
    /// `c .. c + L` are channels, and no one else writes them. Without `ADD`, no other window shares a position.
    #[inline(always)]
    unsafe fn window<const L: usize, const ADD: bool>(&self, under: &[Range<usize>; 3], output: usize, c: usize) {
        let count = T::from_count(self.divisor.of(self.g, under).max(1));
        // SAFETY: windows lie inside the output.
        let share = unsafe { chunk::<T, L>(self.dy, output * self.g.channels + c) }.map(|dy| dy / count);
        positions(self.g, self.n, under, |at| {
            // SAFETY: the caller's contract.
            let dx = unsafe { chunk_mut::<T, L>(self.dx, at * self.g.channels + c) };
            for (dx, share) in dx.iter_mut().zip(share) {
                *dx = if ADD { *dx + share } else { share };
            }
        });
    }
}
