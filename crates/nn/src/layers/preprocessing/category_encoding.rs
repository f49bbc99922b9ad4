use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::encode::{OutputMode, encode, encoded_shape, refuse_sparse};
use crate::arg::{Arg, Choice};
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Category numbers as rows: with ones for those that occur, or with how often they occur.
///
/// # Shapes
/// `x`: integers `[batch, n]`; `y`: `[batch, num_tokens]`, or with `one_hot` `[batch, n, num_tokens]`, where an `n` of 1
/// vanishes. Numbers from `num_tokens` on count for nothing.
/// # Call arguments
/// `count_weights`: how much each number counts, with `count`.
/// # Source
/// Keras 3 `keras.layers.CategoryEncoding`.
pub struct CategoryEncoding {
    base: LayerBase,
    num_tokens: usize,
    output_mode: OutputMode,
}

impl CategoryEncoding {
    /// A layer for so many categories, counted from 0.
    pub fn new(num_tokens: usize) -> Self {
        Self { base: LayerBase::new("CategoryEncoding"), num_tokens, output_mode: OutputMode::MultiHot }
    }

    common_arguments!();

    /// With `multi_hot` (the default), `one_hot` or `count`.
    #[must_use]
    pub fn output_mode(mut self, mode: impl Into<Arg<OutputMode>>) -> Self {
        if let Some(mode) = self.base.accept(mode.into()) {
            self.output_mode = mode;
        }
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        refuse_sparse(config.flag("sparse", false)?)?;
        let output_mode = OutputMode::parse(config.text("output_mode", "multi_hot")?)?;
        Ok(Self { base: LayerBase::from_config(config)?, num_tokens: config.size("num_tokens")?, output_mode })
    }
}

impl Layer for CategoryEncoding {
    fn class_name(&self) -> &str {
        "CategoryEncoding"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"num_tokens": self.num_tokens, "output_mode": self.output_mode.name()}))
    }

    fn build(&self, _inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        self.output_mode.one_of(&[OutputMode::MultiHot, OutputMode::OneHot, OutputMode::Count])?;
        match self.num_tokens {
            0 => fail!(InvalidArgument, "num_tokens: expected at least 1, found 0"),
            _ => Ok(()),
        }
    }

    fn autocast(&self) -> bool {
        false
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        let weights = call.arguments.tensor("count_weights");
        if weights.is_some() && self.output_mode != OutputMode::Count {
            fail!(InvalidArgument, "count_weights: expected output_mode 'count', found '{}'", self.output_mode.name());
        }
        let dtype = self.base.policy().compute_dtype();
        Ok(smallvec![encode(&inputs[0], self.output_mode, self.num_tokens, dtype, weights)?])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(vec![encoded_shape(&inputs[0], self.output_mode, self.num_tokens)])
    }
}
