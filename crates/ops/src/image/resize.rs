//! Resizing: each axis is a product with a matrix of interpolation weights.

use std::f64::consts::PI;
use std::str::FromStr;

use super::{as_float, back_to, batched};
use crate::core::prelude::*;
use crate::nn::geometry::DataFormat;

/// How values between pixels are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest pixel.
    Nearest,
    /// Between two pixels an axis.
    #[default]
    Bilinear,
    /// Between four pixels an axis, by Keys's cubic (a = -0.5).
    Bicubic,
    /// Lanczos's kernel of radius 3.
    Lanczos3,
    /// Lanczos's kernel of radius 5.
    Lanczos5,
    /// The mean of the area that a pixel covers.
    Area,
}

impl FromStr for Interpolation {
    type Err = cornet_tensor::Error;
    fn from_str(word: &str) -> Result<Self> {
        Ok(match word {
            "nearest" => Interpolation::Nearest,
            "bilinear" | "linear" => Interpolation::Bilinear,
            "bicubic" | "cubic" => Interpolation::Bicubic,
            "lanczos3" => Interpolation::Lanczos3,
            "lanczos5" => Interpolation::Lanczos5,
            "area" => Interpolation::Area,
            _ => fail!(
                InvalidArgument,
                "interpolation: expected nearest, bilinear, bicubic, lanczos3, lanczos5 or area, found '{word}'"
            ),
        })
    }
}

impl Interpolation {
    /// How far the kernel reaches and what it weighs at a distance; none for the ones without a kernel.
    fn weight(self, x: f64) -> f64 {
        let lanczos = |radius: f64| match x {
            x if x > radius => 0.0,
            x if x <= 1e-3 => 1.0,
            _ => radius * (PI * x).sin() * (PI * x / radius).sin() / (PI * PI * x * x),
        };
        match self {
            Interpolation::Bicubic if x >= 2.0 => 0.0,
            Interpolation::Bicubic if x >= 1.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Interpolation::Bicubic => (1.5 * x - 2.5) * x * x + 1.0,
            Interpolation::Lanczos3 => lanczos(3.0),
            Interpolation::Lanczos5 => lanczos(5.0),
            _ => (1.0 - x).max(0.0),
        }
    }
}

/// What happens when the aspect of the images is not that of the size asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Aspect {
    /// They are distorted.
    #[default]
    Stretch,
    /// They are cropped around the centre first.
    Crop,
    /// They are padded with this value first.
    Pad(f64),
}

/// Arguments of [`Tensor::resize_images`]; the defaults are Keras's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResizeOptions {
    /// How values between pixels are found.
    pub interpolation: Interpolation,
    /// Whether kernels widen with the pixels when an image shrinks, so that no detail turns into a false pattern.
    pub antialias: bool,
    /// What happens to images of another aspect.
    pub aspect: Aspect,
    /// Where the channels are.
    pub data_format: DataFormat,
}

/// Weights `[outputs, inputs]` by which pixels are scaled by `scale` and moved by `translation`, each row summing to 1
/// or, outside of the image, to 0.
fn weights(
    (inputs, outputs): (usize, usize),
    scale: f64,
    translation: f64,
    kernel: Interpolation,
    antialias: bool,
) -> Vec<f64> {
    let step = 1.0 / scale;
    let wide = if antialias { step.max(1.0) } else { 1.0 };
    let mut all = Vec::with_capacity(inputs * outputs);
    for o in 0..outputs {
        let at = (o as f64 + 0.5) * step - translation * step - 0.5;
        let row: Vec<f64> = (0..inputs).map(|i| kernel.weight((at - i as f64).abs() / wide)).collect();
        let sum: f64 = row.iter().sum();
        let inside = at >= -0.5 && at <= inputs as f64 - 0.5 && sum.abs() > 1000.0 * f64::from(f32::EPSILON);
        all.extend(row.iter().map(|w| if inside { w / sum } else { 0.0 }));
    }
    all
}

/// Weights `[outputs, inputs]` by which each output is the mean of the inputs it covers.
fn area(inputs: usize, outputs: usize) -> Vec<f64> {
    let step = inputs as f64 / outputs as f64;
    let covered = |o: usize, i: usize| {
        let (start, end) = (o as f64 * step, (o + 1) as f64 * step);
        (end.min((i + 1) as f64) - start.max(i as f64)).max(0.0) / step
    };
    (0..outputs * inputs).map(|k| covered(k / inputs, k % inputs)).collect()
}

/// Multiplies one axis by weights `[outputs, inputs]`.
fn along(x: &Tensor, axis: usize, weights: &[f64], outputs: usize) -> Result<Tensor> {
    let shape = x.shape()?;
    let inputs = shape[axis];
    let matrix = Tensor::from_result(Array::from_f64(x.dtype()?, [outputs, inputs], weights));
    let (lead, tail): (usize, usize) = (shape[..axis].iter().product(), shape[axis + 1..].iter().product());
    let mut to = shape.to_vec();
    to[axis] = outputs;
    Ok(matrix.matmul_with(&x.reshape([lead, inputs, tail]), false, false).reshape(to))
}

