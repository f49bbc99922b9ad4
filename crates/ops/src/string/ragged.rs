//! Rows of different lengths.

use crate::core::prelude::*;

/// Rows of different lengths, one after the other.
#[derive(Clone, Debug)]
pub struct Ragged {
    /// The rows' elements: axis 0 holds those of all rows.
    pub values: Tensor,
    /// int64 `[rows + 1]`: row `i` is `values[row_splits[i]..row_splits[i + 1]]`.
    pub row_splits: Tensor,
}

impl Ragged {
    /// Rows of these lengths.
    ///
    /// # Errors
    /// `dim_mismatch` unless the lengths add up to what `values` has on axis 0.
    pub fn new(values: Tensor, lengths: &[usize]) -> Result<Self> {
        let n = values.shape()?.first().copied();
        let mut splits = vec![0_i64];
        for &length in lengths {
            splits.push(splits[splits.len() - 1].saturating_add(length as i64));
        }
        if n.map(|n| n as i64) != splits.last().copied() {
            fail!(DimMismatch, "ragged rows: lengths {lengths:?} of {}", values.ty()?);
        }
        Ok(Self { values, row_splits: Tensor::from_slice(&splits, [splits.len()]) })
    }

    /// The int64 length of each row.
    pub fn lengths(&self) -> Tensor {
        self.row_splits.index(crate::s![1..]) - self.row_splits.index(crate::s![..-1])
    }

    /// The rows as tensors.
    ///
    /// # Errors
    /// `not_traced` where the splits have no value yet; `out_of_range` for splits that do not fit.
    pub fn rows(&self) -> Result<Vec<Tensor>> {
        let splits = self.row_splits.to_vec::<i64>()?;
        Ok(splits.windows(2).map(|w| self.values.index(crate::s![w[0]..w[1]])).collect())
    }

    /// A dense tensor of `size` elements a row (the longest row's without one): rows are cut, or followed by `fill`, a
    /// scalar of the values' dtype.
    ///
    /// # Errors
    /// As [`Ragged::rows`]; `dtype_mismatch`.
    pub fn to_padded(&self, size: Option<usize>, fill: &Tensor) -> Result<Tensor> {
        let splits = self.row_splits.to_vec::<i64>()?;
        let longest = splits.windows(2).map(|w| (w[1] - w[0]).max(0) as usize).max().unwrap_or(0);
        let size = size.unwrap_or(longest);
        let ty = self.values.ty()?;
        let (Some(&n), rows) = (ty.shape.first(), splits.len().saturating_sub(1)) else {
            fail!(RankMismatch, "ragged rows: expected at least 1 axis, found none");
        };
        Shape::checked(&[rows, size], ty.dtype.size().max(8))?;
        // One more element, the fill, stands behind the values.
        let element: Shape = std::iter::once(1).chain(ty.shape[1..].iter().copied()).collect();
        let all = Tensor::concat(&[&self.values, &fill.broadcast_to(element)], 0);
        let at: Vec<i64> = splits
            .windows(2)
            .flat_map(|w| (0..size as i64).map(move |i| if w[0] + i < w[1] { w[0] + i } else { n as i64 }))
            .collect();
        let padded = all.take(&Tensor::from_slice(&at, [rows, size]), 0);
        padded.error().cloned().map_or(Ok(padded), Err)
    }
}
