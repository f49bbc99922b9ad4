use cornet_error::{Result, err};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::function_layer;
use crate::activations;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors};
use crate::saving::config::{Config, map};

/// `x` where it is above `threshold`, at most `max_value`; else `negative_slope · (x - threshold)`.
///
/// # Shapes
/// As they come.
/// # Errors
/// `invalid_argument` for a negative argument.
/// # Source
/// Keras 3 `keras.layers.ReLU`.
pub struct ReLU {
    base: LayerBase,
    max_value: Option<f64>,
    negative_slope: f64,
    threshold: f64,
}

impl Default for ReLU {
    fn default() -> Self {
        Self::new()
    }
}

impl ReLU {
    /// The layer of `max(x, 0)`.
    pub fn new() -> Self {
        Self::of(LayerBase::new("ReLU"))
    }

    fn of(base: LayerBase) -> Self {
        Self { base, max_value: None, negative_slope: 0.0, threshold: 0.0 }
    }

    fn checked(&mut self, name: &str, value: f64) -> f64 {
        if value.is_nan() || value < 0.0 {
            self.base.refuse(err!(InvalidArgument, "{name}: expected at least 0, found {value}"));
        }
        value
    }

    /// With this bound above; by default none.
    #[must_use]
    pub fn max_value(mut self, max_value: f64) -> Self {
        self.max_value = Some(self.checked("max_value", max_value));
        self
    }

    /// With this slope below the threshold; by default 0.
    #[must_use]
    pub fn negative_slope(mut self, slope: f64) -> Self {
        self.negative_slope = self.checked("negative_slope", slope);
        self
    }

    /// With this threshold; by default 0.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = self.checked("threshold", threshold);
        self
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let slope = config.float("negative_slope", 0.0)?;
        let relu = Self::of(LayerBase::from_config(config)?).negative_slope(slope);
        let relu = relu.threshold(config.float("threshold", 0.0)?);
        let most = config.optional("max_value", "a number", Value::as_f64)?;
        Ok(match most {
            Some(most) => relu.max_value(most),
            None => relu,
        })
    }
}

impl Layer for ReLU {
    function_layer!("ReLU");

    fn arguments(&self) -> Map<String, Value> {
        let Self { max_value, negative_slope, threshold, .. } = self;
        map(json!({"max_value": max_value, "negative_slope": negative_slope, "threshold": threshold}))
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        let y = activations::relu(&inputs[0], self.negative_slope, self.max_value, self.threshold);
        Ok(smallvec![y])
    }
}
