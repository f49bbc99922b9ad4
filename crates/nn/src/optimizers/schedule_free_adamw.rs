use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::arguments::{arguments, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Rate, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// [`Adam`](super::Adam) with an average over all steps in the place of momentum: no schedule of learning rates is
/// needed.
///
/// At step t, y the weight, z its state, β = β₁, `rate` growing over `warmup_steps`: `v ← v + (g² - v) · (1 - β₂)`,
/// `x = (y - (1 - β) · z) / β`, `z ← z - rate · g / (√(v / (1 - β₂ᵗ)) + ε)`, `x ← (1 - 1/t) · x + 1/t · z`,
/// `y ← (1 - β) · z + β · x`.
///
/// # Source
/// Keras 3 `keras.optimizers.ScheduleFreeAdamW` as it runs on JAX (on TensorFlow x is computed from the new z); Defazio
/// et al., "The road less scheduled" (2024).
pub struct ScheduleFreeAdamW {
    base: OptimizerBase,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    warmup_steps: u64,
}

default_from_new!(ScheduleFreeAdamW);

impl ScheduleFreeAdamW {
    /// The optimizer with Keras's arguments: learning rate 0.0025, β₁ 0.9, β₂ 0.999, ε 1e-8, no warm-up.
    pub fn new() -> Self {
        let base = OptimizerBase::new("ScheduleFreeAdamW", 0.0025);
        Self { base, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, warmup_steps: 0 }
    }

    common_arguments!();

    arguments! {
        /// With this share of the average in the weights.
        beta_1: f64;
        /// With this decay of the running mean of the gradient's square.
        beta_2: f64;
        /// With this addition to the root.
        epsilon: f64;
        /// With a learning rate that grows to its value over so many steps.
        warmup_steps: u64;
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            base: OptimizerBase::from_config(config, "ScheduleFreeAdamW", 0.0025)?,
            beta_1: config.float("beta_1", 0.9)?,
            beta_2: config.float("beta_2", 0.999)?,
            epsilon: config.float("epsilon", 1e-8)?,
            warmup_steps: config.optional("warmup_steps", "an integer", Value::as_u64)?.unwrap_or(0),
        })
    }
}

impl Optimizer for ScheduleFreeAdamW {
    fn class_name(&self) -> &'static str {
        "ScheduleFreeAdamW"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let Self { beta_1, beta_2, epsilon, warmup_steps, .. } = self;
        map(json!({"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon, "warmup_steps": warmup_steps}))
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        vec![SlotGroup::from_iter([Slot::new("momentum").from_weight(), Slot::new("velocity")])]
    }

    fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 3]> {
        let learning_rate = match self.warmup_steps {
            0 => rate.learning_rate.clone(),
            steps => &rate.learning_rate * (&rate.step / steps as f64).minimum(1.0),
        };
        SmallVec::from_iter([learning_rate, 1.0 - rate.power(self.beta_2), 1.0 / &rate.step])
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [z, v] = step.states()?;
        let [learning_rate, by_2, share] = step.numbers()?;
        let (g, beta_1, beta_2) = (&step.gradient, step.rate.constant(self.beta_1), step.rate.constant(self.beta_2));
        v.assign_add(&((g.square() - v.read()) * (1.0 - beta_2)))?;
        let x = (step.variable.read() - z.read() * (1.0 - &beta_1)) / &beta_1;
        z.assign_sub(&(learning_rate * g / ((v.read() / by_2).sqrt() + self.epsilon)))?;
        let x = x * (1.0 - share) + z.read() * share;
        step.variable.assign(&(z.read() * (1.0 - &beta_1) + x * &beta_1))
    }
}
