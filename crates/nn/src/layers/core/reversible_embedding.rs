use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value};
use smallvec::smallvec;

use super::embedding::{Table, table_arguments};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::layer::common_arguments;
use crate::layers::lora::Lora;
use crate::layers::{Call, Layer, LayerBase, Masks, Tensors, WeightSpec, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, number};
use crate::shape::PartialShape;

/// Indices to vectors, and back: `y = embeddings[x]`, or with the argument `reverse` the scores
/// `y = cap · tanh(x · embeddingsᵀ / cap)` of all indices, without the bound if `logit_soft_cap` is not given.
///
/// ```
/// use cornet_nn::layers::{Arguments, Input, ReversibleEmbedding};
/// use cornet_nn::models::Symbolic;
/// use std::sync::Arc;
/// let words = Arc::new(ReversibleEmbedding::new(1000, 32));
/// let hidden = words.clone().on(&Input::new([16]).symbol());
/// let scores = words.on_with(&hidden, Arguments::new().with_value("reverse", true)).swap_remove(0);
/// assert_eq!(scores.shape()?.to_string(), "(None, 16, 1000)");
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Shapes
/// `x`: integers `[batch, …]` below `input_dim`; `y`: `[batch, …, output_dim]`; with `reverse` the other way round. With
/// `mask_zero` the mask is `x ≠ 0`, and none with `reverse`.
/// # Weights
/// `embeddings` `[input_dim, output_dim]` and, without `tie_weights`, `reverse_embeddings` `[output_dim, input_dim]`.
/// # Errors
/// `out_of_range` for an index that there is not.
/// # Source
/// Keras 3 `keras.layers.ReversibleEmbedding`.
pub struct ReversibleEmbedding {
    base: LayerBase,
    table: Table,
    tie_weights: bool,
    reverse_dtype: Option<DType>,
    logit_soft_cap: Option<f64>,
}

impl ReversibleEmbedding {
    /// Vectors of `output_dim` numbers for the indices below `input_dim`.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Self {
            base: LayerBase::new("ReversibleEmbedding"),
            table: Table::new(input_dim, output_dim),
            tie_weights: true,
            reverse_dtype: None,
            logit_soft_cap: None,
        }
    }

    common_arguments!();
    table_arguments!();

    /// With one table for both directions (the default), or one each.
    #[must_use]
    pub fn tie_weights(mut self, tie_weights: bool) -> Self {
        self.tie_weights = tie_weights;
        self
    }

    /// With scores in this dtype; by default the one that the layer computes in.
    #[must_use]
    pub fn reverse_dtype(mut self, dtype: DType) -> Self {
        self.reverse_dtype = Some(dtype);
        self
    }

    /// With scores that stay between plus and minus this bound; by default without.
    #[must_use]
    pub fn logit_soft_cap(mut self, cap: f64) -> Self {
        self.logit_soft_cap = Some(cap);
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            base: LayerBase::from_config(config)?,
            table: Table::from_config(config)?,
            tie_weights: config.flag("tie_weights", true)?,
            reverse_dtype: match config.text("reverse_dtype", "")? {
                "" => None,
                name => Some(name.parse()?),
            },
            logit_soft_cap: config.optional("logit_soft_cap", "a number", Value::as_f64)?,
        })
    }

    fn reverse(&self, x: &Tensor) -> Tensor {
        let (mut x, mut kernel) = match self.tie_weights {
            true => (x.clone(), self.base.read_adapted().swap_last()),
            false => (x.clone(), self.base.read(1)),
        };
        if let Some(dtype) = self.reverse_dtype {
            (x, kernel) = (x.cast(dtype), kernel.cast(dtype));
        }
        let scores = x.matmul(kernel);
        match self.logit_soft_cap {
            Some(cap) => (scores / cap).tanh() * cap,
            None => scores,
        }
    }
}

fn is_reverse(call: &Call<'_>) -> bool {
    call.arguments.flag("reverse").unwrap_or(false)
}

impl Layer for ReversibleEmbedding {
    fn class_name(&self) -> &str {
        "ReversibleEmbedding"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = self.table.arguments(&self.base);
        config.insert("tie_weights".into(), self.tie_weights.into());
        config.insert("reverse_dtype".into(), self.reverse_dtype.map(|dtype| dtype.name().to_owned()).into());
        config.insert("logit_soft_cap".into(), self.logit_soft_cap.map_or(Value::Null, number));
        config
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, _inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        self.table.build(weights)?;
        if self.tie_weights {
            return Ok(());
        }
        let shape = [self.table.output_dim, self.table.input_dim];
        weights.add(WeightSpec::new("reverse_embeddings", shape, &self.table.initializer))
    }

    fn enable_lora(&self, lora: Lora) -> Result<()> {
        Table::enable_lora(&self.base, lora)
    }

    fn autocast(&self) -> bool {
        false
    }

    fn supports_masking(&self) -> bool {
        self.table.mask_zero
    }

    fn compute_mask(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Masks> {
        Ok(smallvec![if is_reverse(call) { None } else { self.table.mask(&inputs[0]) }])
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        Ok(smallvec![match is_reverse(call) {
            true => self.reverse(&inputs[0]),
            false => Table::look_up(&self.base, &inputs[0])?,
        }])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        self.compute_output_shape_with(inputs, &Map::new())
    }

    fn compute_output_shape_with(
        &self,
        inputs: &[PartialShape],
        arguments: &Map<String, Value>,
    ) -> Result<Vec<PartialShape>> {
        let (input, is_reverse) = (&inputs[0], arguments.get("reverse").and_then(Value::as_bool).unwrap_or(false));
        if !is_reverse {
            return Ok(vec![PartialShape(input.iter().copied().chain([Some(self.table.output_dim)]).collect())]);
        }
        let mut shape = input.clone();
        let last = shape.axis(-1)?;
        shape.0[last] = Some(self.table.input_dim);
        Ok(vec![shape])
    }
}
