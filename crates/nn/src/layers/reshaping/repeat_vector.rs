use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::{Call, InputSpec, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Repeats a vector, as each step of a sequence.
///
/// # Shapes
/// `x`: `[batch, features]`; `y`: `[batch, n, features]`.
/// # Errors
/// `rank_mismatch`; `invalid_argument` for an `n` of 0.
/// # Source
/// Keras 3 `keras.layers.RepeatVector`.
pub struct RepeatVector {
    base: LayerBase,
    n: usize,
}

impl RepeatVector {
    /// So many times.
    pub fn new(n: usize) -> Self {
        Self { base: LayerBase::new("RepeatVector"), n }
    }

    common_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { base: LayerBase::from_config(config)?, n: config.size("n")? })
    }
}

impl Layer for RepeatVector {
    fn class_name(&self) -> &str {
        "RepeatVector"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"n": self.n}))
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], _weights: &mut Weights<'_>) -> Result<()> {
        if self.n == 0 {
            fail!(InvalidArgument, "n: expected at least 1, found 0");
        }
        self.input_spec().check_partial(&inputs[0])
    }

    fn input_spec(&self) -> InputSpec {
        InputSpec::rank(2)
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        Ok(smallvec![inputs[0].expand_dims(&[1]).repeat(self.n, Some(1))])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        self.input_spec().check_partial(&inputs[0])?;
        Ok(vec![PartialShape(vec![inputs[0][0], Some(self.n), inputs[0][1]])])
    }
}
