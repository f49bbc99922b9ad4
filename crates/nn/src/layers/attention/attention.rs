//! `Attention` and `AdditiveAttention`: one definition over the rule by which a key answers a query.

use cornet_error::{Result, fail};
use cornet_ops::{Tensor, random};
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::arg::{Arg, Choice, unknown};
use crate::initializers::Initializer;
use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Masks, Tensors, WeightSpec, Weights};
use crate::saving::config::{Config, map};
use crate::shape::PartialShape;

/// Values weighted by how well keys answer a query: `softmax(scores(query, key)) · value`.
///
/// The inputs are query, value and, if it is another tensor, key. Scores are, over the features d,
/// `scale · Σ query · key` for `dot`, `concat_score_weight · Σ tanh(scale · (query + key))` for `concat`, and
/// `Σ scale_d · tanh(query + key)` for `AdditiveAttention`.
///
/// # Shapes
/// `query`: `[batch…, queries, features]`; `value` `[batch…, keys, …]`, `key` `[batch…, keys, features]`; the result
/// `[batch…, queries, size of values]`, and with `return_attention_scores` the weights `[batch…, queries, keys]` too.
/// # Call arguments
/// `return_attention_scores`, `use_causal_mask`, `training`, `mask` (of query and value).
/// # Masks
/// The one of the query sets results to 0 and goes on with them; that of the value hides keys.
/// # Weights
/// With `use_scale` `scale`, a scalar or, for `AdditiveAttention`, `[features]`; for `concat` `concat_score_weight`.
/// # Errors
/// `invalid_argument` for another number of inputs or an unknown `score_mode`; `dim_mismatch` where sizes differ.
/// # Source
/// Keras 3 `keras.layers.Attention`, `AdditiveAttention`.
pub struct SequenceAttention<const ADDITIVE: bool> {
    base: LayerBase,
    use_scale: bool,
    score_mode: ScoreMode,
    dropout: f64,
    seed: Option<u64>,
}

/// Dot-product attention, also called Luong's.
pub type Attention = SequenceAttention<false>;
/// Additive attention, also called Bahdanau's.
pub type AdditiveAttention = SequenceAttention<true>;

/// How [`Attention`] scores keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScoreMode {
    /// By the product with the query.
    #[default]
    Dot,
    /// By the hyperbolic tangent of the sum with the query.
    Concat,
}

impl ScoreMode {
    fn name(self) -> &'static str {
        match self {
            Self::Dot => "dot",
            Self::Concat => "concat",
        }
    }
}

impl Choice for ScoreMode {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "dot" => Ok(Self::Dot),
            "concat" => Ok(Self::Concat),
            _ => Err(unknown("score_mode", name, &["dot", "concat"])),
        }
    }
}

impl Attention {
    /// Scoring in this way: `dot` (the default) or `concat`.
    #[must_use]
    pub fn score_mode(mut self, mode: impl Into<Arg<ScoreMode>>) -> Self {
        if let Some(mode) = self.base.accept(mode.into()) {
            self.score_mode = mode;
        }
        self
    }
}

impl<const ADDITIVE: bool> SequenceAttention<ADDITIVE> {
    const CLASS: &'static str = if ADDITIVE { "AdditiveAttention" } else { "Attention" };

    /// The layer with Keras's defaults.
    pub fn new() -> Self {
        let base = LayerBase::new(Self::CLASS);
        Self { base, use_scale: ADDITIVE, score_mode: ScoreMode::Dot, dropout: 0.0, seed: None }
    }

    common_arguments!();

    /// With a weight that scales scores, or not; by default `AdditiveAttention` has one.
    #[must_use]
    pub fn use_scale(mut self, use_scale: bool) -> Self {
        self.use_scale = use_scale;
        self
    }

