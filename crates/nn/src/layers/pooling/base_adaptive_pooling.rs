//! `AdaptiveMaxPooling1D` to `AdaptiveAveragePooling3D`: one definition over the number of spatial axes and the kind.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::geometry::DataFormat;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::spatial::{Sizes, format_argument};
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// The greatest value (`MAX`) or the mean of each of `output_size` windows an axis, which cover the input as evenly as
/// its size allows: window i of n over a size of m is from ⌊i · m / n⌋ to ⌈(i + 1) · m / n⌉.
///
/// # Shapes
/// `x`: `[batch, spatial…, channels]`, or `[batch, channels, spatial…]` with `channels_first`; `y` the same with the
/// spatial axes of `output_size`.
/// # Errors
/// `rank_mismatch`; `invalid_argument` for sizes of 0 or more than the input's.
/// # Source
/// Keras 3 `keras.layers.AdaptiveMaxPooling2D`, `AdaptiveAveragePooling2D` and their likes.
pub struct AdaptivePooling<const RANK: usize, const MAX: bool> {
    base: LayerBase,
    output_size: [usize; RANK],
    data_format: DataFormat,
}

/// The greatest value of each of so many windows over one axis.
pub type AdaptiveMaxPooling1D = AdaptivePooling<1, true>;
/// The greatest value of each of so many windows of an image.
pub type AdaptiveMaxPooling2D = AdaptivePooling<2, true>;
/// The greatest value of each of so many windows of a volume.
pub type AdaptiveMaxPooling3D = AdaptivePooling<3, true>;
/// The mean of each of so many windows over one axis.
pub type AdaptiveAveragePooling1D = AdaptivePooling<1, false>;
/// The mean of each of so many windows of an image.
pub type AdaptiveAveragePooling2D = AdaptivePooling<2, false>;
/// The mean of each of so many windows of a volume.
pub type AdaptiveAveragePooling3D = AdaptivePooling<3, false>;

impl<const RANK: usize, const MAX: bool> AdaptivePooling<RANK, MAX> {
    const CLASS: &'static str = [
        ["AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D"],
        ["AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D"],
    ][MAX as usize][RANK - 1];

    /// So many windows: one number for all axes, or one each.
    pub fn new(output_size: impl Into<Sizes<RANK>>) -> Self {
        let base = LayerBase::new(Self::CLASS);
        Self { base, output_size: output_size.into().0, data_format: DataFormat::default() }
    }

    common_arguments!();
    format_argument!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let Some(output_size) = Sizes::from_config(config, "output_size")? else {
            fail!(Corrupt, "{}.output_size: expected sizes, found nothing", config.class());
        };
        let data_format = config.text("data_format", "channels_last")?.parse()?;
        Ok(Self { base: LayerBase::from_config(config)?, output_size: output_size.0, data_format })
    }
}

impl<const RANK: usize, const MAX: bool> Layer for AdaptivePooling<RANK, MAX> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"output_size": &self.output_size[..], "data_format": self.data_format.to_string()}))
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.compute_output_shape(inputs).map(|_| ())
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::rank(RANK + 2)
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let (x, size) = (&inputs[0], &self.output_size);
        Ok(smallvec![match MAX {
            true => x.adaptive_max_pool(size, self.data_format),
            false => x.adaptive_average_pool(size, self.data_format),
        }])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let mut shape = inputs[0].clone();
        if shape.rank() != RANK + 2 {
            return Err(err!(RankMismatch, "axes of the input: expected {}, found {}", RANK + 2, shape.rank())
                .operand("input", shape)
                .help("expected batch, spatial axes and channels"));
        }
        if self.output_size.contains(&0) {
            fail!(InvalidArgument, "output_size: expected at least 1, found 0");
        }
        let first = if self.data_format == DataFormat::ChannelsLast { 1 } else { 2 };
        for (axis, &size) in self.output_size.iter().enumerate() {
            if let Some(most) = shape.0[first + axis].filter(|&most| most < size) {
                fail!(InvalidArgument, "output_size of axis {axis}: expected at most {most}, found {size}");
            }
            shape.0[first + axis] = Some(size);
        }
        Ok(vec![shape])
    }
}

#[cfg(test)]
mod tests {
    use cornet_cpu as _;
    use cornet_error::Code;

    use super::*;
    use crate::layers::{Context, apply};

    #[test]
    fn windows_cover_the_input_evenly() {
        let x = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0, 9.0], [1, 5, 1]);
        let run = |layer: &dyn Layer| apply(layer, std::slice::from_ref(&x), &Context::inference()).unwrap()[0].clone();
        // [0, 2), [1, 4), [3, 5)
        assert_eq!(run(&AdaptiveAveragePooling1D::new(3)).to_vec::<f32>().unwrap(), [1.5, 3.0, 6.5]);
        assert_eq!(run(&AdaptiveMaxPooling1D::new(3)).to_vec::<f32>().unwrap(), [2.0, 4.0, 9.0]);
        let error = apply(&AdaptiveMaxPooling1D::new(6), std::slice::from_ref(&x), &Context::inference()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}
