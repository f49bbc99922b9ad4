use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Masks, Tensors};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Leaves out the steps of a sequence that consist of one value: they become 0, and the mask names the others.
///
/// # Shapes
/// `x`: `[batch, …, features]`; `y` the same, its mask `[batch, …]`.
/// # Source
/// Keras 3 `keras.layers.Masking`.
pub struct Masking {
    base: LayerBase,
    mask_value: f64,
}

impl Default for Masking {
    fn default() -> Self {
        Self::new()
    }
}

impl Masking {
    /// Leaves out steps that are 0.
    pub fn new() -> Self {
        Self { base: LayerBase::new("Masking"), mask_value: 0.0 }
    }

    common_arguments!();

    /// With this value of the steps that are left out; by default 0.
    #[must_use]
    pub fn mask_value(mut self, value: f64) -> Self {
        self.mask_value = value;
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { base: LayerBase::from_config(config)?, mask_value: config.float("mask_value", 0.0)? })
    }

    fn counts(&self, x: &Tensor, keepdims: bool) -> Tensor {
        x.not_equal(self.mask_value).any(&[-1], keepdims)
    }
}

impl Layer for Masking {
    fn class_name(&self) -> &str {
        "Masking"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"mask_value": self.mask_value}))
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::min_rank(1)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Masks> {
        Ok(smallvec![Some(self.counts(&inputs[0], false))])
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        Ok(smallvec![self.counts(&inputs[0], true).where_(&inputs[0], 0)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(vec![inputs[0].clone()])
    }
}
