//! Cholesky, LU and QR factors, and triangular systems.

use super::{Matrix, dot};

/// The lower triangle L with L·Lᵀ = a; `None` unless a is positive definite. Reads the lower triangle.
pub(crate) fn cholesky(a: &Matrix) -> Option<Matrix> {
    let n = a.rows;
    let mut l = Matrix::zeros(n, n);
    for i in 0..n {
        for j in 0..=i {
            let rest = a[(i, j)] - dot(&l.row(i)[..j], &l.row(j)[..j]);
            if i == j {
                if rest <= 0.0 || !rest.is_finite() {
                    return None;
                }
                l[(i, i)] = rest.sqrt();
            } else {
                l[(i, j)] = rest / l[(j, j)];
            }
        }
    }
    Some(l)
}

/// P·a = L·U with partial pivoting.
pub(crate) struct Lu {
    /// L below the diagonal (its own diagonal is 1) and U on and above it.
    pub packed: Matrix,
    /// Row i was exchanged with row `pivots[i]`, in this order.
    pub pivots: Vec<usize>,
    /// Row i of P·a is row `permutation[i]` of a.
    pub permutation: Vec<usize>,
}

pub(crate) fn lu(a: &Matrix) -> Lu {
    let (mut packed, k) = (a.clone(), a.rows.min(a.columns));
    let (mut pivots, mut permutation) = (Vec::with_capacity(k), (0..a.rows).collect::<Vec<_>>());
    for j in 0..k {
        let mut pivot = j;
        for i in j + 1..a.rows {
            if packed[(i, j)].abs() > packed[(pivot, j)].abs() {
                pivot = i;
            }
        }
        pivots.push(pivot);
        if pivot != j {
            permutation.swap(j, pivot);
            let (x, y) = packed.rows_mut(j, pivot);
            x.swap_with_slice(y);
        }
        if packed[(j, j)] == 0.0 {
            continue;
        }
        for i in j + 1..a.rows {
            let (row, top) = packed.rows_mut(i, j);
            let factor = row[j] / top[j];
            row[j] = factor;
            row[j + 1..].iter_mut().zip(&top[j + 1..]).for_each(|(x, t)| *x -= factor * t);
        }
    }
    Lu { packed, pivots, permutation }
}

impl Lu {
    /// The sign that the exchanges of rows give the determinant.
    pub fn parity(&self) -> f64 {
        if self.pivots.iter().enumerate().filter(|&(i, &p)| i != p).count() % 2 == 0 { 1.0 } else { -1.0 }
    }

    /// x with a·x = b.
    pub fn solve(&self, b: &Matrix) -> Matrix {
        let mut x = Matrix::zeros(b.rows, b.columns);
        for (i, &p) in self.permutation.iter().enumerate() {
            x.data[i * b.columns..(i + 1) * b.columns].copy_from_slice(b.row(p));
        }
        solve_triangular(&self.packed, &mut x, &Triangle { lower: true, transposed: false, unit: true });
        solve_triangular(&self.packed, &mut x, &Triangle { lower: false, transposed: false, unit: false });
        x
    }
}

/// Which triangle of a matrix a system is about.
pub(crate) struct Triangle {
    /// The lower one, or the upper one.
    pub lower: bool,
    /// Its transpose stands in the system.
    pub transposed: bool,
    /// Its diagonal counts as 1.
    pub unit: bool,
}

/// Replaces b by x with t·x = b, where t is a triangle of a.
pub(crate) fn solve_triangular(a: &Matrix, b: &mut Matrix, t: &Triangle) {
    let n = a.rows;
    let at = |i: usize, j: usize| if t.transposed { a[(j, i)] } else { a[(i, j)] };
    let forwards = t.lower != t.transposed;
    for step in 0..n {
        let i = if forwards { step } else { n - 1 - step };
        let known = if forwards { 0..i } else { i + 1..n };
        for j in known {
            let factor = at(i, j);
            let (row, x) = b.rows_mut(i, j);
            row.iter_mut().zip(x.iter()).for_each(|(r, x)| *r -= factor * x);
        }
        if !t.unit {
            let d = at(i, i);
            b.data[i * b.columns..(i + 1) * b.columns].iter_mut().for_each(|r| *r /= d);
        }
    }
}

/// Q and R with a = Q·R by Householder's reflections, signed as LAPACK signs them: Q is rows × k and R k × columns,
/// where k is the number of rows if `full`, or else the smaller size.
pub(crate) fn qr(a: &Matrix, full: bool) -> (Matrix, Matrix) {
    let (m, n) = (a.rows, a.columns);
    let steps = m.min(n);
    // Columns as rows, so that a reflection runs over contiguous memory.
    let mut r = a.transposed();
    let mut reflections: Vec<(Vec<f64>, f64)> = Vec::with_capacity(steps);
    for j in 0..steps {
        let column = &r.row(j)[j..];
        let (alpha, rest) = (column[0], dot(&column[1..], &column[1..]));
        if rest == 0.0 {
            reflections.push((vec![0.0; m - j], 0.0));
            continue;
        }
        let beta = -alpha.signum() * alpha.hypot(rest.sqrt());
        let mut v: Vec<f64> = column.iter().map(|x| x / (alpha - beta)).collect();
        v[0] = 1.0;
        let tau = (beta - alpha) / beta;
        for c in j..n {
            reflect(&v, tau, &mut r.data[c * m + j..(c + 1) * m]);
        }
        reflections.push((v, tau));
    }
    let k = if full { m } else { steps };
    let mut q = Matrix::identity(m);
    for (j, (v, tau)) in reflections.iter().enumerate().rev() {
        for c in j..k {
            reflect(v, *tau, &mut q.data[c * m + j..(c + 1) * m]);
        }
    }
    q.rows = k;
    q.data.truncate(k * m);
    let mut upper = Matrix::zeros(k, n);
    for i in 0..k {
        for j in i..n {
            upper[(i, j)] = r[(j, i)];
        }
    }
    (q.transposed(), upper)
}

/// x - tau · v · (vᵀ·x).
fn reflect(v: &[f64], tau: f64, x: &mut [f64]) {
    let along = tau * dot(v, x);
    x.iter_mut().zip(v).for_each(|(x, v)| *x -= along * v);
}
