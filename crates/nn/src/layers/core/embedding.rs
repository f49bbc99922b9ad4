use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::arg::Choice;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::layer::common_arguments;
use crate::layers::lora::{Lora, LoraArguments};
use crate::layers::{Call, Layer, LayerBase, Masks, Tensors, WeightSpec, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// The names of the low-rank factors.
const LORA_EMBEDDINGS: [&str; 2] = ["lora_embeddings_a", "lora_embeddings_b"];

/// A table of vectors and its arguments: what `Embedding` and `ReversibleEmbedding` have in common.
pub(super) struct Table {
    pub input_dim: usize,
    pub output_dim: usize,
    pub initializer: Initializer,
    pub regularizer: Option<Regularizer>,
    pub constraint: Option<Constraint>,
    pub mask_zero: bool,
    pub weights: Option<Array>,
    pub lora: LoraArguments,
}

impl Table {
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Self {
            input_dim,
            output_dim,
            initializer: Initializer::parse("uniform").unwrap_or(Initializer::Zeros),
            regularizer: None,
            constraint: None,
            mask_zero: false,
            weights: None,
            lora: LoraArguments::default(),
        }
    }

    pub fn from_config(config: &Config<'_>) -> Result<Self> {
        // The length of the sequences was an argument of older Keras and means nothing.
        config.get("input_length");
        Ok(Self {
            input_dim: config.size("input_dim")?,
            output_dim: config.size("output_dim")?,
            initializer: Initializer::argument(config, "embeddings_initializer", "uniform")?,
            regularizer: Regularizer::from_json(config.get("embeddings_regularizer"))?,
            constraint: Constraint::from_json(config.get("embeddings_constraint"))?,
            mask_zero: config.flag("mask_zero", false)?,
            weights: None,
            lora: LoraArguments::from_config(config)?,
        })
    }

    pub fn arguments(&self, base: &LayerBase) -> Map<String, Value> {
        let mut config = map(json!({
            "input_dim": self.input_dim, "output_dim": self.output_dim,
            "embeddings_initializer": self.initializer.to_json(),
            "embeddings_regularizer": self.regularizer.map(|r| r.to_json()),
            "activity_regularizer": base.activity_regularizer().map(|r| r.to_json()),
            "embeddings_constraint": self.constraint.map(|c| c.to_json()),
            "mask_zero": self.mask_zero, "quantization_config": null,
        }));
        self.lora.write(base, &mut config);
        config
    }

    /// Makes `embeddings`.
    pub fn build(&self, weights: &mut Weights<'_>) -> Result<()> {
        if self.input_dim == 0 || self.output_dim == 0 {
            fail!(InvalidArgument, "input_dim and output_dim: expected at least 1, found 0");
        }
        let shape = [self.input_dim, self.output_dim];
        let spec = WeightSpec::new("embeddings", shape, &self.initializer);
        weights.add(spec.regularizer(self.regularizer).constraint(self.constraint))?;
        if let (Some(given), Some(made)) = (&self.weights, weights.made.last()) {
            if given.shape() != made.variable.shape() {
                fail!(ShapeMismatch, "weights: expected {}, found {}", made.variable.shape(), given.shape());
            }
            made.variable.set(given.cast(made.variable.dtype())?)?;
        }
        LoraArguments { alpha: None, ..self.lora }.build(LORA_EMBEDDINGS, weights)
    }

    pub fn enable_lora(base: &LayerBase, lora: Lora) -> Result<()> {
        LoraArguments::enable(base, lora, LORA_EMBEDDINGS)
    }

    /// The vectors of the indices.
    pub fn look_up(base: &LayerBase, indices: &Tensor) -> Result<Tensor> {
        let indices = match indices.dtype()? {
            DType::I32 | DType::I64 => indices.clone(),
            _ => indices.cast(DType::I32),
        };
        Ok(base.read_adapted().take(&indices, 0))
    }

    /// What is not 0, if zeros are padding.
    pub fn mask(&self, indices: &Tensor) -> Option<Tensor> {
        self.mask_zero.then(|| indices.not_equal(0))
    }
}

