//! Norms of vectors and matrices, and what singular values tell.

use crate::core::prelude::*;

/// Which norm.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Norm {
    /// √Σ|x|², of vectors and matrices alike.
    #[default]
    Euclidean,
    /// The same, of matrices alone.
    Frobenius,
    /// The sum of the singular values.
    Nuclear,
    /// (Σ|x|^p)^(1/p) of vectors, where 0 counts what is not 0; of matrices the greatest sum of a column for 1, the
    /// greatest singular value for 2, and the least ones for -1 and -2.
    Order(f64),
    /// The greatest |x| of vectors, the greatest sum of a row of matrices.
    Infinity,
    /// The least |x| of vectors, the least sum of a row of matrices.
    NegativeInfinity,
}

/// The greatest or least over one axis, kept.
fn extreme(x: &Tensor, axis: isize, greatest: bool) -> Tensor {
    if greatest { x.max(&[axis], true) } else { x.min(&[axis], true) }
}

fn vector_norm(x: &Tensor, ord: Norm, axis: isize) -> Result<Tensor> {
    let size = x.abs();
    Ok(match ord {
        Norm::Infinity => extreme(&size, axis, true),
        Norm::NegativeInfinity => extreme(&size, axis, false),
        Norm::Order(0.0) => x.not_equal(0.0).cast_like(&size).sum(&[axis], true),
        Norm::Order(1.0) => size.sum(&[axis], true),
        Norm::Order(p) => size.power(p).sum(&[axis], true).power(1.0 / p),
        other => fail!(InvalidArgument, "norm of vectors: expected a number or infinity, found {other:?}"),
    })
}

fn matrix_norm(x: &Tensor, ord: Norm, rows: isize, columns: isize) -> Result<Tensor> {
    let summed = |over: isize, along: isize, greatest: bool| extreme(&x.abs().sum(&[over], true), along, greatest);
    let singular = || x.moveaxis(&[rows, columns], &[-2, -1]).singular_values();
    let restored = |values: Tensor| values.expand_dims(&[rows.min(columns), rows.max(columns)]);
    Ok(match ord {
        Norm::Order(1.0) => summed(rows, columns, true),
        Norm::Order(-1.0) => summed(rows, columns, false),
        Norm::Infinity => summed(columns, rows, true),
        Norm::NegativeInfinity => summed(columns, rows, false),
        Norm::Order(2.0) => restored(singular().max(&[-1], false)),
        Norm::Order(-2.0) => restored(singular().min(&[-1], false)),
        Norm::Nuclear => restored(singular().sum(&[-1], false)),
        other => fail!(InvalidArgument, "norm of matrices: expected ±1, ±2, ±infinity, fro or nuc, found {other:?}"),
    })
}

/// The same tensor if it is a float, else in float32.
fn real(x: &Tensor) -> Result<Tensor> {
    Ok(if x.dtype()?.is_inexact() { x.clone() } else { x.cast(DType::F32) })
}

fn epsilon(x: &Tensor) -> Result<f64> {
    Ok(if x.dtype()? == DType::F64 { f64::EPSILON } else { f32::EPSILON.into() })
}

impl Tensor {
    /// The norm over one axis (of vectors) or two (of matrices: rows, columns), kept as size 1 with `keepdims`. No axes:
    /// over all of them.
    ///
    /// # Errors
    /// `invalid_argument` for a norm that vectors or matrices do not have; `out_of_range` for an axis that is not there.
    ///
    /// # Source
    /// Keras 3 `keras.ops.norm`.
    #[track_caller]
    pub fn norm(&self, ord: Norm, axes: &[isize], keepdims: bool) -> Tensor {
        Tensor::lift(|| {
            let (x, shape) = (real(self)?, self.shape()?);
            let all: Vec<isize> = (0..shape.rank() as isize).collect();
            let axes: Vec<isize> = match axes {
                [] => all,
                _ => axes.iter().map(|&a| shape.axis(a).map(|a| a as isize)).collect::<Result<_>>()?,
            };
            let kept = match (axes.as_slice(), ord) {
                (_, Norm::Euclidean) | ([_], Norm::Order(2.0)) | ([_, _], Norm::Frobenius) => {
                    let square = if x.dtype()?.is_complex() { (&x * x.conj()).real() } else { x.square() };
                    square.sum(&axes, true).sqrt()
                }
                ([axis], _) => vector_norm(&x, ord, *axis)?,
                ([rows, columns], _) => matrix_norm(&x, ord, *rows, *columns)?,
                _ => fail!(InvalidArgument, "norm: expected 1 or 2 axes, found {}", axes.len()),
            };
            Ok(if keepdims || axes.is_empty() { kept } else { kept.squeeze(&axes) })
        })
    }

