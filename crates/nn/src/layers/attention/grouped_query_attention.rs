use std::sync::OnceLock;

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::heads::{Given, Heads, Parts, Projection, check_positions, heads_arguments};
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Outputs, Tensors, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Attention by several heads of queries, of which groups share one head of keys and values. With one group for each it
/// is multi-head attention, with one for all multi-query attention.
///
/// The inputs are query, value and, if it is another tensor, key.
///
/// # Shapes
/// `query`: `[batch, queries, features]`; `value` and `key`: `[batch, keys, …]`; the result `[batch, queries, features]`,
/// and with `return_attention_scores` the weights `[batch, num_query_heads, queries, keys]` too.
/// # Call arguments
/// `attention_mask` (`[batch, queries, keys]`, axes of size 1 for heads are added), `query_mask`, `value_mask`,
/// `key_mask`, `use_causal_mask`, `return_attention_scores`, `training`.
/// # Masks
/// Those of the inputs hide keys; that of the query goes on with the result.
/// # Weights
/// `query` `[features, num_query_heads, head_dim]`, `key` `[features, num_key_value_heads, head_dim]`, with `use_gate`
/// `gate` like `query`, `value` like `key`, `attention_output` `[num_query_heads, head_dim, features]`, each a kernel and,
/// with `use_bias`, a bias.
/// # Errors
/// `rank_mismatch`, `shape_mismatch`, `dim_mismatch` for inputs that do not fit each other; `invalid_argument` for sizes
/// of 0, heads that do not divide, or flash attention with dropout or scores.
/// # Source
/// Keras 3 `keras.layers.GroupQueryAttention`.
pub struct GroupQueryAttention {
    base: LayerBase,
    head_dim: usize,
    num_query_heads: usize,
    num_key_value_heads: usize,
    heads: Heads,
    parts: OnceLock<Parts>,
}

impl GroupQueryAttention {
    /// So many heads of queries, and of keys and values, of this size.
    pub fn new(head_dim: usize, num_query_heads: usize, num_key_value_heads: usize) -> Self {
        let base = LayerBase::new("GroupedQueryAttention");
        Self { base, head_dim, num_query_heads, num_key_value_heads, heads: Heads::default(), parts: OnceLock::new() }
    }

    common_arguments!();
    heads_arguments!();

    /// With this penalty on what each projection gives, and on the results.
    #[must_use]
    pub fn activity_regularizer(mut self, regularizer: impl Into<crate::arg::Arg<Regularizer>>) -> Self {
        self.base.set_activity_regularizer(regularizer.into());
        self.heads.activity_regularizer = self.base.activity_regularizer();
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = LayerBase::from_config(config)?;
        let heads = Heads::from_config(config, base.activity_regularizer())?;
        Ok(Self {
            base,
            head_dim: config.size("head_dim")?,
            num_query_heads: config.size("num_query_heads")?,
            num_key_value_heads: config.size("num_key_value_heads")?,
            heads,
            parts: OnceLock::new(),
        })
    }

    fn make(&self, inputs: &[PartialShape], weights: &Weights<'_>) -> Result<Parts> {
        let (query, value) = (&inputs[0], &inputs[1]);
        let project = |name, equation: &str, bias_axes: &str, sizes: Vec<usize>, input| {
            let (equation, bias_axes) = (equation.to_owned(), bias_axes.to_owned());
            let sizes = [None].into_iter().chain(sizes.into_iter().map(Some)).collect();
            self.heads.project(&self.base, weights, Projection { name, equation, bias_axes, sizes, input })
        };
        let of_queries = vec![self.num_query_heads, self.head_dim];
        let of_keys = vec![self.num_key_value_heads, self.head_dim];
        let joined = PartialShape(vec![None, None, Some(self.num_query_heads), Some(self.head_dim)]);
        let key = inputs.get(2).unwrap_or(value);
        Ok(Parts {
            query: project("query", "bqm,muh->bquh", "uh", of_queries.clone(), query)?,
            key: project("key", "bkm,mvh->bkvh", "vh", of_keys.clone(), key)?,
            gate: match self.heads.use_gate {
                true => Some(project("gate", "bqm,muh->bquh", "uh", of_queries, query)?),
                false => None,
            },
            value: project("value", "bkm,mvh->bkvh", "vh", of_keys, value)?,
            dropout: self.heads.make_dropout(&self.base, weights)?,
            output: project("attention_output", "bquh,uhm->bqm", "m", vec![query.last_size()?], &joined)?,
            axes: vec![1],
        })
    }
}

impl Layer for GroupQueryAttention {
    fn class_name(&self) -> &str {
        "GroupQueryAttention"
    }

    fn file_class(&self) -> &str {
        "GroupedQueryAttention"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = map(json!({
            "head_dim": self.head_dim, "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads, "use_bias": self.heads.affine.use_bias,
            "use_gate": self.heads.use_gate, "sliding_window": self.heads.sliding_window,
            "dropout": self.heads.dropout,
        }));
        config.extend(self.heads.arguments());
        config
    }

    fn input_names(&self) -> &'static [&'static str] {
        &["query", "value", "key"]
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        check_positions(inputs)?;
        self.heads.check()?;
        if inputs[0].rank() != 3 {
            fail!(RankMismatch, "axes of query, value and key: expected 3, found {}", inputs[0].rank());
        }
        let (queries, keys) = (self.num_query_heads, self.num_key_value_heads);
        if [self.head_dim, queries, keys].contains(&0) {
            fail!(InvalidArgument, "head_dim, num_query_heads and num_key_value_heads: expected at least 1, found 0");
        }
        if !queries.is_multiple_of(keys) {
            fail!(InvalidArgument, "num_query_heads: expected a multiple of {keys} (keys and values), found {queries}");
        }
        let parts = self.make(inputs, weights)?;
        // A layer that two threads build at once keeps what the first one made.
        let _ = self.parts.set(parts);
        Ok(())
    }

    fn parts(&self) -> Vec<(String, std::sync::Arc<dyn Layer>)> {
        self.parts.get().map_or_else(Vec::new, |parts| parts.list("_"))
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        Ok(self.call_masked(inputs, call)?.tensors)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call_masked(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Outputs> {
        match self.parts.get() {
            Some(parts) => self.heads.run(parts, inputs, call, &Given::of(call)),
            None => Err(err!(InvalidState, "layer '{}' is called before it is built", self.base.name())),
        }
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        check_positions(inputs)?;
        Ok(vec![inputs[0].clone()])
    }

    fn compute_output_shape_with(
        &self,
        inputs: &[PartialShape],
        arguments: &Map<String, Value>,
    ) -> Result<Vec<PartialShape>> {
        let mut shapes = self.compute_output_shape(inputs)?;
        if arguments.get("return_attention_scores").and_then(Value::as_bool).unwrap_or(false) {
            let (query, value) = (&inputs[0], &inputs[1]);
            shapes.push(PartialShape(vec![query[0], Some(self.num_query_heads), query[1], value[1]]));
        }
        Ok(shapes)
    }
}
