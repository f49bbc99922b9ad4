//! `SpatialDropout1D` to `SpatialDropout3D`: one definition over the number of spatial axes.

use cornet_error::{Result, err, fail};
use cornet_ops::nn::geometry::DataFormat;
use cornet_ops::{Tensor, random};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// In training, sets whole channels to 0 with probability `rate` and multiplies the others by 1 / (1 - rate).
///
/// # Shapes
/// `[batch, spatial…, channels]`, or `[batch, channels, spatial…]` with `channels_first`, as it comes.
/// # Errors
/// `rank_mismatch`; `invalid_argument` for a rate outside of 0 to 1.
/// # Source
/// Keras 3 `keras.layers.SpatialDropout1D`, `SpatialDropout2D`, `SpatialDropout3D`.
pub struct SpatialDropout<const RANK: usize> {
    base: LayerBase,
    rate: f64,
    seed: Option<u64>,
    data_format: DataFormat,
}

/// Drops whole channels of sequences.
pub type SpatialDropout1D = SpatialDropout<1>;
/// Drops whole channels of images.
pub type SpatialDropout2D = SpatialDropout<2>;
/// Drops whole channels of volumes.
pub type SpatialDropout3D = SpatialDropout<3>;

impl<const RANK: usize> SpatialDropout<RANK> {
    const CLASS: &'static str = ["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"][RANK - 1];

    /// A layer that drops with this probability.
    pub fn new(rate: f64) -> Self {
        Self { base: LayerBase::new(Self::CLASS), rate, seed: None, data_format: DataFormat::ChannelsLast }
    }

    common_arguments!();

    /// With this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

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
        let mut layer = Self::new(config.need("rate", "a number", Value::as_f64)?);
        layer.base = LayerBase::from_config(config)?;
        layer.seed = config.seed()?;
        if RANK > 1 {
            layer.data_format = config.text("data_format", "channels_last")?.parse()?;
        }
        Ok(layer)
    }
}

impl<const RANK: usize> Layer for SpatialDropout<RANK> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = map(json!({"rate": self.rate, "seed": self.seed}));
        if RANK > 1 {
            config.insert("data_format".into(), self.data_format.to_string().into());
        }
        config
    }

    /// Keras writes these classes without `trainable`, and with the name of the dtype.
    fn config(&self) -> Map<String, Value> {
        let mut config = map(json!({
            "rate": self.rate, "seed": self.seed, "name": self.base.name(),
            "dtype": self.base.policy().variable_dtype().name(),
        }));
        config.extend(self.arguments());
        config
    }

    fn build(&self, _inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        if !(0.0..=1.0).contains(&self.rate) {
            fail!(InvalidArgument, "rate: expected 0 to 1, found {}", self.rate);
        }
        weights.add_generator(self.seed)
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::rank(RANK + 2)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        if !call.is_training() || self.rate == 0.0 {
            return Ok(smallvec![inputs[0].clone()]);
        }
        let Some(generator) = self.base.generators().first() else {
            return Err(err!(InvalidState, "layer '{}' is called before it is built", self.base.name()));
        };
        let channels = if self.data_format == DataFormat::ChannelsLast { RANK + 1 } else { 1 };
        let noise: Vec<Option<usize>> =
            (0..RANK + 2).map(|axis| if axis == 0 || axis == channels { None } else { Some(1) }).collect();
        Ok(smallvec![random::dropout(&inputs[0], self.rate, Some(&noise), generator)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(inputs.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use cornet_tensor::DType;

    use super::*;
    use crate::layers::{Context, apply};

    #[test]
    fn channels_are_dropped_as_a_whole() {
        let x = Tensor::ones([2, 3, 4, 50], DType::F32);
        let y = apply(&SpatialDropout2D::new(0.5).seed(1), &[x], &Context::training()).unwrap();
        let (least, most) = (y[0].min(&[1, 2], false), y[0].max(&[1, 2], false));
        assert_eq!(least.to_vec::<f32>().unwrap(), most.to_vec::<f32>().unwrap());
        let values = least.to_vec::<f32>().unwrap();
        assert!(values.contains(&0.0) && values.contains(&2.0));
    }
}
