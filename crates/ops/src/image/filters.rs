//! Filters: blurring and edges.

use super::{as_float, batched};
use crate::core::prelude::*;
use crate::nn::ConvOptions;
use crate::nn::geometry::{DataFormat, Padding};

/// exp(-x² / 2σ²) around the middle of `size` places, summing to 1.
pub(super) fn bell(size: usize, sigma: f64) -> Vec<f64> {
    let at = |i: usize| (i as f64 - (size as f64 - 1.0) / 2.0) / sigma;
    let values: Vec<f64> = (0..size).map(|i| (-0.5 * at(i) * at(i)).exp()).collect();
    let sum: f64 = values.iter().sum();
    values.iter().map(|v| v / sum).collect()
}

/// The same kernel for each channel: `[height, width, channels, kernels]`.
fn per_channel(kernels: &[Vec<f64>], (height, width): (usize, usize), channels: usize, dtype: DType) -> Tensor {
    let flat: Vec<f64> = (0..height * width)
        .flat_map(|tap| (0..channels).flat_map(move |_| kernels.iter().map(move |k| k[tap])))
        .collect();
    Tensor::from_result(Array::from_f64(dtype, [height, width, channels, kernels.len()], &flat))
}

impl Tensor {
    /// Images under a Gaussian bell of this size and deviation: `(height, width)` and `(horizontal, vertical)`; outside
    /// of them all is 0.
    ///
    /// # Errors
    /// `rank_mismatch` unless 3 or 4 axes; `invalid_argument` for sizes or deviations that are not positive.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.gaussian_blur`.
    #[track_caller]
    pub fn gaussian_blur(&self, size: (usize, usize), sigma: (f64, f64), data_format: DataFormat) -> Tensor {
        Tensor::lift(|| {
            if size.0 == 0 || size.1 == 0 || sigma.0.is_nan() || sigma.1.is_nan() || sigma.0 <= 0.0 || sigma.1 <= 0.0 {
                fail!(
                    InvalidArgument,
                    "gaussian_blur: expected positive sizes and deviations, found {size:?}, {sigma:?}"
                );
            }
            let (vertical, horizontal) = (bell(size.0, sigma.1), bell(size.1, sigma.0));
            let kernel: Vec<f64> = vertical.iter().flat_map(|v| horizontal.iter().map(move |h| v * h)).collect();
            batched(self, data_format, |x| {
                let (x, dtype) = as_float(x)?;
                let kernel = per_channel(&[kernel], size, x.shape()?[3], x.dtype()?);
                let options = ConvOptions { padding: Padding::Same, ..ConvOptions::default() };
                Ok(x.depthwise_conv(&kernel, &options).cast(dtype))
            })
        })
    }

    /// How steep images are, downwards and to the right, by Sobel's kernels over a reflected border.
    ///
    /// # Shapes
    /// `[batch, height, width, channels]` gives `[batch, height, width, channels, 2]`, or with channels first
    /// `[batch, channels, height, width, 2]`.
    ///
    /// # Errors
    /// `rank_mismatch` unless 4 axes.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.sobel_edges`.
    #[track_caller]
    pub fn sobel_edges(&self, data_format: DataFormat) -> Tensor {
        Tensor::lift(|| {
            if self.rank()? != 4 {
                fail!(RankMismatch, "images: expected 4 axes, found {}", self.rank()?);
            }
            let first = data_format == DataFormat::ChannelsFirst;
            let x = if first { self.transpose(&[0, 2, 3, 1]) } else { self.clone() };
            let (x, dtype) = as_float(&x)?;
            let shape = x.shape()?;
            let padded = x.pad_mode(&[(0, 0), (1, 1), (1, 1), (0, 0)], crate::shape::PadMode::Reflect);
            let down = vec![-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0];
            let right = vec![-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0];
            let kernel = per_channel(&[down, right], (3, 3), shape[3], x.dtype()?);
            let edges = padded.depthwise_conv(&kernel, &ConvOptions::default()).cast(dtype);
            let edges = edges.reshape([&shape[..], &[2]].concat());
            Ok(if first { edges.transpose(&[0, 3, 1, 2, 4]) } else { edges })
        })
    }
}
