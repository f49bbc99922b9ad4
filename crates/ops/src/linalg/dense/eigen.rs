//! Eigenvalues and eigenvectors of any square matrix: Hessenberg form, then shifted QR steps to the complex Schur form
//! (Golub and Van Loan, Matrix Computations, 7.4 to 7.6).

use num_complex::Complex64;

use super::Matrix;

/// Most QR steps an eigenvalue may take.
const STEPS: usize = 300;

/// A complex matrix in row-major order.
struct Square {
    n: usize,
    data: Vec<Complex64>,
}

impl Square {
    fn at(&self, i: usize, j: usize) -> Complex64 {
        self.data[i * self.n + j]
    }

    fn at_mut(&mut self, i: usize, j: usize) -> &mut Complex64 {
        &mut self.data[i * self.n + j]
    }
}

/// Eigenvalues in the order in which they are found, and eigenvectors of length 1 as columns of a row-major matrix,
/// their greatest element real; `None` if it does not converge.
pub(crate) fn eig(a: &Matrix) -> Option<(Vec<Complex64>, Vec<Complex64>)> {
    let n = a.rows;
    if a.data.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let mut h = Square { n, data: a.data.iter().map(|&x| x.into()).collect() };
    let one = |i: usize| Complex64::from(if i / n.max(1) == i % n.max(1) { 1.0 } else { 0.0 });
    let mut z = Square { n, data: (0..n * n).map(one).collect() };
    hessenberg(&mut h, &mut z);
    let mut high = n;
    let mut steps = 0;
    while high > 1 {
        let scale = |i: usize| h.at(i, i).norm() + h.at(i - 1, i - 1).norm();
        let small = |i: usize| h.at(i, i - 1).norm() <= f64::EPSILON * scale(i).max(f64::MIN_POSITIVE);
        let low = (1..high).rev().find(|&i| small(i)).unwrap_or(0);
        if low > 0 {
            *h.at_mut(low, low - 1) = 0.0.into();
        }
        if low == high - 1 {
            high -= 1;
            steps = 0;
            continue;
        }
        steps += 1;
        if steps > STEPS {
            return None;
        }
        let shift = if steps % 11 == 10 { exceptional(&h, high) } else { wilkinson(&h, high) };
        qr_step(&mut h, &mut z, low, high, shift);
    }
    let values: Vec<Complex64> = (0..n).map(|i| h.at(i, i)).collect();
    Some((values, eigenvectors(&h, &z)))
}

/// Reduces h to zeros below its first subdiagonal by reflections, which z gathers.
fn hessenberg(h: &mut Square, z: &mut Square) {
    let n = h.n;
    for k in 0..n.saturating_sub(2) {
        let rest: f64 = (k + 2..n).map(|i| h.at(i, k).norm_sqr()).sum();
        if rest == 0.0 {
            continue;
        }
        let head = h.at(k + 1, k);
        let norm = (head.norm_sqr() + rest).sqrt();
        let phase = if head.norm() == 0.0 { Complex64::from(1.0) } else { head / head.norm() };
        let mut v: Vec<Complex64> = (k + 1..n).map(|i| h.at(i, k)).collect();
        v[0] += phase * norm;
        let scale = 2.0 / v.iter().map(Complex64::norm_sqr).sum::<f64>();
        for j in 0..n {
            let along: Complex64 = v.iter().enumerate().map(|(i, v)| v.conj() * h.at(k + 1 + i, j)).sum();
            v.iter().enumerate().for_each(|(i, v)| *h.at_mut(k + 1 + i, j) -= scale * v * along);
        }
        for x in [&mut *h, &mut *z] {
            for i in 0..n {
                let along: Complex64 = v.iter().enumerate().map(|(j, v)| v * x.at(i, k + 1 + j)).sum();
                v.iter().enumerate().for_each(|(j, v)| *x.at_mut(i, k + 1 + j) -= scale * along * v.conj());
            }
        }
    }
}

/// The eigenvalue of the last 2 × 2 block that is nearer to its last element.
fn wilkinson(h: &Square, high: usize) -> Complex64 {
    let (a, b) = (h.at(high - 2, high - 2), h.at(high - 2, high - 1));
    let (c, d) = (h.at(high - 1, high - 2), h.at(high - 1, high - 1));
    let half = (a - d) * 0.5;
    let root = (half * half + b * c).sqrt();
    let sum = if (half + root).norm() > (half - root).norm() { half + root } else { half - root };
    if sum.norm() == 0.0 { d } else { d - b * c / sum }
}

/// A shift that breaks the rare cycles of the usual one.
fn exceptional(h: &Square, high: usize) -> Complex64 {
    h.at(high - 1, high - 1) + h.at(high - 1, high - 2).norm()
}

/// One QR step with a shift on rows `low` to below `high`, by Givens rotations.
fn qr_step(h: &mut Square, z: &mut Square, low: usize, high: usize, shift: Complex64) {
    let n = h.n;
    (low..high).for_each(|i| *h.at_mut(i, i) -= shift);
    let mut rotations = Vec::with_capacity(high - low - 1);
    for i in low..high - 1 {
        let (x, y) = (h.at(i, i), h.at(i + 1, i));
        let norm = (x.norm_sqr() + y.norm_sqr()).sqrt();
        let (c, s) = if norm == 0.0 { (Complex64::from(1.0), Complex64::from(0.0)) } else { (x / norm, y / norm) };
        rotations.push((c, s));
        for j in i..n {
            let (x, y) = (h.at(i, j), h.at(i + 1, j));
            *h.at_mut(i, j) = c.conj() * x + s.conj() * y;
            *h.at_mut(i + 1, j) = c * y - s * x;
        }
    }
    for (k, (c, s)) in rotations.into_iter().enumerate() {
        let j = low + k;
        let turn = |m: &mut Square, i: usize| {
            let (x, y) = (m.at(i, j), m.at(i, j + 1));
            *m.at_mut(i, j) = x * c + y * s;
            *m.at_mut(i, j + 1) = y * c.conj() - x * s.conj();
        };
        (0..(j + 2).min(high)).for_each(|i| turn(h, i));
        (0..n).for_each(|i| turn(z, i));
    }
    (low..high).for_each(|i| *h.at_mut(i, i) += shift);
}

/// Eigenvectors of the triangle t, turned back by z.
fn eigenvectors(t: &Square, z: &Square) -> Vec<Complex64> {
    let n = t.n;
    let largest = t.data.iter().map(|x| x.norm()).fold(0.0, f64::max);
    let mut out = vec![Complex64::default(); n * n];
    for k in 0..n {
        let mut x = vec![Complex64::default(); n];
        x[k] = 1.0.into();
        for i in (0..k).rev() {
            let sum: Complex64 = (i + 1..=k).map(|j| t.at(i, j) * x[j]).sum();
            let gap = t.at(i, i) - t.at(k, k);
            let least = f64::EPSILON * largest.max(f64::MIN_POSITIVE);
            x[i] = -sum / if gap.norm() < least { Complex64::from(least) } else { gap };
        }
        let v: Vec<Complex64> = (0..n).map(|i| (0..=k).map(|j| z.at(i, j) * x[j]).sum()).collect();
        let norm = v.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
        let mut top = Complex64::from(1.0);
        let mut held = 0.0;
        for x in &v {
            if x.norm() > held * (1.0 + 1e-9) {
                (held, top) = (x.norm(), x / x.norm());
            }
        }
        (0..n).for_each(|i| out[i * n + k] = v[i] / (norm * top));
    }
    out
}
