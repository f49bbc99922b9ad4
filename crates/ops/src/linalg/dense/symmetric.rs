//! Eigenvalues and eigenvectors of a symmetric matrix: Householder's tridiagonal form, then QL steps with implicit
//! shifts (Golub and Van Loan, Matrix Computations, 8.3).

use super::{Matrix, dot, wants_flip};

/// Most steps an eigenvalue may take; ten are plenty.
const STEPS: usize = 100;

/// Eigenvalues in ascending order, and eigenvectors as columns; `None` if a NaN or infinity keeps it from converging.
pub(crate) fn eigh(a: &Matrix) -> Option<(Vec<f64>, Matrix)> {
    let n = a.rows;
    if a.data.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let (mut diagonal, mut off, mut vectors) = tridiagonal(a);
    for l in 0..n {
        let mut steps = 0;
        loop {
            let small = |i: usize| off[i].abs() <= f64::EPSILON * (diagonal[i].abs() + diagonal[i + 1].abs());
            let m = (l..n - 1).find(|&i| small(i)).unwrap_or(n - 1);
            if m == l {
                break;
            }
            steps += 1;
            if steps > STEPS {
                return None;
            }
            ql_step(&mut diagonal, &mut off, &mut vectors, l, m);
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| diagonal[i].total_cmp(&diagonal[j]));
    let mut sorted = Matrix::zeros(n, n);
    for (to, &from) in order.iter().enumerate() {
        let v = vectors.row(from);
        let sign = if wants_flip(v.iter().copied()) { -1.0 } else { 1.0 };
        (0..n).for_each(|i| sorted[(i, to)] = sign * v[i]);
    }
    Some((order.iter().map(|&i| diagonal[i]).collect(), sorted))
}

/// Diagonal, off-diagonal, and the rows whose combinations are the eigenvectors: a = Vᵀ·T·V.
fn tridiagonal(a: &Matrix) -> (Vec<f64>, Vec<f64>, Matrix) {
    let n = a.rows;
    let mut t = a.clone();
    let mut q = Matrix::identity(n);
    for k in 0..n.saturating_sub(2) {
        let tail: Vec<f64> = t.row(k)[k + 1..].to_vec();
        let rest = dot(&tail[1..], &tail[1..]);
        if rest == 0.0 {
            continue;
        }
        let beta = -tail[0].signum() * tail[0].hypot(rest.sqrt());
        let mut v = tail;
        v[0] -= beta;
        let scale = 2.0 / dot(&v, &v);
        // t becomes H·t·H with H = 1 - scale · v·vᵀ on the last axes: t - v·wᵀ - w·vᵀ.
        let p: Vec<f64> = (0..v.len()).map(|i| scale * dot(&t.row(k + 1 + i)[k + 1..], &v)).collect();
        let half = 0.5 * scale * dot(&p, &v);
        let w: Vec<f64> = p.iter().zip(&v).map(|(p, v)| p - half * v).collect();
        for i in 0..v.len() {
            for j in 0..v.len() {
                t[(k + 1 + i, k + 1 + j)] -= v[i] * w[j] + w[i] * v[j];
            }
        }
        t[(k, k + 1)] = beta;
        t[(k + 1, k)] = beta;
        // q becomes H·q.
        let mut along = vec![0.0; n];
        for (i, v) in v.iter().enumerate() {
            along.iter_mut().zip(q.row(k + 1 + i)).for_each(|(s, q)| *s += v * q);
        }
        for (i, v) in v.iter().enumerate() {
            let row = &mut q.data[(k + 1 + i) * n..(k + 2 + i) * n];
            row.iter_mut().zip(&along).for_each(|(q, s)| *q -= scale * v * s);
        }
    }
    let diagonal = (0..n).map(|i| t[(i, i)]).collect();
    let off = (0..n).map(|i| if i + 1 < n { t[(i, i + 1)] } else { 0.0 }).collect();
    (diagonal, off, q)
}

/// One QL step on rows l to m.
fn ql_step(d: &mut [f64], e: &mut [f64], vectors: &mut Matrix, l: usize, m: usize) {
    // Wilkinson's shift.
    let g = (d[l + 1] - d[l]) / (2.0 * e[l]);
    let r = g.hypot(1.0);
    let mut g = d[m] - d[l] + e[l] / (g + r.copysign(g));
    let (mut s, mut c, mut p) = (1.0_f64, 1.0_f64, 0.0_f64);
    for i in (l..m).rev() {
        let (f, b) = (s * e[i], c * e[i]);
        let r = f.hypot(g);
        e[i + 1] = r;
        if r == 0.0 {
            // The matrix splits here.
            d[i + 1] -= p;
            e[m] = 0.0;
            return;
        }
        s = f / r;
        c = g / r;
        let g_next = d[i + 1] - p;
        let r = (d[i] - g_next) * s + 2.0 * c * b;
        p = s * r;
        d[i + 1] = g_next + p;
        g = c * r - b;
        let (low, high) = vectors.rows_mut(i, i + 1);
        for (x, y) in low.iter_mut().zip(high) {
            let (a, b) = (*x, *y);
            *y = s * a + c * b;
            *x = c * a - s * b;
        }
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0.0;
}
