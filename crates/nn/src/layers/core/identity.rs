use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value};

use crate::layers::layer::common_arguments;
use crate::layers::reshaping::kept_dtypes;
use crate::layers::{Call, Layer, LayerBase, Tensors};
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// Gives what it is given.
///
/// # Shapes
/// As they come.
/// # Source
/// Keras 3 `keras.layers.Identity`.
pub struct Identity {
    base: LayerBase,
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// The layer.
    pub fn new() -> Self {
        Self { base: LayerBase::new("Identity") }
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { base: LayerBase::from_config(config)? })
    }
}

impl Layer for Identity {
    fn class_name(&self) -> &str {
        "Identity"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        Ok(inputs.iter().cloned().collect())
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(inputs.to_vec())
    }

    fn compute_output_dtype(&self, inputs: &[DType], _outputs: usize) -> Vec<DType> {
        kept_dtypes(&self.base, inputs)
    }
}
