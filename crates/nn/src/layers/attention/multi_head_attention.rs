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

/// Attention by several heads: query, key and value are projected for each, `softmax(query · keyᵀ / √key_dim) · value` is
/// found, and what the heads found is projected together.
///
/// The inputs are query, value and, if it is another tensor, key.
///
/// # Shapes
/// `query`: `[batch, queries…, features]`; `value` and `key`: `[batch, keys…, …]`; the result `[batch, queries…,
/// output_shape…]`, where `output_shape` is the query's features by default. With `return_attention_scores` the weights
/// `[batch, heads, queries…, keys…]` too; axes that are not among `attention_axes` stand before the heads.
/// # Call arguments
/// `attention_mask` (`[batch, queries, keys]`, axes of size 1 for heads are added), `query_mask`, `value_mask`,
/// `key_mask`, `use_causal_mask`, `return_attention_scores`, `training`.
/// # Masks
/// Those of the inputs hide keys; that of the query goes on with the result.
/// # Weights
/// `query`, `key` `[features, heads, key_dim]`, with `use_gate` `gate`, and `value` `[features, heads, value_dim]`,
/// `attention_output` `[heads, value_dim, output_shape…]`, each a kernel and, with `use_bias`, a bias.
/// # Errors
/// `rank_mismatch`, `shape_mismatch`, `dim_mismatch` for inputs that do not fit each other; `invalid_argument` for sizes
/// of 0, axes that there are not, or flash attention with dropout or scores.
/// # Source
/// Keras 3 `keras.layers.MultiHeadAttention`.
pub struct MultiHeadAttention {
    base: LayerBase,
    num_heads: usize,
    key_dim: usize,
    value_dim: Option<usize>,
    output_shape: Option<Vec<usize>>,
    attention_axes: Option<Vec<isize>>,
    heads: Heads,
    parts: OnceLock<Parts>,
}

impl MultiHeadAttention {
    /// So many heads, whose queries and keys have this size.
    pub fn new(num_heads: usize, key_dim: usize) -> Self {
        Self {
            base: LayerBase::new("MultiHeadAttention"),
            num_heads,
            key_dim,
            value_dim: None,
            output_shape: None,
            attention_axes: None,
            heads: Heads::default(),
            parts: OnceLock::new(),
        }
    }

    common_arguments!();
    heads_arguments!();

    /// With this penalty on what each projection gives.
    #[must_use]
    pub fn activity_regularizer(mut self, regularizer: impl Into<crate::arg::Arg<Regularizer>>) -> Self {
        self.heads.activity_regularizer = self.base.accept(regularizer.into());
        self
    }

    /// With values of this size in each head; by default that of keys.
    #[must_use]
    pub fn value_dim(mut self, value_dim: usize) -> Self {
        self.value_dim = Some(value_dim);
        self
    }

    /// With results of these sizes for each query; by default the query's features.
    #[must_use]
    pub fn output_shape(mut self, sizes: impl Into<Vec<usize>>) -> Self {
        self.output_shape = Some(sizes.into()).filter(|sizes| !sizes.is_empty());
        self
    }

    /// Finding keys over these axes; by default over all but batch and features.
    #[must_use]
    pub fn attention_axes(mut self, axes: impl Into<Vec<isize>>) -> Self {
        self.attention_axes = Some(axes.into()).filter(|axes| !axes.is_empty());
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let mut base = LayerBase::from_config(config)?;
        let heads = Heads::from_config(config, base.take_activity_regularizer())?;
        let axes = config.optional("attention_axes", "axes", |value| match value {
            Value::Array(list) => list.iter().map(|axis| axis.as_i64().map(|axis| axis as isize)).collect(),
            one => one.as_i64().map(|axis| vec![axis as isize]),
        })?;
        Ok(Self {
            base,
            num_heads: config.size("num_heads")?,
            key_dim: config.size("key_dim")?,
            value_dim: config.optional("value_dim", "a positive integer", super::heads::count)?,
            output_shape: config.sizes("output_shape")?.filter(|sizes| !sizes.is_empty()),
            attention_axes: axes,
            heads,
            parts: OnceLock::new(),
        })
    }

    fn head_value_dim(&self) -> usize {
        self.value_dim.unwrap_or(self.key_dim)
    }

    /// The axes over which keys are found, of inputs of so many.
    fn axes(&self, rank: usize) -> Result<Vec<usize>> {
        let Some(axes) = &self.attention_axes else { return Ok((1..rank - 1).collect()) };
        let place = |&axis: &isize| if axis < 0 { rank.checked_sub(axis.unsigned_abs()) } else { Some(axis as usize) };
        let found: Option<Vec<usize>> = axes.iter().map(|axis| place(axis).filter(|&axis| axis < rank)).collect();
        match found.filter(|found| (1..found.len()).all(|i| !found[..i].contains(&found[i]))) {
            Some(found) => Ok(found),
            None => {
                Err(err!(InvalidArgument, "attention_axes: expected different ones of {rank} axes, found {axes:?}"))
            }
        }
    }

