//! What multi-head and grouped-query attention have in common: their arguments, projections, masks and weights.

use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::nn::AttentionOptions;
use cornet_tensor::DType;
use serde_json::{Map, Value};
use smallvec::smallvec;

use crate::layers::affine::Affine;
use crate::layers::core::EinsumDense;
use crate::layers::{Arguments, Call, Dropout, Layer, LayerBase, Masks, Outputs, Tensors, Weights, apply_call, build};
use crate::regularizers::Regularizer;
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// The arguments that both have.
pub(super) struct Heads {
    pub dropout: f64,
    pub use_gate: bool,
    pub sliding_window: Option<usize>,
    pub flash_attention: bool,
    pub seed: Option<u64>,
    /// Of every projection.
    pub affine: Affine,
    /// Of every projection.
    pub activity_regularizer: Option<Regularizer>,
}

impl Default for Heads {
    fn default() -> Self {
        Self {
            dropout: 0.0,
            use_gate: false,
            sliding_window: None,
            flash_attention: false,
            seed: None,
            affine: Affine::default(),
            activity_regularizer: None,
        }
    }
}

/// The builder methods that both have.
macro_rules! heads_arguments {
    () => {
        crate::layers::affine::filter_arguments!(
            "kernel of each projection",
            "glorot_uniform",
            kernel_initializer = heads.affine.kernel_initializer,
            kernel_regularizer = heads.affine.kernel_regularizer,
            kernel_constraint = heads.affine.kernel_constraint
        );
        crate::layers::affine::filter_arguments!(
            "bias of each projection",
            "zeros",
            bias_initializer = heads.affine.bias_initializer,
            bias_regularizer = heads.affine.bias_regularizer,
            bias_constraint = heads.affine.bias_constraint
        );

        /// In training, setting weights of keys to 0 with this probability; by default 0.
        #[must_use]
        pub fn dropout(mut self, rate: f64) -> Self {
            self.heads.dropout = rate;
            self
        }

        /// With a bias in each projection (the default), or without.
        #[must_use]
        pub fn use_bias(mut self, use_bias: bool) -> Self {
            self.heads.affine.use_bias = use_bias;
            self
        }

        /// With heads multiplied by a sigmoid of a projection of the query, or not (the default).
        #[must_use]
        pub fn use_gate(mut self, use_gate: bool) -> Self {
            self.heads.use_gate = use_gate;
            self
        }

        /// With each query seeing only keys less than so many positions away.
        #[must_use]
        pub fn sliding_window(mut self, positions: usize) -> Self {
            self.heads.sliding_window = Some(positions);
            self
        }

        /// As in Keras, where it asks for a kernel that keeps no scores: with it there is neither dropout nor are scores
        /// returned. Results are the same.
        #[must_use]
        pub fn flash_attention(mut self, flash_attention: bool) -> Self {
            self.heads.flash_attention = flash_attention;
            self
        }

        /// With this seed for dropout.
        #[must_use]
        pub fn seed(mut self, seed: u64) -> Self {
            self.heads.seed = Some(seed);
            self
        }
    };
}
pub(super) use heads_arguments;

impl Heads {
    /// The arguments in a config, but for the penalty on outputs, which a base has read.
    pub fn from_config(config: &Config<'_>, activity_regularizer: Option<Regularizer>) -> Result<Self> {
        Ok(Self {
            dropout: config.float("dropout", 0.0)?,
            use_gate: config.flag("use_gate", false)?,
            sliding_window: config.optional("sliding_window", "a positive integer", count)?,
            flash_attention: config.flag("flash_attention", false)?,
            seed: config.seed()?,
            affine: Affine::from_config(config)?,
            activity_regularizer,
        })
    }

    /// From `kernel_initializer` to `seed`.
    pub fn arguments(&self) -> Map<String, Value> {
        let mut config = self.affine.arguments(Some(self.activity_regularizer));
        config.shift_remove("activation");
        config.shift_remove("use_bias");
        config.insert("seed".into(), self.seed.into());
        config
    }

