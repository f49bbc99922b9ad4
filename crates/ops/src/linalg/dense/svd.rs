//! Singular values and vectors by one-sided Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.6.3), which
//! find small singular values to full relative accuracy.

use super::factor::qr;
use super::{Matrix, dot, wants_flip};

/// Most sweeps over all pairs of columns; ten are plenty.
const SWEEPS: usize = 60;

/// U, singular values in descending order, and Vᵀ, with a = U·diag(s)·Vᵀ. With `full`, U and V are square; otherwise
/// they have as many columns as there are singular values. `None` if a NaN or infinity keeps it from converging.
pub(crate) fn svd(a: &Matrix, full: bool) -> Option<(Matrix, Vec<f64>, Matrix)> {
    if a.rows < a.columns {
        let (u, s, vt) = svd(&a.transposed(), full)?;
        return Some((vt.transposed(), s, u.transposed()));
    }
    if a.data.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let (m, n) = (a.rows, a.columns);
    // Rows of `w` are the columns of a·V; rows of `v` those of V.
    let (mut w, mut v) = (a.transposed(), Matrix::identity(n));
    let converged = (0..SWEEPS).any(|_| !sweep(&mut w, &mut v));
    if !converged {
        return None;
    }
    let norms: Vec<f64> = (0..n).map(|j| dot(w.row(j), w.row(j)).sqrt()).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| norms[j].total_cmp(&norms[i]));
    let s: Vec<f64> = order.iter().map(|&j| norms[j]).collect();
    let mut u = Matrix::zeros(m, n);
    let mut vt = Matrix::zeros(n, n);
    let tiny = s.first().map_or(0.0, |top| top * f64::EPSILON * m as f64 * 1e-3);
    for (to, &from) in order.iter().enumerate() {
        let sign = if wants_flip(w.row(from).iter().copied()) { -1.0 } else { 1.0 };
        vt.data[to * n..(to + 1) * n].iter_mut().zip(v.row(from)).for_each(|(x, v)| *x = sign * v);
        if s[to] > tiny {
            (0..m).for_each(|i| u[(i, to)] = sign * w[(from, i)] / s[to]);
        }
    }
    let rank = s.iter().filter(|&&s| s > tiny).count();
    let columns = if full { m } else { n };
    Some((completed(&u, rank, columns), s, vt))
}

/// Rotates every pair of rows of `w` until they are orthogonal; false if all were.
fn sweep(w: &mut Matrix, v: &mut Matrix) -> bool {
    let mut rotated = false;
    for i in 0..w.rows {
        for j in i + 1..w.rows {
            let (x, y) = w.rows_mut(i, j);
            let (alpha, beta, gamma) = (dot(x, x), dot(y, y), dot(x, y));
            if gamma == 0.0 || gamma.abs() <= f64::EPSILON * (alpha * beta).sqrt() {
                continue;
            }
            rotated = true;
            let zeta = (beta - alpha) / (2.0 * gamma);
            let t = 1.0_f64.copysign(zeta) / (zeta.abs() + zeta.hypot(1.0));
            let c = 1.0 / t.hypot(1.0);
            rotate(x, y, c, c * t);
            let (x, y) = v.rows_mut(i, j);
            rotate(x, y, c, c * t);
        }
    }
    rotated
}

fn rotate(x: &mut [f64], y: &mut [f64], c: f64, s: f64) {
    for (x, y) in x.iter_mut().zip(y) {
        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    }
}

/// The first `rank` columns of u, orthonormal, with more added up to `columns`.
fn completed(u: &Matrix, rank: usize, columns: usize) -> Matrix {
    let m = u.rows;
    if rank == columns {
        return u.clone();
    }
    let mut head = Matrix::zeros(m, rank);
    for i in 0..m {
        head.data[i * rank..(i + 1) * rank].copy_from_slice(&u.row(i)[..rank]);
    }
    let (q, _) = qr(&head, true);
    let mut out = Matrix::zeros(m, columns);
    for i in 0..m {
        for j in 0..columns {
            out[(i, j)] = if j < rank { u[(i, j)] } else { q[(i, j)] };
        }
    }
    out
}
