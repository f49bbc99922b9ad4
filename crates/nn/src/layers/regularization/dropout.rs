use cornet_error::{Result, err, fail};
use cornet_ops::{Tensor, random};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// In training, sets elements to 0 with probability `rate` and multiplies the others by 1 / (1 - rate); else nothing.
///
/// # Shapes
/// As they come.
/// # Source
/// Keras 3 `keras.layers.Dropout`.
pub struct Dropout {
    base: LayerBase,
    rate: f64,
    seed: Option<u64>,
    noise_shape: Option<Vec<Option<usize>>>,
}

impl Dropout {
    /// A layer that drops with this probability.
    pub fn new(rate: f64) -> Self {
        Self { base: LayerBase::new("Dropout"), rate, seed: None, noise_shape: None }
    }

    common_arguments!();

    /// With this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Dropping along axes of size 1 as one; `None` stands for an axis's own size.
    #[must_use]
    pub fn noise_shape(mut self, noise_shape: impl Into<Vec<Option<usize>>>) -> Self {
        self.noise_shape = Some(noise_shape.into());
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let rate = config.need("rate", "a number", Value::as_f64)?;
        let noise_shape = match config.get("noise_shape") {
            Value::Null => None,
            shape => Some(PartialShape::from_json(shape)?.0),
        };
        Ok(Self { base: LayerBase::from_config(config)?, rate, seed: config.seed()?, noise_shape })
    }
}

impl Layer for Dropout {
    fn class_name(&self) -> &str {
        "Dropout"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}))
    }

    fn build(&self, _inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        if !(0.0..=1.0).contains(&self.rate) {
            fail!(InvalidArgument, "rate: expected 0 to 1, found {}", self.rate);
        }
        weights.add_generator(self.seed)
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
        Ok(smallvec![random::dropout(&inputs[0], self.rate, self.noise_shape.as_deref(), generator)])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(inputs.to_vec())
    }
}
