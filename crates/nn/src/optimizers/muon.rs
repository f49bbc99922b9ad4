use cornet_error::Result;
use cornet_ops::Tensor;
use regex_lite::Regex;
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::adam;
use super::arguments::{arguments, common_arguments, default_from_new};
use super::base::pattern_of;
use super::{Optimizer, OptimizerBase, Rate, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// Momentum whose change of a matrix is brought close to an orthogonal one; weights that are no matrices, embeddings and
/// those of `exclude_layers` go by the rule of [`Adam`](super::Adam).
///
/// For matrices: `m ← μ · m + g`, `u = newton_schulz(g + μ · m)` (or of `m` without Nesterov's rule),
/// `w ← w - rate · √(larger side) · rms_rate · u`. An iteration of Newton and Schulz is, with `A = x · xᵀ`,
/// `x ← a · x + (b · A + c · A²) · x`, first divided by its norm.
///
/// # Source
/// Keras 3 `keras.optimizers.Muon`; Jordan et al., "Muon: an optimizer for hidden layers" (2024); Liu et al., "Muon is
/// scalable for LLM training" (2025).
pub struct Muon {
    base: OptimizerBase,
    adam_beta_1: f64,
    adam_beta_2: f64,
    adam_weight_decay: Option<f64>,
    epsilon: f64,
    exclude_layers: Vec<String>,
    patterns: Vec<Regex>,
    exclude_embeddings: bool,
    muon_a: f64,
    muon_b: f64,
    muon_c: f64,
    adam_lr_ratio: f64,
    momentum: f64,
    ns_steps: u64,
    nesterov: bool,
    rms_rate: Option<f64>,
}

/// More iterations than this are refused: each is a part of the compiled step.
const NS_STEPS_MAX: u64 = 100;

default_from_new!(Muon);

impl Muon {
    /// The optimizer with Keras's arguments: learning rate 0.001, weight decay 0.004, momentum 0.95, 5 iterations.
    pub fn new() -> Self {
        let mut base = OptimizerBase::new("Muon", 0.001);
        base.set_weight_decay(Some(0.004));
        Self::of(base)
    }

    fn of(base: OptimizerBase) -> Self {
        Self {
            base,
            adam_beta_1: 0.9,
            adam_beta_2: 0.999,
            adam_weight_decay: Some(0.004),
            epsilon: 1e-7,
            exclude_layers: Vec::new(),
            patterns: Vec::new(),
            exclude_embeddings: true,
            muon_a: 3.4445,
            muon_b: -4.775,
            muon_c: 2.0315,
            adam_lr_ratio: 1.0,
            momentum: 0.95,
            ns_steps: 5,
            nesterov: true,
            rms_rate: Some(0.2),
        }
    }

    common_arguments!();

    arguments! {
        /// With this decay of the gradient's running mean, for weights that go by Adam's rule.
        adam_beta_1: f64;
        /// With this decay of the running mean of its square, for weights that go by Adam's rule.
        adam_beta_2: f64;
        /// With this weight decay for weights that go by Adam's rule; none for no decay.
        adam_weight_decay: Option<f64>;
        /// With this addition to the root, for weights that go by Adam's rule.
        epsilon: f64;
        /// With embeddings going by Adam's rule.
        exclude_embeddings: bool;
        /// With this factor `a` of the iteration.
        muon_a: f64;
        /// With this factor `b` of the iteration.
        muon_b: f64;
        /// With this factor `c` of the iteration.
        muon_c: f64;
        /// With the learning rate times this for weights that go by Adam's rule.
        adam_lr_ratio: f64;
        /// With this momentum.
        momentum: f64;
        /// With Nesterov's rule.
        nesterov: bool;
        /// With changes scaled by this and the root of the larger side; none for changes as they are.
        rms_rate: Option<f64>;
    }

    /// With Adam's rule for weights in whose path one of these regular expressions is found.
    #[must_use]
    pub fn exclude_layers(mut self, patterns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.exclude_layers = patterns.into_iter().map(Into::into).collect();
        match self.exclude_layers.iter().map(|p| pattern_of(p)).collect() {
            Ok(patterns) => self.patterns = patterns,
            Err(error) => self.base.refuse(error),
        }
        self
    }

    /// With this many iterations, at most 100.
    #[must_use]
    pub fn ns_steps(mut self, steps: u64) -> Self {
        if steps > NS_STEPS_MAX {
            let error = cornet_error::err!(InvalidArgument, "ns_steps: expected at most {NS_STEPS_MAX}, found {steps}");
            self.base.refuse(error);
        }
        self.ns_steps = steps.min(NS_STEPS_MAX);
        self
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let mut base = OptimizerBase::from_config(config, "Muon", 0.001)?;
        if !config.has("weight_decay") {
            base.set_weight_decay(Some(0.004));
        }
        let optional = |key| match config.has(key) {
            true => config.optional(key, "a number", Value::as_f64).map(Some),
            false => Ok(None),
        };
        let texts = |value: &Value| value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect();
        let excluded: Vec<String> = config.optional("exclude_layers", "texts", texts)?.unwrap_or_default();
        let default = Self::of(base);
        let muon = Self {
            adam_beta_1: config.float("adam_beta_1", default.adam_beta_1)?,
            adam_beta_2: config.float("adam_beta_2", default.adam_beta_2)?,
            adam_weight_decay: optional("adam_weight_decay")?.unwrap_or(default.adam_weight_decay),
            epsilon: config.float("epsilon", default.epsilon)?,
            exclude_embeddings: config.flag("exclude_embeddings", true)?,
            muon_a: config.float("muon_a", default.muon_a)?,
            muon_b: config.float("muon_b", default.muon_b)?,
            muon_c: config.float("muon_c", default.muon_c)?,
            adam_lr_ratio: config.float("adam_lr_ratio", default.adam_lr_ratio)?,
            momentum: config.float("momentum", default.momentum)?,
            nesterov: config.flag("nesterov", true)?,
            rms_rate: optional("rms_rate")?.unwrap_or(default.rms_rate),
            ..default
        };
        let steps = config.optional("ns_steps", "an integer", Value::as_u64)?.unwrap_or(5);
        let muon = muon.exclude_layers(excluded).ns_steps(steps);
        muon.base.check_arguments().map(|()| muon)
    }

    fn goes_by_adam(&self, weight: &Weight) -> bool {
        let path = weight.path();
        weight.variable.shape().rank() != 2
            || (self.exclude_embeddings && path.to_lowercase().contains("embedding"))
            || self.patterns.iter().any(|pattern| pattern.is_match(path))
    }

    /// Brings a matrix close to an orthogonal one.
    fn orthogonal(&self, x: &Tensor) -> Tensor {
        let is_tall = x.shape().is_ok_and(|shape| matches!(shape[..], [rows, columns] if rows > columns));
        let x = if is_tall { x.transpose(&[1, 0]) } else { x.clone() };
        let mut x = &x / (x.square().sum(&[], false).sqrt() + 1e-7);
        for _ in 0..self.ns_steps {
            let a = x.matmul(x.transpose(&[1, 0]));
            let b = &a * self.muon_b + (&a * self.muon_c).matmul(&a);
            x = &x * self.muon_a + b.matmul(&x);
        }
        if is_tall { x.transpose(&[1, 0]) } else { x }
    }
}

impl Optimizer for Muon {
    fn class_name(&self) -> &'static str {
        "Muon"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({
            "adam_beta_1": self.adam_beta_1, "adam_beta_2": self.adam_beta_2, "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers, "muon_a": self.muon_a, "muon_b": self.muon_b, "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio, "momentum": self.momentum, "ns_steps": self.ns_steps,
            "nesterov": self.nesterov, "exclude_embeddings": self.exclude_embeddings,
            "adam_weight_decay": self.adam_weight_decay, "rms_rate": self.rms_rate,
        }))
    }

    fn slots(&self, weight: &Weight) -> Vec<SlotGroup> {
        let velocity = self.goes_by_adam(weight).then(|| Slot::new("velocity"));
        vec![[Slot::new("momentum")].into_iter().chain(velocity).collect()]
    }

    fn decay_of(&self, weight: &Weight) -> Option<f64> {
        if self.goes_by_adam(weight) { self.adam_weight_decay } else { self.base.get_weight_decay() }
    }

    fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 3]> {
        let learning_rate = &rate.learning_rate * self.adam_lr_ratio;
        SmallVec::from_iter([adam::alpha(rate, &learning_rate, self.adam_beta_1, self.adam_beta_2)])
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let ([m], g) = (step.states()?, &step.gradient);
        if let Some(&v) = step.slots.get(1) {
            let [alpha] = step.numbers()?;
            adam::follow(g, m, v, self.adam_beta_1, self.adam_beta_2)?;
            return step.variable.assign_sub(&(m.read() * alpha / (v.read().sqrt() + self.epsilon)));
        }
        m.assign_add(&(g + m.read() * (self.momentum - 1.0)))?;
        let direction = if self.nesterov { g + m.read() * self.momentum } else { m.read() };
        let change = self.orthogonal(&direction) * &step.rate.learning_rate;
        let longest = step.variable.variable().shape().iter().copied().max().unwrap_or(1);
        let change = match self.rms_rate {
            Some(rate) => change * (longest as f64).sqrt() * rate,
            None => change,
        };
        step.variable.assign_sub(&change)
    }
}
