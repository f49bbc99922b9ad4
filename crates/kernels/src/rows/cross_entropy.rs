//! Cross-entropy of a softmax, from logits.

use super::softmax::log_sum;
use super::{Ptr, Row, expect, for_rows, get, input, over, put, rows_of, sums};
use crate::isa::Isa;
use crate::lanes::Lanes;
use crate::vmath::exp;
use cornet_error::{Code, Error, Result};

/// Class numbers.
#[derive(Clone, Copy, Debug)]
pub enum Labels<'a> {
    /// 32-bit numbers.
    I32(&'a [i32]),
    /// 64-bit numbers.
    I64(&'a [i64]),
}

impl Labels<'_> {
    fn len(&self) -> usize {
        match self {
            Labels::I32(labels) => labels.len(),
            Labels::I64(labels) => labels.len(),
        }
    }
    #[inline(always)]
    fn get(&self, r: usize) -> i64 {
        match self {
            Labels::I32(labels) => i64::from(labels[r]),
            Labels::I64(labels) => labels[r],
        }
    }
}

/// What the logits should have predicted.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a> {
    /// A class of each row.
    Labels(Labels<'a>),
    /// A distribution (or any weights) over the classes of each row.
    Dense(&'a [f32]),
}

/// The upstream gradient of the losses.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// The same for every row, such as `1 / rows` of a mean.
    Same(f32),
    /// One per row.
    Each(&'a [f32]),
}

struct Loss<'a> {
    x: Ptr<f32>,
    targets: Targets<'a>,
    loss: Ptr<f32>,
    n: usize,
}

impl Row for Loss<'_> {
    #[inline(always)]
    unsafe fn row<S: Lanes>(&self, s: S, r: usize) {
        // SAFETY: row r lies within the arrays; labels are below n.
        unsafe {
            let x = self.x.at(r * self.n);
            let (m, log) = log_sum(s, x, self.n);
            *self.loss.at(r) = match self.targets {
                Targets::Labels(labels) => log - (*x.add(labels.get(r) as usize) - m),
                Targets::Dense(targets) => {
                    let t = targets.as_ptr().add(r * self.n);
                    let shift = s.splat(m);
                    let [weight, dot] = sums(
                        s,
                        self.n,
                        #[inline(always)]
                        |i, w| {
                            let t = get(s, t, i, w, 0.0);
                            // A class of weight zero counts nothing, even where its logit is minus infinity.
                            let none = s.eq(t, s.splat(0.0));
                            let product = s.mul(t, s.sub(get(s, x, i, w, m), shift));
                            [t, s.select(none, t, product)]
                        },
                    );
                    weight * log - dot
                }
            };
        }
    }
}

struct Grad<'a> {
    x: Ptr<f32>,
    targets: Targets<'a>,
    weights: Weights<'a>,
    dx: Ptr<f32>,
    n: usize,
}

/// `e^(x - m - log)` at positions `i..i + w`.
///
/// # Safety
/// `x` is readable there.
#[inline(always)]
unsafe fn softmax_at<S: Lanes>(s: S, x: *const f32, i: usize, w: usize, [m, log]: [S::F; 2]) -> S::F {
    // SAFETY: by contract.
    exp(s, s.sub(s.sub(unsafe { get(s, x, i, w, 0.0) }, m), log))
}

impl Row for Grad<'_> {
    #[inline(always)]
    unsafe fn row<S: Lanes>(&self, s: S, r: usize) {
        // SAFETY: row r lies within the arrays; dx may be x, read before written; labels are below n.
        unsafe {
            let (x, dx, n) = (self.x.at(r * self.n), self.dx.at(r * self.n), self.n);
            let upstream = match self.weights {
                Weights::Same(w) => w,
                Weights::Each(w) => w[r],
            };
            let (m, log) = log_sum(s, x, n);
            let (m, log, up) = (s.splat(m), s.splat(log), s.splat(upstream));
            match self.targets {
                Targets::Labels(labels) => {
                    let label = labels.get(r) as usize;
                    over(
                        n,
                        #[inline(always)]
                        |i, w| put(s, dx, i, w, s.mul(softmax_at(s, x, i, w, [m, log]), up)),
                    );
                    *dx.add(label) -= upstream;
                }
                Targets::Dense(targets) => {
                    let t = targets.as_ptr().add(r * n);
                    let [weight] = sums(
                        s,
                        n,
                        #[inline(always)]
                        |i, w| [get(s, t, i, w, 0.0)],
                    );
                    let weight = s.splat(weight);
                    over(
                        n,
                        #[inline(always)]
                        |i, w| {
                            let d = s.sub(s.mul(softmax_at(s, x, i, w, [m, log]), weight), get(s, t, i, w, 0.0));
                            put(s, dx, i, w, s.mul(d, up));
                        },
                    );
                }
            }
        }
    }
}

fn check(what: &str, targets: &Targets<'_>, rows: usize, n: usize) -> Result<()> {
    match targets {
        Targets::Dense(targets) => expect(what, "targets", targets.len(), rows * n),
        Targets::Labels(labels) => {
            expect(what, "labels", labels.len(), rows)?;
            let wrong = (0..rows).find(|&r| !(0..n as i64).contains(&labels.get(r)));
            wrong.map_or(Ok(()), |r| {
                let message =
                    format!("{what}: label of row {r}: expected 0 to {}, found {}", n as i64 - 1, labels.get(r));
                Err(Error::new(Code::OutOfRange, message).help("check the number of classes of the last layer"))
            })
        }
    }
}

/// `loss[r] = ln sum e^x - x[label]` of each row of `n` logits, or `sum of t (ln sum e^x - x)` with dense targets.
///
/// # Errors
/// `shape_mismatch` when a length does not fit; `out_of_range` for a label outside `0..n`.
pub fn cross_entropy(x: &[f32], targets: &Targets<'_>, loss: &mut [f32], n: usize) -> Result<()> {
    cross_entropy_with(Isa::detect(), x, targets, loss, n)
}

pub(super) fn cross_entropy_with(isa: Isa, x: &[f32], targets: &Targets<'_>, loss: &mut [f32], n: usize) -> Result<()> {
    let what = "cross_entropy";
    let rows = rows_of(what, x.len(), n)?;
    expect(what, "loss", loss.len(), rows)?;
    check(what, targets, rows, n)?;
    for_rows(isa, rows, n, &Loss { x: Ptr::of(x), targets: *targets, loss: Ptr::of_mut(loss), n });
    Ok(())
}

/// Gradient of [`cross_entropy`] by the logits: `dx = (softmax(x) - onehot(label)) dloss`, or with dense targets
/// `(softmax(x) sum t - t) dloss`.
///
/// # Errors
/// `shape_mismatch` when a length does not fit; `out_of_range` for a label outside `0..n`.
pub fn cross_entropy_grad(
    x: Option<&[f32]>,
    targets: &Targets<'_>,
    dloss: &Weights<'_>,
    dx: &mut [f32],
    n: usize,
) -> Result<()> {
    let what = "cross_entropy_grad";
    let rows = rows_of(what, dx.len(), n)?;
    expect(what, "logits", x.map_or(dx.len(), <[f32]>::len), dx.len())?;
    if let Weights::Each(weights) = dloss {
        expect(what, "upstream gradient", weights.len(), rows)?;
    }
    check(what, targets, rows, n)?;
    let row = Grad { x: input(x, dx), targets: *targets, weights: *dloss, dx: Ptr::of_mut(dx), n };
    for_rows(Isa::detect(), rows, n, &row);
    Ok(())
}
