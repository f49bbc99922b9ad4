//! `UpSampling1D` to `UpSampling3D`: one definition over the number of spatial axes.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::image::{Interpolation, ResizeOptions};
use cornet_ops::nn::geometry::DataFormat;
use cornet_tensor::Shape;
use serde_json::{Map, Value};
use smallvec::smallvec;

use super::sides::first_axis;
use crate::layers::layer::common_arguments;
use crate::layers::spatial::Sizes;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// Repeats each step of spatial axes so many times; images may be interpolated instead.
///
/// # Shapes
/// `x`: `[batch, spatial…, channels]`, or `[batch, channels, spatial…]` with `channels_first`; `y` the same with spatial
/// axes that many times as long.
/// # Errors
/// `rank_mismatch`; `invalid_argument` for a size of 0, or an interpolation that there is not.
/// # Source
/// Keras 3 `keras.layers.UpSampling1D`, `UpSampling2D`, `UpSampling3D`.
pub struct UpSampling<const RANK: usize> {
    base: LayerBase,
    size: [usize; RANK],
    data_format: DataFormat,
    /// By its name, which configs have.
    interpolation: String,
}

/// Repeats each step of sequences.
pub type UpSampling1D = UpSampling<1>;
/// Repeats each pixel of images, or interpolates between them.
pub type UpSampling2D = UpSampling<2>;
/// Repeats each voxel of volumes.
pub type UpSampling3D = UpSampling<3>;

impl<const RANK: usize> Default for UpSampling<RANK> {
    /// Twice as long.
    fn default() -> Self {
        Self::new(2)
    }
}

impl UpSampling<2> {
    /// With this way of finding values between pixels: `nearest` (the default), `bilinear`, `bicubic`, `lanczos3` or
    /// `lanczos5`.
    #[must_use]
    pub fn interpolation(mut self, interpolation: &str) -> Self {
        let name = interpolation.to_lowercase();
        if let Some(error) = interpolation_of(&name).err() {
            self.base.refuse(error);
        }
        self.interpolation = name;
        self
    }
}

fn interpolation_of(name: &str) -> Result<Interpolation> {
    match name {
        "nearest" | "bilinear" | "bicubic" | "lanczos3" | "lanczos5" => name.parse(),
        _ => Err(err!(
            InvalidArgument,
            "interpolation: expected nearest, bilinear, bicubic, lanczos3 or lanczos5, found '{name}'"
        )),
    }
}

impl<const RANK: usize> UpSampling<RANK> {
    const CLASS: &'static str = ["UpSampling1D", "UpSampling2D", "UpSampling3D"][RANK - 1];

    /// This many times as long: one number for all axes, or one each.
    pub fn new(size: impl Into<Sizes<RANK>>) -> Self {
        let (base, data_format) = (LayerBase::new(Self::CLASS), DataFormat::ChannelsLast);
        Self { base, size: size.into().0, data_format, interpolation: "nearest".into() }
    }

    common_arguments!();

    /// With the channels last (the default) or first; sequences have them last.
    #[must_use]
    pub fn data_format(mut self, format: impl Into<crate::arg::Arg<DataFormat>>) -> Self {
        match self.base.accept(format.into()) {
            Some(DataFormat::ChannelsFirst) if RANK == 1 => {
                self.base.refuse(err!(InvalidArgument, "data_format: expected channels_last, found channels_first"));
            }
            Some(format) => self.data_format = format,
            None => {}
        }
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let mut layer = Self::new(Sizes::from_config(config, "size")?.unwrap_or(Sizes([2; RANK])));
        layer.base = LayerBase::from_config(config)?;
        if RANK > 1 {
            layer.data_format = config.text("data_format", "channels_last")?.parse()?;
        }
        if RANK == 2 {
            layer.interpolation = config.text("interpolation", "nearest")?.to_lowercase();
            interpolation_of(&layer.interpolation)?;
        }
        Ok(layer)
    }

    /// Each step of the spatial axes repeated.
    fn repeated(&self, x: &Tensor) -> Result<Tensor> {
        let (shape, first) = (x.shape()?, first_axis(self.data_format));
        let (mut split, mut wide, mut long) = (Vec::new(), Vec::new(), Vec::new());
        for (axis, &size) in shape.iter().enumerate() {
            let times = axis.checked_sub(first).and_then(|index| self.size.get(index));
            split.push(size);
            wide.push(size);
            if let Some(&times) = times {
                split.push(1);
                wide.push(times);
            }
            long.push(size.saturating_mul(times.copied().unwrap_or(1)));
        }
        let long = Shape::checked(&long, x.dtype()?.size())?;
        Ok(x.reshape(split).broadcast_to(wide).reshape(long))
    }
}

impl<const RANK: usize> Layer for UpSampling<RANK> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = Map::new();
        config.insert("size".into(), if RANK == 1 { self.size[0].into() } else { Value::from(&self.size[..]) });
        if RANK > 1 {
            config.insert("data_format".into(), self.data_format.to_string().into());
        }
        if RANK == 2 {
            config.insert("interpolation".into(), self.interpolation.clone().into());
        }
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        if self.size.contains(&0) {
            fail!(InvalidArgument, "size: expected at least 1, found 0");
        }
        InputSpec::rank(RANK + 2).check_partial(&inputs[0])
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::rank(RANK + 2)
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let x = &inputs[0];
        let (shape, first) = (x.shape()?, first_axis(self.data_format));
        Ok(smallvec![match (interpolation_of(&self.interpolation)?, &self.size[..]) {
            (Interpolation::Nearest, _) | (_, [] | [_] | [_, _, _, ..]) => self.repeated(x)?,
            (interpolation, &[rows, columns]) => {
                let options =
                    ResizeOptions { interpolation, data_format: self.data_format, ..ResizeOptions::default() };
                x.resize_images(shape[first] * rows, shape[first + 1] * columns, &options)
            }
        }])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let (mut shape, first) = (inputs[0].clone(), first_axis(self.data_format));
        for (size, times) in shape.0.iter_mut().skip(first).zip(self.size) {
            *size = size.map(|size| size.saturating_mul(times));
        }
        Ok(vec![shape])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Context, apply};

    #[test]
    fn pixels_are_repeated_along_both_axes() {
        let x = Tensor::of([[[[1.0_f32], [2.0]]]]);
        let y = apply(&UpSampling2D::new((2, 2)), &[x], &Context::inference()).unwrap();
        assert_eq!(y[0].shape().unwrap(), Shape::new(&[1, 2, 4, 1]));
        assert_eq!(y[0].to_vec::<f32>().unwrap(), [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
        let layer = UpSampling2D::default().interpolation("area");
        assert!(apply(&layer, &[Tensor::of([[[[1.0_f32]]]])], &Context::inference()).is_err());
    }
}
