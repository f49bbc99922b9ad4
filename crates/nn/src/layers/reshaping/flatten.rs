use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_ops::nn::geometry::DataFormat;
use cornet_tensor::{DType, Shape};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::arg::Arg;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Brings each sample to one axis, channels last.
///
/// # Shapes
/// `x`: `[batch, …]`; `y`: `[batch, elements of a sample]`.
/// # Source
/// Keras 3 `keras.layers.Flatten`.
pub struct Flatten {
    base: LayerBase,
    data_format: DataFormat,
}

impl Default for Flatten {
    fn default() -> Self {
        Self::new()
    }
}

impl Flatten {
    /// The layer.
    pub fn new() -> Self {
        Self { base: LayerBase::new("Flatten"), data_format: DataFormat::ChannelsLast }
    }

    common_arguments!();

    /// With the channels last (the default) or first in the input.
    #[must_use]
    pub fn data_format(mut self, format: impl Into<Arg<DataFormat>>) -> Self {
        if let Some(format) = self.base.accept(format.into()) {
            self.data_format = format;
        }
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let data_format = config.text("data_format", "channels_last")?.parse()?;
        Ok(Self { base: LayerBase::from_config(config)?, data_format })
    }
}

impl Layer for Flatten {
    fn class_name(&self) -> &str {
        "Flatten"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"data_format": self.data_format.to_string()}))
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::min_rank(1)
    }

    fn has_build(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let rank = inputs[0].rank()? as isize;
        let x = match self.data_format {
            DataFormat::ChannelsFirst if rank > 2 => {
                inputs[0].transpose(&[0].into_iter().chain(2..rank).chain([1]).collect::<Vec<_>>())
            }
            _ => inputs[0].clone(),
        };
        let shape = x.shape()?;
        Ok(smallvec![x.reshape(Shape::new(&[shape[0], shape[1..].iter().product()]))])
    }

    fn compute_output_dtype(&self, inputs: &[DType], _outputs: usize) -> Vec<DType> {
        super::kept_dtypes(&self.base, inputs)
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let sample = inputs[0].get(1..).unwrap_or(&[]);
        let elements = sample.iter().copied().product::<Option<usize>>();
        Ok(vec![PartialShape(vec![inputs[0].first().copied().flatten(), elements])])
    }
}