    /// In training, setting weights to 0 with this probability; by default 0.
    #[must_use]
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = rate;
        self
    }

    /// With this seed for dropout.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            base: LayerBase::from_config(config)?,
            use_scale: config.flag("use_scale", ADDITIVE)?,
            score_mode: ScoreMode::parse(if ADDITIVE { "dot" } else { config.text("score_mode", "dot")? })?,
            dropout: config.float("dropout", 0.0)?,
            seed: config.seed()?,
        })
    }

    fn check_count(found: usize) -> Result<()> {
        match found {
            2 | 3 => Ok(()),
            _ => fail!(InvalidArgument, "inputs: expected query, value and perhaps key, found {found}"),
        }
    }

    fn scores(&self, query: &Tensor, key: &Tensor) -> Tensor {
        let scale = || self.base.read(0);
        if self.score_mode == ScoreMode::Dot && !ADDITIVE {
            // A scale on queries is one on scores, of which there are more.
            let query = if self.use_scale { query * scale() } else { query.clone() };
            return query.matmul_with(key, false, true);
        }
        let sum = query.expand_dims(&[-2]) + key.expand_dims(&[-3]);
        match (ADDITIVE, self.use_scale) {
            // A product with a vector sums over features without keeping the terms.
            (true, true) => sum.tanh().matmul(scale()),
            (true, false) => sum.tanh().sum(&[-1], false),
            (false, true) => (sum * scale()).tanh().sum(&[-1], false) * self.base.read(1),
            (false, false) => sum.tanh().sum(&[-1], false) * scale(),
        }
    }

    /// Scores with those that do not count far below the others.
    fn masked(&self, scores: Tensor, call: &Call<'_>) -> Result<Tensor> {
        let shape = scores.shape()?;
        let (rows, columns) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
        let of_value = mask(call, 1).map(|mask| mask.cast(DType::Bool));
        let of_value = match of_value {
            Some(mask) if mask.rank()? == 2 => Some(mask.expand_dims(&[-2])),
            other => other,
        };
        let causal =
            call.arguments.flag("use_causal_mask").unwrap_or(false).then(|| Tensor::tri(rows, columns, 0, DType::Bool));
        let counts = match (of_value, causal) {
            (Some(a), Some(b)) => a.logical_and(&b),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return Ok(scores),
        };
        let far = if scores.dtype()? == DType::F16 { 65504.0 } else { 1e9 };
        Ok(counts.where_(&scores, &scores - far))
    }
}

/// The mask of an input: of the argument `mask`, or what came with it.
fn mask<'a>(call: &Call<'a>, input: usize) -> Option<&'a Tensor> {
    match call.arguments.tensors("mask") {
        [] => call.masks.get(input)?.as_ref(),
        given => given.get(input),
    }
}

impl<const ADDITIVE: bool> Default for SequenceAttention<ADDITIVE> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const ADDITIVE: bool> Layer for SequenceAttention<ADDITIVE> {
    fn class_name(&self) -> &str {
        Self::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = map(json!({"use_scale": self.use_scale}));
        if !ADDITIVE {
            config.insert("score_mode".into(), self.score_mode.name().into());
        }
        config.extend(map(json!({"dropout": self.dropout, "seed": self.seed})));
        config
    }

    fn takes_list(&self) -> bool {
        true
    }

    fn has_build(&self) -> bool {
        true
    }