    /// Fails for arguments that do not fit each other.
    pub fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.dropout) {
            fail!(InvalidArgument, "dropout: expected 0 to 1, found {}", self.dropout);
        }
        if self.sliding_window == Some(0) {
            fail!(InvalidArgument, "sliding_window: expected at least 1, found 0");
        }
        if self.flash_attention && self.dropout > 0.0 {
            fail!(InvalidArgument, "dropout: expected 0 with flash_attention, found {}", self.dropout);
        }
        Ok(())
    }

    /// A projection, built. `bias_axes` are the letters of the axes that a bias has.
    pub fn project(
        &self,
        base: &LayerBase,
        weights: &Weights<'_>,
        projection: Projection<'_>,
    ) -> Result<Arc<dyn Layer>> {
        let Projection { name, equation, bias_axes, sizes, input } = projection;
        let mut dense = EinsumDense::new(equation, PartialShape(sizes))
            .name(name)
            .dtype(base.policy().clone())
            .kernel_initializer(self.affine.kernel_initializer.clone())
            .bias_initializer(self.affine.bias_initializer.clone());
        if self.affine.use_bias {
            dense = dense.bias_axes(bias_axes);
        }
        if name == "gate" {
            dense = dense.activation("sigmoid");
        }
        if let Some(regularizer) = self.affine.kernel_regularizer {
            dense = dense.kernel_regularizer(regularizer);
        }
        if let Some(regularizer) = self.affine.bias_regularizer {
            dense = dense.bias_regularizer(regularizer);
        }
        if let Some(regularizer) = self.activity_regularizer {
            dense = dense.activity_regularizer(regularizer);
        }
        if let Some(constraint) = self.affine.kernel_constraint {
            dense = dense.kernel_constraint(constraint);
        }
        if let Some(constraint) = self.affine.bias_constraint {
            dense = dense.bias_constraint(constraint);
        }
        build(&dense, std::slice::from_ref(input), weights.path(), weights.seeds())?;
        Ok(Arc::new(dense))
    }

    /// The dropout of weights, built for scores of any shape.
    pub fn make_dropout(&self, base: &LayerBase, weights: &Weights<'_>) -> Result<Arc<dyn Layer>> {
        let mut dropout = Dropout::new(self.dropout).dtype(base.policy().clone());
        if let Some(seed) = self.seed {
            dropout = dropout.seed(seed);
        }
        build(&dropout, &[PartialShape::default()], weights.path(), weights.seeds())?;
        Ok(Arc::new(dropout))
    }
}

/// A number that a config gives as an integer above 0.
pub(super) fn count(value: &Value) -> Option<usize> {
    value.as_u64().filter(|&n| n > 0).map(|n| n as usize)
}

/// What a projection is to be.
pub(super) struct Projection<'a> {
    pub name: &'static str,
    pub equation: String,
    pub bias_axes: String,
    /// Of the output, without the batch.
    pub sizes: Vec<Option<usize>>,
    pub input: &'a PartialShape,
}

/// The parts of a layer that is built.
pub(super) struct Parts {
    pub query: Arc<dyn Layer>,
    pub key: Arc<dyn Layer>,
    pub gate: Option<Arc<dyn Layer>>,
    pub value: Arc<dyn Layer>,
    pub dropout: Arc<dyn Layer>,
    pub output: Arc<dyn Layer>,
    /// Axes of the inputs over which keys are found.
    pub axes: Vec<usize>,
}

impl Parts {
    /// The parts in the order of their weights, under the names of Keras's attributes.
    pub fn list(&self, prefix: &str) -> Vec<(String, Arc<dyn Layer>)> {
        let own = |name: &str, part: &Arc<dyn Layer>| (format!("{prefix}{name}_dense"), part.clone());
        let mut list = vec![own("query", &self.query), own("key", &self.key)];
        list.extend(self.gate.as_ref().map(|gate| ("_gate_dense".to_owned(), gate.clone())));
        list.push(own("value", &self.value));
        list.push(("_dropout_layer".to_owned(), self.dropout.clone()));
        list.push(own("output", &self.output));
        list
    }
}