/// Images cropped or padded to the aspect of the size, with Keras's rounding.
fn fit_aspect(x: &Tensor, (height, width): (usize, usize), aspect: Aspect) -> Result<Tensor> {
    let shape = x.shape()?;
    let (h, w) = (shape[1], shape[2]);
    let scaled = |a: usize, b: usize, c: usize| ((a * b) as f32 / c as f32) as usize;
    let (fit_h, fit_w) = (scaled(w, height, width), scaled(h, width, height));
    let half = |a: usize, b: usize| (a.saturating_sub(b)) / 2;
    match aspect {
        Aspect::Stretch => Ok(x.clone()),
        Aspect::Crop => {
            let (crop_h, crop_w) = (fit_h.min(h).max(1), fit_w.min(w).max(1));
            Ok(x.slice_axis(1, half(h, crop_h), crop_h).slice_axis(2, half(w, crop_w), crop_w))
        }
        Aspect::Pad(value) => {
            let (add_h, add_w) = (half(fit_h.max(h), h), half(fit_w.max(w), w));
            Ok(x.pad_interior(&[(0, 0, 0), (add_h, add_h, 0), (add_w, add_w, 0), (0, 0, 0)], value))
        }
    }
}

fn resized(x: &Tensor, size: (usize, usize), options: &ResizeOptions) -> Result<Tensor> {
    let x = fit_aspect(x, size, options.aspect)?;
    let shape = x.shape()?;
    if shape[1] == 0 || shape[2] == 0 {
        fail!(DimMismatch, "images: expected at least 1 pixel, found {} by {}", shape[1], shape[2]);
    }
    let axes = [(1, shape[1], size.0), (2, shape[2], size.1)];
    if options.interpolation == Interpolation::Nearest {
        return axes.iter().try_fold(x, |x, &(axis, inputs, outputs)| {
            let step = inputs as f32 / outputs as f32;
            let at = |o: usize| (((o as f32 + 0.5) * step).floor() as usize).min(inputs - 1) as i32;
            let indices: Vec<i32> = (0..outputs).map(at).collect();
            Ok(x.take(&Tensor::from_slice(&indices, [outputs]), axis as isize))
        });
    }
    let (mut y, dtype) = as_float(&x)?;
    for (axis, inputs, outputs) in axes.into_iter().filter(|(_, inputs, outputs)| inputs != outputs) {
        let matrix = match options.interpolation {
            Interpolation::Area => area(inputs, outputs),
            kernel => weights((inputs, outputs), outputs as f64 / inputs as f64, 0.0, kernel, options.antialias),
        };
        y = along(&y, axis, &matrix, outputs)?;
    }
    Ok(back_to(y, dtype))
}

impl Tensor {
    /// Images in another size, pixels being squares with their value at the centre. Integers are rounded and stay
    /// integers.
    ///
    /// # Errors
    /// `rank_mismatch` unless 3 or 4 axes; `invalid_argument` for a size of zero.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.resize`.
    #[track_caller]
    pub fn resize_images(&self, height: usize, width: usize, options: &ResizeOptions) -> Tensor {
        Tensor::lift(|| {
            if height == 0 || width == 0 {
                fail!(InvalidArgument, "resize: expected a size of at least 1 by 1, found {height} by {width}");
            }
            batched(self, options.data_format, |x| resized(x, (height, width), options))
        })
    }

    /// Every axis in `axes` scaled by `scale` and moved by `translation` pixels into `sizes` positions. What lies
    /// outside of the input is 0.
    ///
    /// # Errors
    /// `invalid_argument` for lists of different lengths, for an interpolation without a kernel, or a scale that is
    /// not positive; `out_of_range` for an axis that is not there.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.scale_and_translate`.
    #[track_caller]
    pub fn scale_and_translate(
        &self,
        axes: &[isize],
        sizes: &[usize],
        scale: &[f64],
        translation: &[f64],
        interpolation: Interpolation,
        antialias: bool,
    ) -> Tensor {
        Tensor::lift(|| {
            if [sizes.len(), scale.len(), translation.len()] != [axes.len(); 3] {
                fail!(InvalidArgument, "scale_and_translate: expected sizes, scales and translations for each axis");
            }
            if matches!(interpolation, Interpolation::Nearest | Interpolation::Area) {
                fail!(InvalidArgument, "scale_and_translate: expected an interpolation with a kernel");
            }
            if scale.iter().any(|s| s.is_nan() || *s <= 0.0) {
                fail!(InvalidArgument, "scale: expected positive numbers, found {scale:?}");
            }
            let (mut y, dtype) = as_float(self)?;
            for (i, &axis) in axes.iter().enumerate() {
                let shape = y.shape()?;
                let axis = shape.axis(axis)?;
                let matrix = weights((shape[axis], sizes[i]), scale[i], translation[i], interpolation, antialias);
                y = along(&y, axis, &matrix, sizes[i])?;
            }
            if dtype.is_int() {
                let bounds = self.cast(y.dtype()?);
                y = y.round().clip(bounds.min(&[], false), bounds.max(&[], false));
            }
            Ok(back_to(y, dtype))
        })
    }
}
