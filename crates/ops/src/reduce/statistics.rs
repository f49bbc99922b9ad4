//! Means, variances and the like, written with sums.

use crate::arithmetic::{Arg, common_dtype};
use crate::core::prelude::*;

impl Tensor {
    /// The mean over `axes` (all of them if empty), kept as size 1 with `keepdims`; NaN of none. Integers become
    /// float32; half precision is summed in float32.
    #[track_caller]
    pub fn mean(&self, axes: &[isize], keepdims: bool) -> Tensor {
        Tensor::lift(|| {
            let (dtype, shape) = (self.to_float().dtype()?, self.shape()?);
            let count: usize = shape.axes(axes)?.iter().map(|&a| shape[a]).product();
            let sum = self.cast(dtype.accumulator()).sum(axes, keepdims);
            Ok((sum / count as f64).cast(dtype))
        })
    }

    /// The variance over `axes` (all of them if empty), kept as size 1 with `keepdims`: the mean square of the
    /// differences from the mean. Integers become float32; half precision is computed in float32.
    #[track_caller]
    pub fn var(&self, axes: &[isize], keepdims: bool) -> Tensor {
        self.moments(axes, keepdims).1
    }

    /// The standard deviation: the square root of the variance.
    #[track_caller]
    pub fn std(&self, axes: &[isize], keepdims: bool) -> Tensor {
        self.var(axes, keepdims).sqrt()
    }

    /// Mean and variance over `axes` (all of them if empty), kept as size 1 with `keepdims`.
    #[track_caller]
    pub fn moments(&self, axes: &[isize], keepdims: bool) -> (Tensor, Tensor) {
        let failed = |error: cornet_tensor::Error| (Tensor::failed(error.clone()), Tensor::failed(error));
        let dtype = match self.to_float().dtype() {
            Ok(dtype) if dtype.is_complex() => {
                return failed(err!(DtypeMismatch, "variance: expected real numbers, found {dtype}"));
            }
            Ok(dtype) => dtype,
            Err(error) => return failed(error),
        };
        let x = self.cast(dtype.accumulator());
        let mean = x.mean(axes, true);
        let variance = (x - &mean).square().mean(axes, keepdims);
        let mean = match variance.shape() {
            Ok(shape) if !keepdims => mean.reshape(shape),
            _ => mean,
        };
        (mean.cast(dtype), variance.cast(dtype))
    }

    /// ln Σ e^x over `axes` (all of them if empty), kept as size 1 with `keepdims`, without overflow. Integers become
    /// float32; -∞ of none.
    #[track_caller]
    pub fn logsumexp(&self, axes: &[isize], keepdims: bool) -> Tensor {
        Tensor::lift(|| {
            let x = self.to_float();
            let greatest = x.max_with(axes, true, f64::NEG_INFINITY).stop_gradient();
            let shift = greatest.isfinite().where_(&greatest, 0);
            let sum = (x - &shift).exp().sum(axes, true);
            let y = sum.log() + shift;
            Ok(if keepdims { y } else { y.reshape(without_axes(self, axes)?) })
        })
    }

    /// The mean weighted by `weights`: of the shape of x, or a vector along the one axis named.
    ///
    /// # Errors
    /// `shape_mismatch` for weights of another shape.
    #[track_caller]
    pub fn average(&self, axes: &[isize], weights: Option<&Tensor>) -> Tensor {
        Tensor::lift(|| {
            let Some(weights) = weights else { return Ok(self.mean(axes, false)) };
            let dtype = common_dtype(&[self.into(), weights.into(), Arg::Float(1.0)])?;
            let (x, w) = (self.cast(dtype), weights.cast(dtype));
            let (shape, found) = (x.shape()?, w.shape()?);
            let w = match (axes, found.as_slice()) {
                _ if shape == found => w,
                (&[axis], &[n]) if shape[shape.axis(axis)?] == n => {
                    let axis = shape.axis(axis)?;
                    let along: Shape = (0..shape.rank()).map(|a| if a == axis { n } else { 1 }).collect();
                    w.reshape(along).broadcast_to(&shape)
                }
                _ => fail!(ShapeMismatch, "weights: expected {shape}, or a vector along one axis; found {found}"),
            };
            Ok((x * &w).sum(axes, false) / w.sum(axes, false))
        })
    }

    /// How many elements over `axes` (all of them if empty) are not 0: int32.
    #[track_caller]
    pub fn count_nonzero(&self, axes: &[isize]) -> Tensor {
        self.cast(DType::Bool).cast(DType::I32).sum(axes, false)
    }

    /// The greatest less the least element over `axes` (all of them if empty), kept as size 1 with `keepdims`.
    #[track_caller]
    pub fn ptp(&self, axes: &[isize], keepdims: bool) -> Tensor {
        self.max(axes, keepdims) - self.min(axes, keepdims)
    }
}

/// The shape of x without `axes`.
fn without_axes(x: &Tensor, axes: &[isize]) -> Result<Shape> {
    let shape = x.shape()?;
    let axes = shape.axes(axes)?;
    Ok(super::without(&shape, &axes, false))
}