/// The masks of a call, and what they come to.
pub(super) struct Visible {
    /// True where a query may look; `[batch, queries, keys]` or what the call gave.
    pub mask: Option<Tensor>,
    /// Whether a query sees only keys at its own position and before, beyond the mask.
    pub is_causal: bool,
}

/// The masks that a call gives, of which those of inputs by themselves or by name.
pub(super) struct Given<'a> {
    pub query: Option<&'a Tensor>,
    pub value: Option<&'a Tensor>,
    pub key: Option<&'a Tensor>,
}

impl<'a> Given<'a> {
    /// Named masks, or those that came with the inputs.
    pub fn of(call: &Call<'a>) -> Self {
        let mask = |input: usize, name| call.arguments.tensor(name).or_else(|| call.masks.get(input)?.as_ref());
        Self { query: mask(0, "query_mask"), value: mask(1, "value_mask"), key: mask(2, "key_mask") }
    }
}

impl Heads {
    /// All masks of a call in one.
    pub fn visible(&self, call: &Call<'_>, given: &Given<'_>, inputs: &[Tensor]) -> Result<Visible> {
        let is_causal = call.arguments.flag("use_causal_mask").unwrap_or(false);
        let attention_mask = call.arguments.tensor("attention_mask");
        let rows = given.query.map(|mask| mask.cast(DType::Bool).expand_dims(&[-1]));
        let columns =
            [given.value, given.key].into_iter().flatten().map(|mask| mask.cast(DType::Bool).expand_dims(&[-2]));
        let mut masks: Vec<Tensor> = rows.into_iter().chain(columns).collect();
        // The causal mask alone is left to the product of queries and keys.
        let only_causal = masks.is_empty() && attention_mask.is_none() && self.sliding_window.is_none();
        let (queries, keys) = (inputs[0].shape()?[1], inputs[1].shape()?[1]);
        if is_causal && !only_causal {
            masks.push(Tensor::tri(queries, keys, 0, DType::Bool).expand_dims(&[0]));
        }
        if let Some(window) = self.sliding_window {
            let near = |k: i64| Tensor::tri(queries, keys, k, DType::Bool);
            let reach = window.min(queries.max(keys)) as i64;
            // Keys at most reach - 1 later, and not reach or more earlier.
            masks.push(near(reach - 1).logical_and(near(-reach).logical_not()).expand_dims(&[0]));
        }
        let all = masks.into_iter().reduce(|a, b| a.logical_and(&b));
        let mask = match (attention_mask, all) {
            (Some(given), Some(all)) => Some(given.cast(DType::Bool).logical_and(&all)),
            (Some(given), None) => Some(given.clone()),
            (None, all) => all,
        };
        Ok(Visible { mask, is_causal: is_causal && only_causal })
    }