    fn make(&self, inputs: &[PartialShape], weights: &Weights<'_>) -> Result<Parts> {
        let (query, value) = (&inputs[0], &inputs[1]);
        let rank = query.rank();
        let project = |name, size: usize, input| {
            let (equation, bias_axes) = equation(rank - 1, 1, 2);
            let sizes = open(rank - 2).chain([Some(self.num_heads), Some(size)]).collect();
            self.heads.project(&self.base, weights, Projection { name, equation, bias_axes, sizes, input })
        };
        let query_dense = project("query", self.key_dim, query)?;
        let key = project("key", self.key_dim, inputs.get(2).unwrap_or(value))?;
        let gate = match self.heads.use_gate {
            true => Some(project("gate", self.head_value_dim(), query)?),
            false => None,
        };
        let value = project("value", self.head_value_dim(), value)?;
        let dropout = self.heads.make_dropout(&self.base, weights)?;
        let features = match &self.output_shape {
            Some(sizes) => sizes.clone(),
            None => vec![query.last_size()?],
        };
        let mut found = query_dense.compute_output_shape(std::slice::from_ref(query))?.swap_remove(0);
        if let Some(last) = found.0.last_mut() {
            *last = Some(self.head_value_dim());
        }
        let (equation, bias_axes) = equation(rank - 1, 2, features.len());
        let sizes = open(rank - 2).chain(features.into_iter().map(Some)).collect();
        let output = Projection { name: "attention_output", equation, bias_axes, sizes, input: &found };
        let output = self.heads.project(&self.base, weights, output)?;
        Ok(Parts { query: query_dense, key, gate, value, dropout, output, axes: self.axes(rank)? })
    }
}

fn open(axes: usize) -> impl Iterator<Item = Option<usize>> {
    std::iter::repeat_n(None, axes)
}

/// The equation of a projection that keeps `free` axes, sums over the `bound` next ones and makes `made` in their place;
/// and the letters of those.
fn equation(free: usize, bound: usize, made: usize) -> (String, String) {
    let letters =
        |from: usize, count: usize| (from..from + count).map(|i| char::from(b'a' + i as u8)).collect::<String>();
    let (kept, summed, new) = (letters(0, free), letters(free, bound), letters(free + bound, made));
    (format!("{kept}{summed},{summed}{new}->{kept}{new}"), new)
}

impl Layer for MultiHeadAttention {
    fn class_name(&self) -> &str {
        "MultiHeadAttention"
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        // Once built, the axes are those that were found, as in Keras.
        let axes = match self.parts.get() {
            Some(parts) => json!(parts.axes),
            None => json!(self.attention_axes),
        };
        let mut config = map(json!({
            "num_heads": self.num_heads, "key_dim": self.key_dim, "value_dim": self.head_value_dim(),
            "dropout": self.heads.dropout, "use_bias": self.heads.affine.use_bias, "use_gate": self.heads.use_gate,
            "output_shape": self.output_shape, "attention_axes": axes, "sliding_window": self.heads.sliding_window,
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
        let sizes = [self.num_heads, self.key_dim, self.head_value_dim()];
        if sizes.contains(&0) || self.output_shape.iter().flatten().any(|&size| size == 0) {
            fail!(InvalidArgument, "num_heads, key_dim, value_dim and output_shape: expected at least 1, found 0");
        }
        let axes = inputs[0].rank() + 2 + self.output_shape.as_ref().map_or(1, Vec::len);
        if axes > 26 {
            fail!(LimitExceeded, "axes of query and output: expected at most 23, found {}", axes - 3);
        }
        let parts = self.make(inputs, weights)?;
        // A layer that two threads build at once keeps what the first one made.
        let _ = self.parts.set(parts);
        Ok(())
    }

    fn parts(&self) -> Vec<(String, std::sync::Arc<dyn Layer>)> {
        self.parts.get().map_or_else(Vec::new, |parts| parts.list(""))
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        Ok(self.call_masked(inputs, call)?.tensors)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call_masked(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Outputs> {
        let Some(parts) = self.parts.get() else {
            return Err(err!(InvalidState, "layer '{}' is called before it is built", self.base.name()));
        };
        // Keras takes the query's mask from the query alone.
        let given = Given { query: call.masks.first().and_then(Option::as_ref), ..Given::of(call) };
        self.heads.run(parts, inputs, call, &given)
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        check_positions(inputs)?;
        let mut shape = inputs[0].clone();
        if let Some(sizes) = &self.output_shape {
            shape.0.pop();
            shape.0.extend(sizes.iter().copied().map(Some));
        }
        Ok(vec![shape])
    }

    fn compute_output_shape_with(
        &self,
        inputs: &[PartialShape],
        arguments: &Map<String, Value>,
    ) -> Result<Vec<PartialShape>> {
        let mut shapes = self.compute_output_shape(inputs)?;
        if arguments.get("return_attention_scores").and_then(Value::as_bool).unwrap_or(false) {
            let (query, value) = (&inputs[0], &inputs[1]);
            let axes = self.axes(query.rank())?;
            let sizes = |shape: &PartialShape, axis: usize| {
                if axis + 1 == shape.rank() { Some(self.num_heads) } else { shape[axis] }
            };
            let batch = (0..query.rank()).filter(|axis| !axes.contains(axis)).map(|axis| sizes(query, axis));
            let found = batch
                .chain(axes.iter().map(|&axis| sizes(query, axis)))
                .chain(axes.iter().map(|&axis| sizes(value, axis)));
            shapes.push(PartialShape(found.collect()));
        }
        Ok(shapes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_those_of_keras() {
        assert_eq!(equation(2, 1, 2), ("abc,cde->abde".into(), "de".into()));
        assert_eq!(equation(2, 2, 1), ("abcd,cde->abe".into(), "e".into()));
        assert_eq!(equation(3, 2, 2), ("abcde,defg->abcfg".into(), "fg".into()));
    }
}
