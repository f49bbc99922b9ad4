//! Softmax, its logarithm, and their gradients.

use super::{Ptr, Row, expect, for_rows, get, input, largest, log_one, over, put, rows_of, sums};
use crate::isa::Isa;
use crate::lanes::{LANES, Lanes};
use crate::vmath::exp;
use cornet_error::Result;

struct Softmax {
    x: Ptr<f32>,
    y: Ptr<f32>,
    n: usize,
    log: bool,
}

impl Row for Softmax {
    #[inline(always)]
    unsafe fn row<S: Lanes>(&self, s: S, r: usize) {
        // SAFETY: row r lies within both arrays; where they are one, each position is read before it is written.
        unsafe {
            let (x, y, n) = (self.x.at(r * self.n), self.y.at(r * self.n), self.n);
            let m = s.splat(largest(s, x, n));
            // A last part of a vector stays in a register: reading back what a masked store wrote would stall.
            let (whole, mut tail) = (n / LANES * LANES, s.splat(0.0));
            let [sum] = sums(
                s,
                n,
                #[inline(always)]
                |i, w| {
                    let e = exp(s, s.sub(get(s, x, i, w, f32::NEG_INFINITY), m));
                    if w < LANES {
                        tail = e;
                    } else if !self.log {
                        s.store(y.add(i), e);
                    }
                    [e]
                },
            );
            if self.log {
                let shift = s.splat(log_one(s, sum));
                over(
                    n,
                    #[inline(always)]
                    |i, w| put(s, y, i, w, s.sub(s.sub(get(s, x, i, w, 0.0), m), shift)),
                );
            } else {
                let scale = s.splat(1.0 / sum);
                for i in (0..whole).step_by(LANES) {
                    s.store(y.add(i), s.mul(s.load(y.add(i)), scale));
                }
                if whole < n {
                    s.store_n(y.add(whole), s.mul(tail, scale), n - whole);
                }
            }
        }
    }
}

pub(super) fn softmax_with(isa: Isa, log: bool, x: Option<&[f32]>, y: &mut [f32], n: usize) -> Result<()> {
    let what = if log { "log_softmax" } else { "softmax" };
    let rows = rows_of(what, y.len(), n)?;
    expect(what, "input", x.map_or(y.len(), <[f32]>::len), y.len())?;
    for_rows(isa, rows, n, &Softmax { x: input(x, y), y: Ptr::of_mut(y), n, log });
    Ok(())
}

/// `y = e^(x - max x) / sum e^(x - max x)` over each row of `n`.
///
/// # Errors
/// `shape_mismatch` when a length does not fit.
pub fn softmax(x: Option<&[f32]>, y: &mut [f32], n: usize) -> Result<()> {
    softmax_with(Isa::detect(), false, x, y, n)
}

/// `y = x - max x - ln sum e^(x - max x)` over each row of `n`.
///
/// # Errors
/// `shape_mismatch` when a length does not fit.
pub fn log_softmax(x: Option<&[f32]>, y: &mut [f32], n: usize) -> Result<()> {
    softmax_with(Isa::detect(), true, x, y, n)
}

struct Logsumexp {
    x: Ptr<f32>,
    y: Ptr<f32>,
    n: usize,
}

/// The largest element and the logarithm of the sum of `e^(x - largest)`.
///
/// # Safety
/// `x` is readable for `n` elements.
#[inline(always)]
pub(super) unsafe fn log_sum<S: Lanes>(s: S, x: *const f32, n: usize) -> (f32, f32) {
    // SAFETY: by contract.
    unsafe {
        let m = largest(s, x, n);
        let shift = s.splat(m);
        let [sum] = sums(
            s,
            n,
            #[inline(always)]
            |i, w| [exp(s, s.sub(get(s, x, i, w, f32::NEG_INFINITY), shift))],
        );
        (m, log_one(s, sum))
    }
}

impl Row for Logsumexp {
    #[inline(always)]
    unsafe fn row<S: Lanes>(&self, s: S, r: usize) {
        // SAFETY: row r lies within the arrays.
        unsafe {
            let (m, log) = log_sum(s, self.x.at(r * self.n), self.n);
            // An infinite maximum is the result: infinity, or minus infinity where all are.
            *self.y.at(r) = if m.is_infinite() { m } else { m + log };
        }
    }
}

/// `y[r] = ln sum e^x` over each row of `n`; minus infinity of empty rows.
///
/// # Errors
/// `shape_mismatch` when a length does not fit.
pub fn logsumexp(x: &[f32], y: &mut [f32], n: usize) -> Result<()> {
    expect("logsumexp", "input", x.len(), y.len().saturating_mul(n))?;
    for_rows(Isa::detect(), y.len(), n, &Logsumexp { x: Ptr::of(x), y: Ptr::of_mut(y), n });
    Ok(())
}

struct Grad {
    y: Ptr<f32>,
    dy: Ptr<f32>,
    dx: Ptr<f32>,
    n: usize,
    log: bool,
}

impl Row for Grad {
    #[inline(always)]
    unsafe fn row<S: Lanes>(&self, s: S, r: usize) {
        // SAFETY: row r lies within the arrays; dx may be dy, read before written.
        unsafe {
            let at = r * self.n;
            let (y, dy, dx, n) = (self.y.at(at), self.dy.at(at), self.dx.at(at), self.n);
            let [sum] = sums(
                s,
                n,
                #[inline(always)]
                |i, w| {
                    let g = get(s, dy, i, w, 0.0);
                    [if self.log { g } else { s.mul(g, get(s, y, i, w, 0.0)) }]
                },
            );
            let sum = s.splat(sum);
            over(
                n,
                #[inline(always)]
                |i, w| {
                    let (g, y) = (get(s, dy, i, w, 0.0), get(s, y, i, w, 0.0));
                    let d = if self.log { s.fnma(exp(s, y), sum, g) } else { s.mul(y, s.sub(g, sum)) };
                    put(s, dx, i, w, d);
                },
            );
        }
    }
}

fn grad(isa: Isa, log: bool, y: &[f32], dy: Option<&[f32]>, dx: &mut [f32], n: usize) -> Result<()> {
    let what = if log { "log_softmax_grad" } else { "softmax_grad" };
    let rows = rows_of(what, dx.len(), n)?;
    expect(what, "output of the forward pass", y.len(), dx.len())?;
    expect(what, "upstream gradient", dy.map_or(dx.len(), <[f32]>::len), dx.len())?;
    for_rows(isa, rows, n, &Grad { y: Ptr::of(y), dy: input(dy, dx), dx: Ptr::of_mut(dx), n, log });
    Ok(())
}

/// Gradient of [`softmax`]: `dx = y (dy - sum y dy)`, where `y` is its output.
///
/// # Errors
/// `shape_mismatch` when a length does not fit.
pub fn softmax_grad(y: &[f32], dy: Option<&[f32]>, dx: &mut [f32], n: usize) -> Result<()> {
    grad(Isa::detect(), false, y, dy, dx, n)
}

/// Gradient of [`log_softmax`]: `dx = dy - e^y sum dy`, where `y` is its output.
///
/// # Errors
/// `shape_mismatch` when a length does not fit.
pub fn log_softmax_grad(y: &[f32], dy: Option<&[f32]>, dx: &mut [f32], n: usize) -> Result<()> {
    grad(Isa::detect(), true, y, dy, dx, n)
}