    /// What queries find: `softmax(query · keyᵀ / √size) · value`, and with `with_scores` the softmax, with the mask that
    /// it was under.
    pub fn attend(
        &self,
        parts: &Parts,
        [query, key, value]: [&Tensor; 3],
        visible: Visible,
        call: &Call<'_>,
    ) -> Result<Attended> {
        let with_scores = call.arguments.flag("return_attention_scores").unwrap_or(false);
        if self.flash_attention && with_scores {
            return Err(err!(InvalidArgument, "return_attention_scores: expected false with flash_attention")
                .help("make the layer without flash_attention"));
        }
        let rank = query.rank()?;
        let scale = 1.0 / (query.shape()?[rank - 1] as f64).sqrt();
        if self.dropout == 0.0 && !with_scores && rank == 4 {
            let mask = visible.mask.map(|mask| widened(&mask.cast(DType::Bool), 4, parts.axes.len())).transpose()?;
            let options =
                AttentionOptions { mask, scale: Some(scale), is_causal: visible.is_causal, ..Default::default() };
            return Ok(Attended { result: query.dot_product_attention(key, value, &options), scores: None });
        }
        let mut mask = visible.mask;
        if visible.is_causal {
            let (queries, keys) = (query.shape()?[1], value.shape()?[1]);
            mask = Some(Tensor::tri(queries, keys, 0, DType::Bool).expand_dims(&[0]));
        }
        let spread = |t: &Tensor| -> Result<Tensor> {
            let (heads, own) = (query.shape()?[rank - 2], t.shape()?[rank - 2]);
            Ok(if own == 0 || heads == own { t.clone() } else { t.repeat(heads / own, Some(rank as isize - 2)) })
        };
        let (key, value) = (spread(key)?, spread(value)?);
        let (product, combination) = equations(rank, &parts.axes)?;
        let scores = Tensor::einsum(&product, &[&key, &(query * scale)]);
        let mask = mask.map(|mask| widened(&mask, scores.rank()?, parts.axes.len())).transpose()?;
        let weights = masked_softmax(&scores, mask.as_ref(), parts.axes.len())?;
        let training = Arguments::new().with_value("training", call.is_training());
        let inner = Call { context: call.context, masks: &[], arguments: &training };
        let kept = match self.dropout > 0.0 {
            true => apply_call(&*parts.dropout, std::slice::from_ref(&weights), &inner)?.tensors.swap_remove(0),
            false => weights.clone(),
        };
        let result = Tensor::einsum(&combination, &[&kept, &value]);
        Ok(Attended { result, scores: with_scores.then_some((weights, mask)) })
    }

    /// The whole layer: projections, attention, gate, output; and the masks of the results.
    pub fn run(&self, parts: &Parts, inputs: &[Tensor], call: &Call<'_>, given: &Given<'_>) -> Result<Outputs> {
        let part = |part: &Arc<dyn Layer>, x: &Tensor| -> Result<Tensor> {
            let call = Call { context: call.context, masks: &[], arguments: &Arguments::new() };
            Ok(apply_call(&**part, std::slice::from_ref(x), &call)?.tensors.swap_remove(0))
        };
        let (Some(query), Some(value)) = (inputs.first(), inputs.get(1)) else {
            fail!(InvalidArgument, "inputs: expected query, value and perhaps key, found {}", inputs.len());
        };
        let visible = self.visible(call, given, inputs)?;
        let gate = parts.gate.as_ref().map(|gate| part(gate, query)).transpose()?;
        let key = part(&parts.key, inputs.get(2).unwrap_or(value))?;
        let (query, value) = (part(&parts.query, query)?, part(&parts.value, value)?);
        let Attended { mut result, scores } = self.attend(parts, [&query, &key, &value], visible, call)?;
        if let Some(gate) = gate {
            result = result * gate;
        }
        let mut tensors: Tensors = smallvec![part(&parts.output, &result)?];
        let mut masks: Masks = smallvec![call.masks.first().cloned().flatten()];
        if let Some((weights, mask)) = scores {
            tensors.push(weights);
            masks.push(mask);
        }
        Ok(Outputs { tensors, masks })
    }
}

/// What queries find, and the weights of keys with their mask.
pub(super) struct Attended {
    pub result: Tensor,
    pub scores: Option<(Tensor, Option<Tensor>)>,
}

/// A mask over queries and keys with axes of size 1 for heads, and for what else it lacks.
fn widened(mask: &Tensor, rank: usize, axes: usize) -> Result<Tensor> {
    let shape = mask.shape()?;
    let Some(lead) = shape.rank().checked_sub(2 * axes) else {
        fail!(RankMismatch, "axes of the attention mask: expected at least {}, found {}", 2 * axes, shape.rank());
    };
    let ones = std::iter::repeat_n(1, rank.saturating_sub(shape.rank()));
    Ok(mask.reshape(shape[..lead].iter().copied().chain(ones).chain(shape[lead..].iter().copied()).collect::<Vec<_>>()))
}