/// The builder methods of embeddings.
macro_rules! table_arguments {
    () => {
        /// With this rule for the first vectors; by default `uniform`, between -0.05 and 0.05.
        #[must_use]
        pub fn embeddings_initializer(mut self, initializer: impl Into<crate::arg::Arg<Initializer>>) -> Self {
            if let Some(initializer) = self.base.accept(initializer.into()) {
                self.table.initializer = initializer;
            }
            self
        }

        /// With this penalty on the vectors.
        #[must_use]
        pub fn embeddings_regularizer(mut self, regularizer: impl Into<crate::arg::Arg<Regularizer>>) -> Self {
            self.table.regularizer = self.base.accept(regularizer.into());
            self
        }

        /// With this penalty on the outputs.
        #[must_use]
        pub fn activity_regularizer(mut self, regularizer: impl Into<crate::arg::Arg<Regularizer>>) -> Self {
            self.base.set_activity_regularizer(regularizer.into());
            self
        }

        /// With this bound on the vectors.
        #[must_use]
        pub fn embeddings_constraint(mut self, constraint: impl Into<crate::arg::Arg<Constraint>>) -> Self {
            self.table.constraint = self.base.accept(constraint.into());
            self
        }

        /// With index 0 as padding, which the mask of the output leaves out; by default without.
        #[must_use]
        pub fn mask_zero(mut self, mask_zero: bool) -> Self {
            self.table.mask_zero = mask_zero;
            self
        }

        /// With these vectors to begin with, `[input_dim, output_dim]`.
        #[must_use]
        pub fn weights(mut self, weights: Array) -> Self {
            self.table.weights = Some(weights);
            self
        }

        /// With frozen vectors and, beside them, low-rank factors of this rank that are trained.
        #[must_use]
        pub fn lora_rank(mut self, rank: usize) -> Self {
            self.table.lora.rank = Some(rank);
            self
        }

        /// With the factor alpha / rank before what the low-rank factors add. As in Keras 3.15.1 the build falls back
        /// to alpha = rank; [`Layer::enable_lora`] keeps it.
        #[must_use]
        pub fn lora_alpha(mut self, alpha: f64) -> Self {
            self.table.lora.alpha = Some(alpha);
            self
        }
    };
}
pub(super) use table_arguments;

/// Indices to vectors: `y = embeddings[x]`.
///
/// # Shapes
/// `x`: integers `[batch, …]` below `input_dim`; `y`: `[batch, …, output_dim]`. With `mask_zero` the mask is `x ≠ 0`.
/// # Weights
/// `embeddings` `[input_dim, output_dim]`; with `lora_rank`, `lora_embeddings_a` `[input_dim, rank]` and
/// `lora_embeddings_b` `[rank, output_dim]`.
/// # Errors
/// `out_of_range` for an index that there is not; `shape_mismatch` for `weights` of another shape.
/// # Source
/// Keras 3 `keras.layers.Embedding`.
pub struct Embedding {
    base: LayerBase,
    table: Table,
}

impl Embedding {
    /// Vectors of `output_dim` numbers for the indices below `input_dim`.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Self { base: LayerBase::new("Embedding"), table: Table::new(input_dim, output_dim) }
    }

    common_arguments!();
    table_arguments!();

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { base: LayerBase::from_config(config)?, table: Table::from_config(config)? })
    }
}

impl Layer for Embedding {
    fn class_name(&self) -> &str {
        "Embedding"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        self.table.arguments(&self.base)
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, _inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        self.table.build(weights)
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

    fn compute_mask(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Masks> {
        Ok(smallvec![self.table.mask(&inputs[0])])
    }

    fn call(&self, inputs: &[Tensor], _call: &Call<'_>) -> Result<Tensors> {
        Ok(smallvec![Table::look_up(&self.base, &inputs[0])?])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let sizes = inputs[0].iter().copied().chain([Some(self.table.output_dim)]);
        Ok(vec![PartialShape(sizes.collect())])
    }
}
