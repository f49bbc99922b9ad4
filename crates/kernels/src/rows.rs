//! Fused kernels over the rows of `[rows, n]` arrays of `f32`: softmax, layer normalisation, cross-entropy.
//!
//! A row is read a few times while it is in cache. Sums run in sixteen lanes and in blocks, in an order that depends on
//! `n` alone; rows are independent. So results have the same bits with any number of threads and on any instruction
//! set. Where an input is an `Option`, `None` means that the output holds it already and is overwritten.

#![allow(unsafe_code)]

mod cross_entropy;
mod layer_norm;
mod softmax;
#[cfg(test)]
mod tests;

pub use cross_entropy::{Labels, Targets, Weights, cross_entropy, cross_entropy_grad};
pub use layer_norm::{LayerNorm, Moments, layer_norm, layer_norm_grad, layer_norm_parameter_grads};
pub use softmax::{log_softmax, log_softmax_grad, logsumexp, softmax, softmax_grad};

use crate::isa::Isa;
use crate::lanes::{LANES, Lanes, Task, dispatch, first};
use crate::shared::for_each_task;
use cornet_error::{Code, Error, Result};

/// Elements of a task.
const CHUNK: usize = 1 << 14;
/// Vectors added up before their sum joins the row's.
const BLOCK: usize = 64;

/// A kernel of one row, with its pointers.
trait Row: Sync {
    /// # Safety
    /// `r` is a row of the arrays, and no other task has it.
    unsafe fn row<S: Lanes>(&self, s: S, r: usize);
}

struct Range<'a, R> {
    row: &'a R,
    start: usize,
    end: usize,
}

impl<R: Row> Task for Range<'_, R> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, s: S) {
        for r in self.start..self.end {
            // SAFETY: tasks have disjoint ranges of the rows.
            unsafe { self.row.row(s, r) };
        }
    }
}

fn for_rows<R: Row>(isa: Isa, rows: usize, n: usize, row: &R) {
    let group = (CHUNK / n.max(1)).max(1);
    for_each_task(rows.div_ceil(group), &|task| {
        let (start, end) = (task * group, ((task + 1) * group).min(rows));
        dispatch(isa, Range { row, start, end });
    });
}

/// A pointer that tasks share; each touches its own rows of what is written.
struct Ptr<T>(*mut T);

// SAFETY: rows are disjoint between tasks, and inputs are only read.
unsafe impl<T: Sync + Send> Sync for Ptr<T> {}

impl<T> Ptr<T> {
    fn of(x: &[T]) -> Self {
        Ptr(x.as_ptr().cast_mut())
    }
    fn of_mut(x: &mut [T]) -> Self {
        Ptr(x.as_mut_ptr())
    }
    /// # Safety
    /// Element `i` lies within the slice.
    #[inline(always)]
    unsafe fn at(&self, i: usize) -> *mut T {
        // SAFETY: by contract.
        unsafe { self.0.add(i) }
    }
}

/// An input, or the output where it is `None`.
fn input(x: Option<&[f32]>, y: &mut [f32]) -> Ptr<f32> {
    x.map_or_else(|| Ptr::of_mut(y), Ptr::of)
}

/// Lanes `i..i + width`, the others `fill`.
///
/// # Safety
/// `p` is readable there.
#[inline(always)]
unsafe fn get<S: Lanes>(s: S, p: *const f32, i: usize, width: usize, fill: f32) -> S::F {
    // SAFETY: by contract.
    unsafe {
        if width == LANES {
            s.load(p.add(i))
        } else {
            s.select(first(s, width), s.load_n(p.add(i), width), s.splat(fill))
        }
    }
}

/// # Safety
/// `p` is writable for lanes `i..i + width`.
#[inline(always)]
unsafe fn put<S: Lanes>(s: S, p: *mut f32, i: usize, width: usize, x: S::F) {
    // SAFETY: by contract.
    unsafe {
        if width == LANES {
            s.store(p.add(i), x);
        } else {
            s.store_n(p.add(i), x, width);
        }
    }
}

/// Sums of `K` values of every position of a row: `f(i, width)`, whose lanes beyond `width` are zero.
#[inline(always)]
fn sums<S: Lanes, const K: usize>(s: S, n: usize, mut f: impl FnMut(usize, usize) -> [S::F; K]) -> [f32; K] {
    let mut total = [s.splat(0.0); K];
    let mut i = 0;
    while i < n {
        let end = (i + BLOCK * LANES).min(n);
        let mut block = [s.splat(0.0); K];
        while i < end {
            let x = f(i, (end - i).min(LANES));
            (0..K).for_each(
                #[inline(always)]
                |k| block[k] = s.add(block[k], x[k]),
            );
            i += LANES;
        }
        (0..K).for_each(
            #[inline(always)]
            |k| total[k] = s.add(total[k], block[k]),
        );
    }
    total.map(
        #[inline(always)]
        |x| s.hsum(x),
    )
}

/// The largest element of a row.
///
/// # Safety
/// `p` is readable for `n` elements.
#[inline(always)]
unsafe fn largest<S: Lanes>(s: S, p: *const f32, n: usize) -> f32 {
    let mut m = [s.splat(f32::NEG_INFINITY); 4];
    let mut i = 0;
    // SAFETY: by contract.
    unsafe {
        while i + 4 * LANES <= n {
            for (k, m) in m.iter_mut().enumerate() {
                *m = s.max(s.load(p.add(i + k * LANES)), *m);
            }
            i += 4 * LANES;
        }
        while i < n {
            m[0] = s.max(get(s, p, i, (n - i).min(LANES), f32::NEG_INFINITY), m[0]);
            i += LANES;
        }
    }
    s.hmax(s.max(s.max(m[0], m[1]), s.max(m[2], m[3])))
}

/// Calls `f(i, width)` over a row.
#[inline(always)]
fn over(n: usize, mut f: impl FnMut(usize, usize)) {
    let mut i = 0;
    while i < n {
        f(i, (n - i).min(LANES));
        i += LANES;
    }
}

/// The natural logarithm of one number, by the vector function.
#[inline(always)]
fn log_one<S: Lanes>(s: S, x: f32) -> f32 {
    s.to_array(crate::vmath::log(s, s.splat(x)))[0]
}

/// Number of rows of `n` in `len` elements.
fn rows_of(what: &str, len: usize, n: usize) -> Result<usize> {
    match (len.checked_rem(n), n) {
        (Some(0), _) => Ok(len / n),
        (None, _) if len == 0 => Ok(0),
        _ => Err(Error::new(Code::ShapeMismatch, format!("{what}: {len} elements are not rows of {n}"))),
    }
}

/// Checks the length of a slice.
fn expect(what: &str, name: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let message = format!("{what}: {name}: expected {expected} elements, found {found}");
    Err(Error::new(Code::ShapeMismatch, message))
}