/// The softmax over the last axes, 0 where the mask is false.
fn masked_softmax(scores: &Tensor, mask: Option<&Tensor>, axes: usize) -> Result<Tensor> {
    let over: Vec<isize> = (1..=axes as isize).rev().map(|axis| -axis).collect();
    let Some(mask) = mask else { return Ok(scores.softmax_over(&over)) };
    let mask = if mask.dtype()? == DType::Bool { mask.clone() } else { mask.greater(0.5) };
    let far = if scores.dtype()? == DType::F16 { -3e4 } else { -1e9 };
    Ok(mask.where_(mask.where_(scores, far).softmax_over(&over), 0.0))
}

/// The equations for `key, query -> scores` and `scores, value -> result`, for operands of so many axes.
///
/// Operands are `[…, heads, size]`; scores have the axes that are not attended, then those of queries, then of keys.
fn equations(rank: usize, axes: &[usize]) -> Result<(String, String)> {
    if rank + axes.len() > 26 {
        fail!(LimitExceeded, "axes: expected at most 26 of queries and keys, found {}", rank + axes.len());
    }
    let letter = |i: usize| char::from(b'a' + i as u8);
    let query: Vec<char> = (0..rank).map(letter).collect();
    let mut key = query.clone();
    for (i, &axis) in axes.iter().enumerate() {
        key[axis] = letter(rank + i);
    }
    let batch = (0..rank - 1).filter(|axis| !axes.contains(axis)).map(|axis| query[axis]);
    let scores: String =
        batch.chain(axes.iter().map(|&axis| query[axis])).chain(axes.iter().map(|&axis| key[axis])).collect();
    let (query, key) = (String::from_iter(query), String::from_iter(key));
    Ok((format!("{key},{query}->{scores}"), format!("{scores},{key}->{query}")))
}

/// Fails unless value and key have the same positions.
pub(super) fn check_positions(inputs: &[PartialShape]) -> Result<()> {
    let (value, key) = match inputs {
        [_, value] => (value, value),
        [_, value, key] => (value, key),
        _ => fail!(InvalidArgument, "inputs: expected query, value and perhaps key, found {}", inputs.len()),
    };
    let ranks: Vec<usize> = inputs.iter().map(PartialShape::rank).collect();
    if ranks[0] < 3 || ranks.iter().any(|&rank| rank != ranks[0]) {
        fail!(RankMismatch, "axes of query, value and key: expected as many, at least 3, found {ranks:?}");
    }
    let inner = |shape: &PartialShape| shape[1..shape.rank() - 1].to_vec();
    if inner(value) != inner(key) {
        return Err(err!(ShapeMismatch, "value and key: expected equal sizes but for the last axis")
            .operand("value", value)
            .operand("key", key));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_name_each_axis() {
        let of = |rank, axes: &[usize]| equations(rank, axes).unwrap();
        assert_eq!(of(4, &[1]), ("aecd,abcd->acbe".into(), "acbe,aecd->abcd".into()));
        assert_eq!(of(5, &[1, 2]), ("afgde,abcde->adbcfg".into(), "adbcfg,afgde->abcde".into()));
        assert_eq!(of(5, &[2]), ("abfde,abcde->abdcf".into(), "abdcf,abfde->abcde".into()));
    }

    #[test]
    fn masks_get_axes_before_those_of_queries() {
        let mask = Tensor::ones([2, 3, 4], DType::Bool);
        assert_eq!(widened(&mask, 4, 1).unwrap().shape().unwrap().to_vec(), [2, 1, 3, 4]);
        let mask = Tensor::ones([3, 4], DType::Bool);
        assert_eq!(widened(&mask, 4, 1).unwrap().shape().unwrap().to_vec(), [1, 1, 3, 4]);
        assert!(widened(&mask, 6, 2).is_err());
    }

    #[test]
    fn what_is_masked_has_no_weight_even_if_all_is() {
        let scores = Tensor::from_slice(&[1.0_f32, 1.0, 5.0, 7.0], [2, 2]);
        let mask = Tensor::of([[true, true], [false, false]]);
        assert_eq!(masked_softmax(&scores, Some(&mask), 1).unwrap().to_vec::<f32>().unwrap(), [0.5, 0.5, 0.0, 0.0]);
    }
}
