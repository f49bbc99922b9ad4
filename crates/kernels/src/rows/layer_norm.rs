//! Layer normalisation and its gradients.

use super::{CHUNK, Ptr, Row, expect, for_rows, get, input, over, put, rows_of, sums};
use crate::isa::Isa;
use crate::lanes::{Lanes, Task, dispatch};
use crate::shared::{Shared, for_each_task};
use cornet_error::Result;

/// What layer normalisation takes beside its input.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm<'a> {
    /// Added to the variance.
    pub epsilon: f32,
    /// Scale of each column.
    pub gamma: Option<&'a [f32]>,
    /// Offset of each column.
    pub beta: Option<&'a [f32]>,
}

/// Means and reciprocal standard deviations of the rows, which the gradient needs.
#[derive(Clone, Copy, Debug)]
pub struct Moments<'a> {
    /// Mean of each row.
    pub mean: &'a [f32],
    /// `1 / sqrt(variance + epsilon)` of each row.
    pub rstd: &'a [f32],
}

struct Forward<'a> {
    x: Ptr<f32>,
    y: Ptr<f32>,
    mean: Ptr<f32>,
    rstd: Ptr<f32>,
    norm: LayerNorm<'a>,
    n: usize,
}

impl Row for Forward<'_> {
    #[inline(always)]
    unsafe fn row<S: Lanes>(&self, s: S, r: usize) {
        // SAFETY: row r lies within the arrays; x may be y, read before written; parameters have n elements.
        unsafe {
            let (x, y, n) = (self.x.at(r * self.n), self.y.at(r * self.n), self.n);
            let [sum] = sums(
                s,
                n,
                #[inline(always)]
                |i, w| [get(s, x, i, w, 0.0)],
            );
            let mean = sum / n as f32;
            let center = s.splat(mean);
            let [squares] = sums(
                s,
                n,
                #[inline(always)]
                |i, w| {
                    let d = s.sub(get(s, x, i, w, mean), center);
                    [s.mul(d, d)]
                },
            );
            let rstd = 1.0 / (squares / n as f32 + self.norm.epsilon).sqrt();
            (*self.mean.at(r), *self.rstd.at(r)) = (mean, rstd);
            let scale = s.splat(rstd);
            over(
                n,
                #[inline(always)]
                |i, w| {
                    let mut v = s.mul(s.sub(get(s, x, i, w, 0.0), center), scale);
                    if let Some(gamma) = self.norm.gamma {
                        v = s.mul(v, get(s, gamma.as_ptr(), i, w, 0.0));
                    }
                    if let Some(beta) = self.norm.beta {
                        v = s.add(v, get(s, beta.as_ptr(), i, w, 0.0));
                    }
                    put(s, y, i, w, v);
                },
            );
        }
    }
}

/// `y = (x - mean) / sqrt(variance + epsilon) gamma + beta` over each row of `n`; writes the rows' means and reciprocal
/// standard deviations.
///
/// # Errors
/// `shape_mismatch` when a length does not fit.
pub fn layer_norm(
    norm: &LayerNorm<'_>,
    x: Option<&[f32]>,
    y: &mut [f32],
    n: usize,
    mean: &mut [f32],
    rstd: &mut [f32],
) -> Result<()> {
    layer_norm_with(Isa::detect(), norm, x, y, n, mean, rstd)
}

pub(super) fn layer_norm_with(
    isa: Isa,
    norm: &LayerNorm<'_>,
    x: Option<&[f32]>,
    y: &mut [f32],
    n: usize,
    mean: &mut [f32],
    rstd: &mut [f32],
) -> Result<()> {
    let what = "layer_norm";
    let rows = rows_of(what, y.len(), n)?;
    expect(what, "input", x.map_or(y.len(), <[f32]>::len), y.len())?;
    expect(what, "mean", mean.len(), rows)?;
    expect(what, "rstd", rstd.len(), rows)?;
    expect(what, "gamma", norm.gamma.map_or(n, <[f32]>::len), n)?;
    expect(what, "beta", norm.beta.map_or(n, <[f32]>::len), n)?;
    let (mean, rstd) = (Ptr::of_mut(mean), Ptr::of_mut(rstd));
    for_rows(isa, rows, n, &Forward { x: input(x, y), y: Ptr::of_mut(y), mean, rstd, norm: *norm, n });
    Ok(())
}

struct Backward<'a> {
    x: &'a [f32],
    moments: Moments<'a>,
    gamma: Option<&'a [f32]>,
    dy: Ptr<f32>,
    dx: Ptr<f32>,
    n: usize,
}

impl Backward<'_> {
    /// `dy gamma` and the normalised input at positions `i..i + w` of row `r`.
    ///
    /// # Safety
    /// They lie within the arrays.
    #[inline(always)]
    unsafe fn pair<S: Lanes>(&self, s: S, r: usize, i: usize, w: usize) -> (S::F, S::F) {
        let (mean, rstd) = (s.splat(self.moments.mean[r]), s.splat(self.moments.rstd[r]));
        // SAFETY: by contract.
        unsafe {
            let mut g = get(s, self.dy.at(r * self.n), i, w, 0.0);
            if let Some(gamma) = self.gamma {
                g = s.mul(g, get(s, gamma.as_ptr(), i, w, 0.0));
            }
            (g, s.mul(s.sub(get(s, self.x.as_ptr().add(r * self.n), i, w, 0.0), mean), rstd))
        }
    }
}

