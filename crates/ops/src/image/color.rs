//! Colour spaces.

use super::{as_float, batched};
use crate::core::prelude::*;
use crate::nn::geometry::DataFormat;

/// The three channels of `[batch, height, width, 3]`, each with a channel axis of 1.
fn channels(x: &Tensor) -> Result<[Tensor; 3]> {
    let shape = x.shape()?;
    if shape[3] != 3 {
        fail!(DimMismatch, "images: expected 3 channels, found {}", shape[3]);
    }
    Ok(std::array::from_fn(|i| x.slice_axis(3, i, 1)))
}

fn floats(x: &Tensor) -> Result<()> {
    let dtype = x.dtype()?;
    if dtype.is_float() {
        return Ok(());
    }
    Err(err!(DtypeMismatch, "images: expected a float, found {dtype}").help("scale the values to 0 … 1 first"))
}

impl Tensor {
    /// The luminance 0.2989 · red + 0.587 · green + 0.114 · blue, as one channel, in the dtype of the images. Images of
    /// one channel stay as they are.
    ///
    /// # Errors
    /// `rank_mismatch` unless 3 or 4 axes; `dim_mismatch` unless 1 or 3 channels.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.rgb_to_grayscale`.
    #[track_caller]
    pub fn rgb_to_grayscale(&self, data_format: DataFormat) -> Tensor {
        Tensor::lift(|| {
            batched(self, data_format, |x| {
                if x.shape()?[3] == 1 {
                    return Ok(x.clone());
                }
                let (x, dtype) = as_float(x)?;
                let [r, g, b] = channels(&x)?;
                Ok((r * 0.2989 + g * 0.587 + b * 0.114).cast(dtype))
            })
        })
    }

    /// Hue, saturation and value, each 0 to 1, of red, green and blue of 0 to 1.
    ///
    /// # Errors
    /// As [`Tensor::rgb_to_grayscale`]; `dtype_mismatch` unless floats.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.rgb_to_hsv`.
    #[track_caller]
    pub fn rgb_to_hsv(&self, data_format: DataFormat) -> Tensor {
        Tensor::lift(|| {
            floats(self)?;
            batched(self, data_format, |x| {
                let [r, g, b] = channels(x)?;
                let value = r.maximum(&g).maximum(&b);
                let range = &value - r.minimum(&g).minimum(&b);
                let flat = range.less_equal(0.0);
                let norm = 1.0 / (flat.where_(1.0, &range) * 6.0);
                let of_red = (&g - &b) * &norm;
                let of_green = (&b - &r) * &norm + 2.0 / 6.0;
                let of_blue = (&r - &g) * &norm + 4.0 / 6.0;
                let hue = r.equal(&value).where_(&of_red, g.equal(&value).where_(&of_green, &of_blue));
                let hue = flat.where_(0.0, hue.less(0.0).where_(&hue + 1.0, &hue));
                let lit = value.greater(0.0);
                let saturation = lit.where_(&range / lit.where_(&value, 1.0), 0.0);
                Ok(Tensor::concat(&[&hue, &saturation, &value], 3))
            })
        })
    }

    /// Red, green and blue of hue, saturation and value, all 0 to 1.
    ///
    /// # Errors
    /// As [`Tensor::rgb_to_hsv`].
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.hsv_to_rgb`.
    #[track_caller]
    pub fn hsv_to_rgb(&self, data_format: DataFormat) -> Tensor {
        Tensor::lift(|| {
            floats(self)?;
            batched(self, data_format, |x| {
                let [hue, saturation, value] = channels(x)?;
                let sixth = hue * 6.0;
                let red = (&sixth - 3.0).abs() - 1.0;
                let green = 2.0 - (&sixth - 2.0).abs();
                let blue = 2.0 - (&sixth - 4.0).abs();
                let part = |c: &Tensor| (1.0 - &saturation + &saturation * c.clip(0.0, 1.0)) * &value;
                Ok(Tensor::concat(&[&part(&red), &part(&green), &part(&blue)], 3))
            })
        })
    }
}
