//! How alike two images are.

use super::as_float;
use super::filters::bell;
use crate::core::prelude::*;
use crate::nn::ConvOptions;
use crate::nn::geometry::DataFormat;

impl Tensor {
    /// The structural similarity of images, averaged over pixels and channels: one number an image.
    ///
    /// # Errors
    /// `shape_mismatch` unless both have one shape; `rank_mismatch` unless 3 or 4 axes; `dim_mismatch` for images
    /// smaller than the filter.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.ssim`: a Gaussian filter of size 11 and deviation 1.5, k1 = 0.01, k2 = 0.03.
    #[track_caller]
    pub fn ssim(&self, other: &Tensor, max_val: f64, data_format: DataFormat) -> Tensor {
        self.ssim_with(other, max_val, (11, 1.5), (0.01, 0.03), data_format)
    }

    /// The same with a filter of another size and deviation, and other constants k1 and k2.
    #[track_caller]
    pub fn ssim_with(
        &self,
        other: &Tensor,
        max_val: f64,
        (size, sigma): (usize, f64),
        (k1, k2): (f64, f64),
        data_format: DataFormat,
    ) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            if shape != other.shape()? {
                fail!(ShapeMismatch, "ssim: expected {shape}, found {}", other.shape()?);
            }
            let dtype = self.dtype()?;
            // Channels as images of their own.
            let apart = |x: &Tensor| {
                let (x, _) = as_float(x)?;
                let x = match x.rank()? {
                    3 => x.expand_dims(&[0]),
                    4 => x,
                    rank => fail!(RankMismatch, "images: expected 3 or 4 axes, found {rank}"),
                };
                let first = if data_format == DataFormat::ChannelsFirst { x } else { x.transpose(&[0, 3, 1, 2]) };
                let s = first.shape()?;
                Ok((first.reshape([s[0] * s[1], s[2], s[3], 1]), s[0], s[1]))
            };
            let ((a, batch, channels), (b, _, _)) = (apart(self)?, apart(other)?);
            let line = bell(size, sigma);
            let kernel: Vec<f64> = line.iter().flat_map(|v| line.iter().map(move |h| v * h)).collect();
            let kernel = Tensor::from_result(Array::from_f64(a.dtype()?, [size, size, 1, 1], &kernel));
            let blur = |x: &Tensor| x.conv(&kernel, &ConvOptions::default());
            let (c1, c2) = ((k1 * max_val).powi(2), (k2 * max_val).powi(2));
            let (mean_a, mean_b) = (blur(&a), blur(&b));
            let (aa, bb, ab) = (mean_a.square(), mean_b.square(), &mean_a * &mean_b);
            let (var_a, var_b) = (blur(&a.square()) - &aa, blur(&b.square()) - &bb);
            let covariance = blur(&(&a * &b)) - &ab;
            let above = (&ab * 2.0 + c1) * (covariance * 2.0 + c2);
            let below = (aa + bb + c1) * (var_a + var_b + c2);
            let each = (above / below).mean(&[1, 2, 3], false).reshape([batch, channels]).mean(&[1], false);
            Ok(if shape.rank() == 3 { each.squeeze(&[0]) } else { each }.cast(dtype))
        })
    }
}