impl Row for Backward<'_> {
    #[inline(always)]
    unsafe fn row<S: Lanes>(&self, s: S, r: usize) {
        // SAFETY: row r lies within the arrays; dx may be dy, read before written; gamma has n elements.
        unsafe {
            let n = self.n;
            let dx = self.dx.at(r * n);
            let rstd = s.splat(self.moments.rstd[r]);
            let [a, b] = sums(
                s,
                n,
                #[inline(always)]
                |i, w| {
                    let (g, normal) = self.pair(s, r, i, w);
                    [g, s.mul(g, normal)]
                },
            );
            let (a, b) = (s.splat(a / n as f32), s.splat(b / n as f32));
            over(
                n,
                #[inline(always)]
                |i, w| {
                    let (g, normal) = self.pair(s, r, i, w);
                    put(s, dx, i, w, s.mul(rstd, s.fnma(normal, b, s.sub(g, a))));
                },
            );
        }
    }
}

/// Gradient of [`layer_norm`] by its input: with `g = dy gamma` and `h = (x - mean) rstd`,
/// `dx = rstd (g - mean of g - h mean of (g h))`.
///
/// # Errors
/// `shape_mismatch` when a length does not fit.
pub fn layer_norm_grad(
    x: &[f32],
    moments: &Moments<'_>,
    gamma: Option<&[f32]>,
    dy: Option<&[f32]>,
    dx: &mut [f32],
    n: usize,
) -> Result<()> {
    let what = "layer_norm_grad";
    let rows = rows_of(what, dx.len(), n)?;
    expect(what, "input", x.len(), dx.len())?;
    expect(what, "upstream gradient", dy.map_or(dx.len(), <[f32]>::len), dx.len())?;
    expect(what, "mean", moments.mean.len(), rows)?;
    expect(what, "rstd", moments.rstd.len(), rows)?;
    expect(what, "gamma", gamma.map_or(n, <[f32]>::len), n)?;
    let row = Backward { x, moments: *moments, gamma, dy: input(dy, dx), dx: Ptr::of_mut(dx), n };
    for_rows(Isa::detect(), rows, n, &row);
    Ok(())
}

/// Most parts that the rows are cut into.
const MAX_PARTS: usize = 32;

struct Parameters<'a> {
    x: &'a [f32],
    moments: Moments<'a>,
    dy: &'a [f32],
    dgamma: &'a mut [f32],
    dbeta: &'a mut [f32],
}

impl Task for Parameters<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, s: S) {
        let n = self.dgamma.len();
        self.dgamma.fill(0.0);
        self.dbeta.fill(0.0);
        let (dgamma, dbeta) = (self.dgamma.as_mut_ptr(), self.dbeta.as_mut_ptr());
        for (r, (x, dy)) in self.x.chunks_exact(n).zip(self.dy.chunks_exact(n)).enumerate() {
            let (mean, rstd) = (s.splat(self.moments.mean[r]), s.splat(self.moments.rstd[r]));
            // SAFETY: x, dy, dgamma and dbeta have n elements.
            over(
                n,
                #[inline(always)]
                |i, w| unsafe {
                    let g = get(s, dy.as_ptr(), i, w, 0.0);
                    let normal = s.mul(s.sub(get(s, x.as_ptr(), i, w, 0.0), mean), rstd);
                    put(s, dgamma, i, w, s.fma(g, normal, get(s, dgamma, i, w, 0.0)));
                    put(s, dbeta, i, w, s.add(g, get(s, dbeta, i, w, 0.0)));
                },
            );
        }
    }
}

/// Gradients of [`layer_norm`] by its parameters: `dgamma = sum over rows of dy (x - mean) rstd` and
/// `dbeta = sum over rows of dy`. `scratch` is grown as needed and may be kept from call to call.
///
/// # Errors
/// `shape_mismatch` when a length does not fit.
pub fn layer_norm_parameter_grads(
    x: &[f32],
    moments: &Moments<'_>,
    dy: &[f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
    scratch: &mut Vec<f32>,
) -> Result<()> {
    let what = "layer_norm_parameter_grads";
    let n = dgamma.len();
    let rows = rows_of(what, x.len(), n)?;
    expect(what, "upstream gradient", dy.len(), x.len())?;
    expect(what, "mean", moments.mean.len(), rows)?;
    expect(what, "rstd", moments.rstd.len(), rows)?;
    expect(what, "dbeta", dbeta.len(), n)?;
    let each = (CHUNK / n.max(1)).max(8).max(rows.div_ceil(MAX_PARTS));
    let parts = rows.div_ceil(each).max(1);
    scratch.clear();
    scratch.resize(parts * 2 * n, 0.0);
    let shared = Shared::new(scratch);
    let isa = Isa::detect();
    for_each_task(if n == 0 { 0 } else { parts }, &|part| {
        let (start, end) = ((part * each).min(rows), ((part + 1) * each).min(rows));
        // SAFETY: parts are disjoint.
        let (dgamma, dbeta) = unsafe { shared.part(part * 2 * n, (part + 1) * 2 * n) }.split_at_mut(n);
        let moments = Moments { mean: &moments.mean[start..end], rstd: &moments.rstd[start..end] };
        let (x, dy) = (&x[start * n..end * n], &dy[start * n..end * n]);
        dispatch(isa, Parameters { x, moments, dy, dgamma, dbeta });
    });
    dgamma.fill(0.0);
    dbeta.fill(0.0);
    for part in scratch.chunks_exact(2 * n.max(1)) {
        dgamma.iter_mut().zip(&part[..n]).for_each(|(to, from)| *to += from);
        dbeta.iter_mut().zip(&part[n..]).for_each(|(to, from)| *to += from);
    }
    Ok(())
}
