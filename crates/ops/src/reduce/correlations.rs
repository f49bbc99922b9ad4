//! Distances and correlations between vectors.

use std::str::FromStr;

use crate::arithmetic::{Arg, float_pair};
use crate::core::prelude::*;

/// How much of a sliding product [`Tensor::correlate`] keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// Where the shorter vector lies within the longer one.
    #[default]
    Valid,
    /// As many as the longer vector has, around the middle.
    Same,
    /// Wherever they overlap.
    Full,
}

impl FromStr for Overlap {
    type Err = cornet_tensor::Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "valid" => Self::Valid,
            "same" => Self::Same,
            "full" => Self::Full,
            _ => fail!(InvalidArgument, "mode: expected valid, same or full, found '{name}'"),
        })
    }
}

impl Tensor {
    /// The Euclidean distance between every row of x and every row of y. The derivative at distance 0 is 0.
    ///
    /// # Shapes
    /// `[…, m, features]` and `[…, n, features]` give `[…, m, n]`.
    ///
    /// # Errors
    /// `rank_mismatch` for fewer than 2 axes; `dim_mismatch` for different features.
    #[track_caller]
    pub fn cdist(&self, other: &Tensor) -> Tensor {
        Tensor::lift(|| {
            let (x, y) = float_pair(self, other.into())?;
            let (a, b) = (x.shape()?, y.shape()?);
            if a.rank() < 2 || b.rank() < 2 {
                fail!(RankMismatch, "cdist: expected at least 2 axes, found {} and {}", a.rank(), b.rank());
            }
            if a.last() != b.last() {
                fail!(DimMismatch, "cdist: expected as many features in both, found {a} and {b}");
            }
            let squares = (x.expand_dims(&[-2]) - y.expand_dims(&[-3])).square().sum(&[-1], false);
            let zero = squares.equal(0);
            Ok(zero.where_(0, zero.where_(1, squares).sqrt()))
        })
    }

    /// The correlation coefficient of every two rows: 1 on the diagonal. Integers become float32.
    ///
    /// # Errors
    /// `rank_mismatch` for more than 2 axes.
    #[track_caller]
    pub fn corrcoef(&self) -> Tensor {
        Tensor::lift(|| {
            let x = self.to_float();
            let rank = x.rank()?;
            if rank == 0 || rank > 2 {
                fail!(RankMismatch, "corrcoef: expected 1 or 2 axes, found {rank}");
            }
            let rows = if rank == 1 { x.expand_dims(&[0]) } else { x };
            let centred = &rows - rows.mean(&[1], true);
            let lengths = centred.square().sum(&[1], true).sqrt();
            let unit = centred / lengths;
            let products = unit.matmul_with(&unit, false, true).clip(-1, 1);
            Ok(if rank == 1 { products.reshape(Shape::scalar()) } else { products })
        })
    }

    /// The peak signal-to-noise ratio in decibels: `10 log10(max² / mean((a - b)²))`.
    ///
    /// # Errors
    /// `shape_mismatch` for different shapes.
    #[track_caller]
    pub fn psnr(&self, other: &Tensor, max: impl Into<Arg>) -> Tensor {
        let max = max.into();
        Tensor::lift(|| {
            let (a, b) = float_pair(self, other.into())?;
            let (found, expected) = (b.shape()?, a.shape()?);
            if found != expected {
                fail!(ShapeMismatch, "psnr: expected {expected} twice, found {found}");
            }
            let noise = (a - b).square().mean(&[], false);
            let (most, _) = float_pair(&max.tensor()?, Arg::Float(1.0))?;
            Ok(most.log10() * 20.0 - noise.log10() * 10.0)
        })
    }

    /// The products of a vector with another that slides along it: `y[k] = Σ a[k + i] b[i]`. The dtype is at least a
    /// float; a shorter first vector gives the reverse of the exchanged product, as in NumPy.
    ///
    /// # Errors
    /// `rank_mismatch` unless both have one axis; `empty_data` if one has no element.
    #[track_caller]
    pub fn correlate(&self, other: &Tensor, mode: Overlap) -> Tensor {
        Tensor::lift(|| {
            let (a, b) = float_pair(self, other.into())?;
            let (&[m], &[n]) = (a.shape()?.as_slice(), b.shape()?.as_slice()) else {
                fail!(RankMismatch, "correlate: expected 1 axis twice, found {} and {}", a.rank()?, b.rank()?);
            };
            if m == 0 || n == 0 {
                fail!(EmptyData, "correlate: expected some elements, found {m} and {n}");
            }
            if m < n {
                return Ok(b.correlate(&a, mode).flip(&[0]));
            }
            let before = match mode {
                Overlap::Valid => 0,
                Overlap::Same => n / 2,
                Overlap::Full => n - 1,
            };
            let after = match mode {
                Overlap::Same => n - 1 - before,
                _ => before,
            };
            let zeros = |count: usize| Ok::<_, cornet_tensor::Error>(Tensor::zeros([count], a.dtype()?));
            let padded = Tensor::concatenate(&[&zeros(before)?, &a, &zeros(after)?], 0);
            let count = m + before + after + 1 - n;
            // One row for each element of the shorter vector.
            let rows: Vec<Tensor> = (0..n).map(|i| padded.slice_axis(0, i, count)).collect();
            Ok(b.matmul(Tensor::stack(&rows.iter().collect::<Vec<_>>(), 0)))
        })
    }
}
