//! Normalisations: to mean 0 and variance 1, to root mean square 1, to norm 1.

use crate::arithmetic::common_dtype;
use crate::core::prelude::*;

/// Keras's default `epsilon` of a batch normalisation.
pub const BATCH_EPSILON: f64 = 1e-3;

/// At least float32: half precision is too narrow for statistics.
fn wide(x: &Tensor) -> Result<Tensor> {
    let dtype = common_dtype(&[x.into(), Tensor::zeros([], DType::F32).into()])?;
    if dtype.is_complex() {
        fail!(DtypeMismatch, "dtype: expected a float, found {dtype}");
    }
    Ok(x.cast(if dtype.is_float() { dtype } else { DType::F32 }))
}

/// The result in the dtype of what came in, if that is a float.
fn narrow(y: Tensor, x: &Tensor) -> Result<Tensor> {
    let dtype = x.dtype()?;
    Ok(if dtype.is_float() { y.cast(dtype) } else { y })
}

/// A weight of the normalised axes, shaped to multiply x.
fn spread(weight: &Tensor, shape: &Shape, axes: &[usize]) -> Result<Tensor> {
    if weight.rank()? == shape.rank() || axes == [shape.rank() - 1] {
        return Ok(weight.clone());
    }
    Ok(weight.reshape((0..shape.rank()).map(|a| if axes.contains(&a) { shape[a] } else { 1 }).collect::<Shape>()))
}

impl Tensor {
    /// `(x - mean) / √(variance + epsilon) · scale + offset` with given statistics, one a position along `axis`.
    ///
    /// # Errors
    /// `out_of_range` for an axis that is not there; `shape_mismatch` where the statistics do not fit it.
    ///
    /// # Source
    /// Keras 3 `keras.ops.batch_normalization`.
    #[track_caller]
    pub fn batch_normalization(
        &self,
        mean: &Tensor,
        variance: &Tensor,
        axis: isize,
        offset: Option<&Tensor>,
        scale: Option<&Tensor>,
        epsilon: f64,
    ) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let axes = [shape.axis(axis)?];
            let place = |w: &Tensor| spread(w, &shape, &axes);
            let mut factor = (place(variance)? + epsilon).rsqrt();
            if let Some(scale) = scale {
                factor = factor * place(scale)?;
            }
            let mut shift = -(place(mean)? * &factor);
            if let Some(offset) = offset {
                shift = place(offset)? + shift;
            }
            Ok(self * factor + shift)
        })
    }

    /// `(x - mean) / √(variance + epsilon) · gamma + beta` with the statistics of each example over `axes`, at least in
    /// float32. Keras's default epsilon is [`super::nn::EPSILON`](crate::nn::EPSILON), the layer's 1e-3.
    ///
    /// # Errors
    /// `out_of_range` for an axis that is not there; `shape_mismatch` where the weights do not fit the axes.
    ///
    /// # Source
    /// Keras 3 `keras.ops.layer_normalization`.
    #[track_caller]
    pub fn layer_normalization(
        &self,
        gamma: Option<&Tensor>,
        beta: Option<&Tensor>,
        axes: &[isize],
        epsilon: f64,
    ) -> Tensor {
        Tensor::lift(|| {
            let (x, shape) = (wide(self)?, self.shape()?);
            let over = shape.axes(axes)?;
            let place = |w: &Tensor| Ok(spread(w, &shape, &over)?.cast(x.dtype()?));
            let (mean, variance) = x.moments(axes, true);
            let mut factor = (variance + epsilon).rsqrt();
            if let Some(gamma) = gamma {
                factor = factor * place(gamma)?;
            }
            let mut shift = -mean * &factor;
            if let Some(beta) = beta {
                shift = shift + place(beta)?;
            }
            narrow(&x * factor + shift, self)
        })
    }

    /// `x / √(mean(x²) + epsilon) · scale` over `axes`, at least in float32.
    ///
    /// # Errors
    /// As [`Tensor::layer_normalization`].
    ///
    /// # Source
    /// Keras 3 `keras.ops.rms_normalization`.
    #[track_caller]
    pub fn rms_normalization(&self, scale: Option<&Tensor>, axes: &[isize], epsilon: f64) -> Tensor {
        Tensor::lift(|| {
            let x = wide(self)?;
            let over = x.shape()?.axes(axes)?;
            let mut y = &x * (x.square().mean(axes, true) + epsilon).rsqrt();
            if let Some(scale) = scale {
                y = y * spread(scale, &x.shape()?, &over)?.cast(x.dtype()?);
            }
            narrow(y, self)
        })
    }

    /// `x / max(‖x‖, epsilon)` over `axes`, with the norm of that order (2: Euclidean).
    ///
    /// # Errors
    /// `invalid_argument` for an order below 1; `out_of_range` for an axis that is not there.
    ///
    /// # Source
    /// Keras 3 `keras.ops.normalize`.
    #[track_caller]
    pub fn normalize(&self, axes: &[isize], order: u32, epsilon: f64) -> Tensor {
        Tensor::lift(|| {
            if order == 0 {
                fail!(InvalidArgument, "order: expected at least 1, found 0");
            }
            let x = if self.dtype()?.is_inexact() { self.clone() } else { self.cast(DType::F32) };
            if order == 2 {
                let inverse = x.square().sum(axes, true).rsqrt();
                return Ok(&x * inverse.minimum(1.0 / epsilon));
            }
            Ok(&x / x.norm(crate::linalg::Norm::Order(order.into()), axes, true).maximum(epsilon))
        })
    }
}
