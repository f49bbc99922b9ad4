//! Diagonals and triangles.

use crate::core::prelude::*;

impl Tensor {
    /// A matrix of zeros with ones on the diagonal that begins `k` columns to the right.
    #[track_caller]
    pub fn eye(rows: usize, columns: usize, k: i64, dtype: DType) -> Tensor {
        diagonal_mask(rows, columns, k, Tensor::equal).cast(dtype)
    }

    /// The identity matrix.
    #[track_caller]
    pub fn identity(n: usize, dtype: DType) -> Tensor {
        Tensor::eye(n, n, 0, dtype)
    }

    /// A matrix of ones at and below the diagonal that begins `k` columns to the right, zeros above.
    #[track_caller]
    pub fn tri(rows: usize, columns: usize, k: i64, dtype: DType) -> Tensor {
        diagonal_mask(rows, columns, k, Tensor::greater_equal).cast(dtype)
    }

    /// Zeros above the diagonal that begins `k` columns to the right, in each matrix of the last two axes.
    ///
    /// # Errors
    /// `rank_mismatch` for fewer than two axes.
    #[track_caller]
    pub fn tril(&self, k: i64) -> Tensor {
        Tensor::lift(|| {
            let (m, n) = matrix(self)?;
            Ok(diagonal_mask(m, n, k, Tensor::greater_equal).where_(self, 0))
        })
    }

    /// Zeros below the diagonal that begins `k` columns to the right, in each matrix of the last two axes.
    ///
    /// # Errors
    /// As [`Tensor::tril`].
    #[track_caller]
    pub fn triu(&self, k: i64) -> Tensor {
        Tensor::lift(|| {
            let (m, n) = matrix(self)?;
            Ok(diagonal_mask(m, n, k, Tensor::less_equal).where_(self, 0))
        })
    }

    /// Of a vector, the matrix that has it on the diagonal `k` columns to the right of the main one; of a matrix, that
    /// diagonal.
    ///
    /// # Errors
    /// `rank_mismatch` for other tensors.
    #[track_caller]
    pub fn diag(&self, k: i64) -> Tensor {
        Tensor::lift(|| match self.rank()? {
            1 => Ok(self.diag_embed(k)),
            2 => Ok(self.diagonal(k, 0, 1)),
            rank => Err(err!(RankMismatch, "diag: expected 1 or 2 axes, found {rank}")),
        })
    }

    /// The matrix that has the flattened tensor on the diagonal `k` columns to the right of the main one.
    #[track_caller]
    pub fn diagflat(&self, k: i64) -> Tensor {
        self.ravel().diag_embed(k)
    }

    /// Matrices that have the vectors of the last axis on the diagonal `k` columns to the right of the main one.
    ///
    /// # Shapes
    /// `[…, n]` gives `[…, n + |k|, n + |k|]`.
    ///
    /// # Errors
    /// `rank_mismatch` for a scalar.
    #[track_caller]
    pub fn diag_embed(&self, k: i64) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let Some((&n, lead)) = shape.split_last() else {
                fail!(RankMismatch, "diag: expected at least 1 axis, found none");
            };
            let off = usize::try_from(k.unsigned_abs()).unwrap_or(usize::MAX);
            let side = n.saturating_add(off);
            let size = |rows: usize, columns: usize| -> Dims { lead.iter().copied().chain([rows, columns]).collect() };
            Shape::checked(&size(side, side), self.dtype()?.size())?;
            if n == 0 {
                return Ok(Tensor::zeros(size(off, off), self.dtype()?));
            }
            // n zeros between neighbours: row-major, the elements are the diagonal of an n by n matrix.
            let rank = shape.rank();
            let widths: Vec<_> = (0..rank).map(|a| (0, 0, if a + 1 == rank { n } else { 0 })).collect();
            let square = self.pad_interior(&widths, 0.0).reshape(size(n, n));
            let (right, down) = if k > 0 { ((off, 0), (0, off)) } else { ((0, off), (off, 0)) };
            let widths: Vec<_> = lead.iter().map(|_| (0, 0)).chain([down, right]).collect();
            Ok(if off == 0 { square } else { square.pad_interior(&widen(&widths), 0.0) })
        })
    }

    /// The diagonal that begins `offset` columns to the right, of the matrices of two axes; it becomes the last axis.
    ///
    /// # Errors
    /// `rank_mismatch`; `out_of_range`; `invalid_argument` for one axis named twice.
    #[track_caller]
    pub fn diagonal(&self, offset: i64, axis1: isize, axis2: isize) -> Tensor {
        Tensor::lift(|| {
            let rank = self.rank()? as isize;
            if rank < 2 {
                fail!(RankMismatch, "diagonal: expected at least 2 axes, found {rank}");
            }
            let x = self.moveaxis(&[axis1, axis2], &[-2, -1]);
            let shape = x.shape()?;
            let (lead, m, n) = (&shape[..shape.rank() - 2], shape[shape.rank() - 2], shape[shape.rank() - 1]);
            let off = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            let (row, column) = if offset < 0 { (off, 0) } else { (0, off) };
            let size = m.saturating_sub(row).min(n.saturating_sub(column));
            let flat: Shape = lead.iter().copied().chain([m * n]).collect();
            let start = if size == 0 { 0 } else { row * n + column };
            Ok(x.reshape(flat).slice_axis_step(-1, start, size, n + 1))
        })
    }
}

/// Whether `row + k` compares so to `column`, for every place of a matrix.
#[track_caller]
fn diagonal_mask(rows: usize, columns: usize, k: i64, compare: fn(&Tensor, Tensor) -> Tensor) -> Tensor {
    let row = Tensor::iota([rows, 1], 0, DType::I64) + k;
    compare(&row, Tensor::iota([1, columns], 1, DType::I64))
}

fn matrix(x: &Tensor) -> Result<(usize, usize)> {
    match *x.shape()?.as_slice() {
        [.., m, n] => Ok((m, n)),
        ref shape => Err(err!(RankMismatch, "expected at least 2 axes, found {}", shape.len())),
    }
}

fn widen(widths: &[(usize, usize)]) -> Vec<(usize, usize, usize)> {
    widths.iter().map(|&(low, high)| (low, high, 0)).collect()
}
