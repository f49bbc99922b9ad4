//! Decompositions of one dense matrix in f64: the meaning of the ops that use them.
//!
//! Written out here and not taken from a linear-algebra crate, since one such crate takes longer to build than all of
//! this library.

pub(crate) mod eigen;
pub(crate) mod factor;
pub(crate) mod svd;
pub(crate) mod symmetric;

use std::ops::{Index, IndexMut};

use cornet_tensor::{Array, DType, Result, Shape, err, fail};

use crate::core::op::Call;

/// A matrix in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub data: Vec<f64>,
}

impl Matrix {
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, data: vec![0.0; rows * columns] }
    }

    pub fn identity(n: usize) -> Self {
        let mut eye = Self::zeros(n, n);
        (0..n).for_each(|i| eye[(i, i)] = 1.0);
        eye
    }

    pub fn transposed(&self) -> Self {
        let mut out = Self::zeros(self.columns, self.rows);
        for i in 0..self.rows {
            for j in 0..self.columns {
                out[(j, i)] = self[(i, j)];
            }
        }
        out
    }

    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.columns..(i + 1) * self.columns]
    }

    /// Two different rows, to change together.
    pub fn rows_mut(&mut self, i: usize, j: usize) -> (&mut [f64], &mut [f64]) {
        let n = self.columns;
        let (low, high) = (i.min(j), i.max(j));
        let (head, tail) = self.data.split_at_mut(high * n);
        let (a, b) = (&mut head[low * n..(low + 1) * n], &mut tail[..n]);
        if i < j { (a, b) } else { (b, a) }
    }

    /// (a + aᵀ) / 2.
    pub fn symmetrized(&self) -> Self {
        let mut out = self.clone();
        for i in 0..self.rows {
            for j in 0..self.columns {
                out[(i, j)] = 0.5 * (self[(i, j)] + self[(j, i)]);
            }
        }
        out
    }
}

impl Index<(usize, usize)> for Matrix {
    type Output = f64;
    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        &self.data[i * self.columns + j]
    }
}

impl IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        &mut self.data[i * self.columns + j]
    }
}

/// Leading axes, rows and columns of input `i`.
///
/// # Errors
/// `rank_mismatch` below two axes.
pub(crate) fn sizes(call: &Call<'_>, i: usize) -> Result<(Shape, usize, usize)> {
    match call.shape(i).as_slice() {
        [lead @ .., rows, columns] => Ok((Shape::new(lead), *rows, *columns)),
        shape => Err(err!(RankMismatch, "input {i}: expected at least 2 axes, found {}", shape.len())),
    }
}

/// Leading axes and size of input `i`, which must hold square matrices.
///
/// # Errors
/// `rank_mismatch`, `dim_mismatch`.
pub(crate) fn square(call: &Call<'_>, i: usize) -> Result<(Shape, usize)> {
    let (lead, rows, columns) = sizes(call, i)?;
    if rows != columns {
        fail!(DimMismatch, "input {i}: expected square matrices, found {rows} rows and {columns} columns");
    }
    Ok((lead, rows))
}

/// `lead` with more axes behind it.
pub(crate) fn shape(lead: &Shape, tail: &[usize]) -> Shape {
    lead.iter().chain(tail).copied().collect()
}

/// The matrices that an array holds in its last two axes.
pub(crate) fn matrices(x: &Array) -> Result<Vec<Matrix>> {
    let [lead @ .., rows, columns] = x.shape().as_slice() else {
        fail!(RankMismatch, "expected at least 2 axes, found {}", x.shape().rank());
    };
    let values = x.to_f64()?;
    let size = rows * columns;
    let one = |i: usize| Matrix { rows: *rows, columns: *columns, data: values[i * size..(i + 1) * size].to_vec() };
    Ok((0..lead.iter().product()).map(one).collect())
}

/// An array of results laid end to end.
pub(crate) fn array<'a>(dtype: DType, shape: Shape, parts: impl IntoIterator<Item = &'a [f64]>) -> Result<Array> {
    Array::from_f64(dtype, shape, &parts.into_iter().flatten().copied().collect::<Vec<_>>())
}

/// An int32 array of indices laid end to end.
pub(crate) fn indices<'a>(shape: Shape, parts: impl IntoIterator<Item = &'a [usize]>) -> Result<Array> {
    let flat: Vec<i64> = parts.into_iter().flatten().map(|&i| i as i64).collect();
    Array::from_i64(DType::I32, shape, &flat)
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Multiplies a vector by -1 if the first of its elements of greatest magnitude is negative: eigenvectors and singular
/// vectors have no sign of their own, and this choice is the same however they were found.
pub(crate) fn wants_flip(v: impl Iterator<Item = f64>) -> bool {
    // A margin, so that rounding does not decide between elements of equal magnitude.
    let mut top = 0.0_f64;
    v.fold(false, |flip, x| {
        if x.abs() > top * (1.0 + 1e-9) {
            top = x.abs();
            x < 0.0
        } else {
            flip
        }
    })
}
