use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors};
use crate::regularizers::Regularizer;
use crate::saving::config::{self, Config};
use crate::shape::PartialShape;

/// Adds a penalty on its input to the loss: `l1 · Σ |x| + l2 · Σ x²`, divided by the size of the batch.
///
/// # Shapes
/// As they come.
/// # Source
/// Keras 3 `keras.layers.ActivityRegularization`.
pub struct ActivityRegularization {
    base: LayerBase,
    l1: f64,
    l2: f64,
}

impl Default for ActivityRegularization {
    fn default() -> Self {
        Self::new()
    }
}

impl ActivityRegularization {
    /// Without any penalty yet.
    pub fn new() -> Self {
        Self::with(LayerBase::new("ActivityRegularization"), 0.0, 0.0)
    }

    fn with(mut base: LayerBase, l1: f64, l2: f64) -> Self {
        base.set_activity_regularizer(Regularizer::l1_l2(l1, l2).into());
        Self { base, l1, l2 }
    }

    common_arguments!();

    /// With this factor of the sum of magnitudes; by default 0.
    #[must_use]
    pub fn l1(self, l1: f64) -> Self {
        Self::with(self.base, l1, self.l2)
    }

    /// With this factor of the sum of squares; by default 0.
    #[must_use]
    pub fn l2(self, l2: f64) -> Self {
        Self::with(self.base, self.l1, l2)
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self::with(LayerBase::from_config(config)?, config.float("l1", 0.0)?, config.float("l2", 0.0)?))
    }
}

impl Layer for ActivityRegularization {
    fn class_name(&self) -> &str {
        "ActivityRegularization"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        config::map(json!({"l1": self.l1, "l2": self.l2}))
    }

    fn config(&self) -> Map<String, Value> {
        let mut config = config::map(json!({
            "name": self.base.name(), "trainable": self.base.trainable(), "dtype": self.base.policy().to_json(),
        }));
        config.extend(self.arguments());
        config
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
}
