use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::function_layer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors};
use crate::saving::config::{Config, map};

/// `x`, or `alpha · (exp(x) - 1)` where x < 0.
///
/// # Shapes
/// As they come.
/// # Source
/// Keras 3 `keras.layers.ELU`.
pub struct ELU {
    base: LayerBase,
    alpha: f64,
}

impl Default for ELU {
    fn default() -> Self {
        Self::new()
    }
}

impl ELU {
    /// The layer with slope 1 at 0.
    pub fn new() -> Self {
        Self { base: LayerBase::new("ELU"), alpha: 1.0 }
    }

    /// With this bound below; by default 1.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { base: LayerBase::from_config(config)?, alpha: config.float("alpha", 1.0)? })
    }
}

impl Layer for ELU {
    function_layer!("ELU");

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"alpha": self.alpha}))
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        Ok(smallvec![inputs[0].elu(self.alpha)])
    }
}
