use cornet_error::{Result, err};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::function_layer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors};
use crate::saving::config::{Config, map};

/// `x`, or `negative_slope · x` where x < 0.
///
/// # Shapes
/// As they come.
/// # Errors
/// `invalid_argument` for a negative slope.
/// # Source
/// Keras 3 `keras.layers.LeakyReLU`.
pub struct LeakyReLU {
    base: LayerBase,
    negative_slope: f64,
}

impl Default for LeakyReLU {
    fn default() -> Self {
        Self::new()
    }
}

impl LeakyReLU {
    /// The layer with slope 0.3 below 0.
    pub fn new() -> Self {
        Self { base: LayerBase::new("LeakyReLU"), negative_slope: 0.3 }
    }

    /// With this slope below 0; by default 0.3.
    #[must_use]
    pub fn negative_slope(mut self, slope: f64) -> Self {
        if slope.is_nan() || slope < 0.0 {
            self.base.refuse(err!(InvalidArgument, "negative_slope: expected at least 0, found {slope}"));
        }
        self.negative_slope = slope;
        self
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = LayerBase::from_config(config)?;
        // `alpha` is the name of old.
        let slope = config.float("negative_slope", config.float("alpha", 0.3)?)?;
        Ok(Self { base, negative_slope: 0.3 }.negative_slope(slope))
    }
}

impl Layer for LeakyReLU {
    function_layer!("LeakyReLU");

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"negative_slope": self.negative_slope}))
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        Ok(smallvec![inputs[0].leaky_relu(self.negative_slope)])
    }
}