    fn build(&self, inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        Self::check_count(inputs.len())?;
        if !(0.0..=1.0).contains(&self.dropout) {
            fail!(InvalidArgument, "dropout: expected 0 to 1, found {}", self.dropout);
        }
        let ones = Initializer::Ones;
        match (self.use_scale, ADDITIVE) {
            (true, true) => {
                let initializer = Initializer::parse("glorot_uniform")?;
                weights.add(WeightSpec::new("scale", [inputs[0].last_size()?], &initializer))?;
            }
            (true, false) => weights.add(WeightSpec::new("scale", [], &ones))?,
            (false, _) => {}
        }
        if self.score_mode == ScoreMode::Concat && !ADDITIVE {
            weights.add(WeightSpec::new("concat_score_weight", [], &ones))?;
        }
        if self.dropout > 0.0 {
            weights.add_generator(self.seed)?;
        }
        Ok(())
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        Self::check_count(inputs.len())?;
        let (query, value) = (&inputs[0], &inputs[1]);
        for (name, input) in ["query", "value", "key"].iter().zip(inputs) {
            if input.rank()? < 2 {
                fail!(RankMismatch, "axes of {name}: expected at least 2, found {}", input.rank()?);
            }
        }
        let scores = self.scores(query, inputs.get(2).unwrap_or(value));
        let mut weights = self.masked(scores, call)?.softmax(-1);
        if let Some(generator) = self.base.generators().first().filter(|_| call.is_training()) {
            weights = random::dropout(&weights, self.dropout, None, generator);
        }
        let mut result = weights.matmul_with(value, false, false);
        if let Some(mask) = mask(call, 0) {
            result = mask.cast(DType::Bool).expand_dims(&[-1]).where_(&result, 0.0);
        }
        let with_scores = call.arguments.flag("return_attention_scores").unwrap_or(false);
        Ok(if with_scores { smallvec![result, weights] } else { smallvec![result] })
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask(&self, _inputs: &[Tensor], call: &Call<'_>) -> Result<Masks> {
        Ok(smallvec![mask(call, 0).cloned()])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Self::check_count(inputs.len())?;
        let mut shape = inputs[0].clone();
        match (shape.0.last_mut(), inputs[1].last()) {
            (Some(last), Some(&size)) if inputs[1].rank() > 1 => *last = size,
            _ => fail!(RankMismatch, "axes of query and value: expected at least 2, found fewer"),
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
            let (mut scores, key) = (inputs[0].clone(), inputs.get(2).unwrap_or(&inputs[1]));
            let keys = key.rank().checked_sub(2).and_then(|axis| key[axis]);
            if let Some(last) = scores.0.last_mut() {
                *last = keys;
            }
            shapes.push(scores);
        }
        Ok(shapes)
    }
}

#[cfg(test)]
mod tests {
    use cornet_cpu as _;
    use cornet_error::Code;

    use super::*;
    use crate::layers::{Arguments, Context, apply, apply_call};

    fn query() -> Tensor {
        Tensor::from_slice(&[1.0_f32, 0.0, 0.0, 2.0], [1, 2, 2])
    }

    fn value() -> Tensor {
        Tensor::from_slice(&[2.0_f32, 0.0, 0.0, 3.0, 4.0, 5.0], [1, 3, 2])
    }

    #[test]
    fn what_does_not_count_has_no_weight() {
        let context = Context::inference();
        let arguments = Arguments::new().with_value("return_attention_scores", true);
        let masks = [Some(Tensor::of([[true, false]])), Some(Tensor::of([[true, false, true]]))];
        let call = Call { context: &context, masks: &masks, arguments: &arguments };
        let out = apply_call(&Attention::new(), &[query(), value()], &call).unwrap();
        // Scores of the first query: 2, masked, 4; of the second: 0, masked, 10.
        let (a, b) = (1.0 / (1.0 + 2_f32.exp()), 1.0 / (1.0 + 10_f32.exp()));
        for (found, expected) in out.tensors[1].to_vec::<f32>().unwrap().iter().zip([a, 0.0, 1.0 - a, b, 0.0, 1.0 - b])
        {
            assert!((found - expected).abs() < 1e-6, "expected {expected}, found {found}");
        }
        let result = out.tensors[0].to_vec::<f32>().unwrap();
        assert!((result[0] - (2.0 * a + 4.0 * (1.0 - a))).abs() < 1e-6);
        assert_eq!(result[2..], [0.0, 0.0]);
        assert!(out.masks[0].is_some() && out.masks[1].is_none());
    }

    #[test]
    fn a_causal_mask_hides_later_keys() {
        let context = Context::inference();
        let arguments = Arguments::new().with_value("use_causal_mask", true);
        let call = Call { context: &context, masks: &[], arguments: &arguments };
        let out = apply_call(&AdditiveAttention::new(), &[query(), value()], &call).unwrap();
        assert_eq!(out.tensors[0].to_vec::<f32>().unwrap()[..2], [2.0, 0.0]);
    }

    #[test]
    fn two_or_three_inputs_are_taken() {
        let error = apply(&Attention::new(), &[query()], &Context::inference()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        let error = apply(&Attention::new().score_mode("sum"), &[query(), value()], &Context::inference()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}