    /// How many singular values are greater than `tol`: by default the greatest one, times the larger size, times the
    /// dtype's epsilon.
    ///
    /// # Errors
    /// `rank_mismatch` below 2 axes.
    #[track_caller]
    pub fn matrix_rank(&self, tol: Option<f64>) -> Tensor {
        Tensor::lift(|| {
            let (x, shape) = (real(self)?, self.shape()?);
            if shape.rank() < 2 {
                fail!(RankMismatch, "matrix_rank: expected at least 2 axes, found {}", shape.rank());
            }
            let s = x.singular_values();
            let longest = shape[shape.rank() - 1].max(shape[shape.rank() - 2]);
            let least = match tol {
                Some(tol) => Tensor::full([], tol, s.dtype()?),
                None => s.max_with(&[-1], true, 0.0) * (longest as f64 * epsilon(&x)?),
            };
            Ok(s.greater(least).cast(DType::I32).sum(&[-1], false))
        })
    }

    /// The pseudo-inverse: V · diag(1 / s) · Uᵀ, where singular values up to `rcond` times the greatest count as infinite;
    /// by default 10 times the larger size times the dtype's epsilon.
    ///
    /// # Errors
    /// `rank_mismatch` below 2 axes.
    #[track_caller]
    pub fn pinv(&self, rcond: Option<f64>) -> Tensor {
        Tensor::lift(|| {
            let (x, shape) = (real(self)?, self.shape()?);
            if shape.rank() < 2 {
                fail!(RankMismatch, "pinv: expected at least 2 axes, found {}", shape.rank());
            }
            let longest = shape[shape.rank() - 1].max(shape[shape.rank() - 2]);
            let (u, s, vt) = x.svd(false);
            let least = s.max_with(&[-1], true, 0.0) * rcond.unwrap_or(10.0 * longest as f64 * epsilon(&x)?);
            let counts = s.greater(&least);
            let inverse = counts.where_(1.0 / counts.where_(&s, 1.0), 0.0);
            Ok((vt.swap_last() * inverse.expand_dims(&[-2])).matmul_with(&u, false, true))
        })
    }

    /// x of least length among those that make ‖`self` · x - b‖ least. Singular values below `rcond` times the greatest
    /// count as zero; by default the larger size times the dtype's epsilon.
    ///
    /// # Shapes
    /// `self` `[m, n]`, `b` `[m, k]` or `[m]`; the result `[n, k]` or `[n]`.
    ///
    /// # Errors
    /// `rank_mismatch`, `dim_mismatch` for other shapes.
    #[track_caller]
    pub fn lstsq(&self, b: &Tensor, rcond: Option<f64>) -> Tensor {
        Tensor::lift(|| {
            let (a, mut b) = (real(self)?, real(b)?);
            let (sa, sb) = (a.shape()?, b.shape()?);
            let (&[m, n], true) = (sa.as_slice(), matches!(sb.rank(), 1 | 2)) else {
                fail!(RankMismatch, "lstsq: expected a matrix and a vector or matrix, found {sa} and {sb}");
            };
            if sb[0] != m {
                fail!(DimMismatch, "lstsq: expected {m} rows in b, found {}", sb[0]);
            }
            if sb.rank() == 1 {
                b = b.reshape([m, 1]);
            }
            let (u, s, vt) = a.svd(false);
            let least = s.max_with(&[-1], true, 0.0) * rcond.unwrap_or(m.max(n) as f64 * epsilon(&a)?);
            let counts = s.greater_equal(&least).logical_and(s.greater(0.0));
            let inverse = counts.where_(1.0 / counts.where_(&s, 1.0), 0.0);
            let x = vt.matmul_with(&(inverse.expand_dims(&[-1]) * u.matmul_with(&b, true, false)), true, false);
            Ok(if sb.rank() == 1 { x.reshape([n]) } else { x })
        })
    }
}
