use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::arguments::{arguments, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Rate, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// [`Adam`](super::Adam) with the greatest magnitude instead of the mean square.
///
/// At step t: `m ← m + (g - m) · (1 - β₁)`, `u ← max(β₂ · u, |g|)`, `w ← w - rate · m / ((1 - β₁ᵗ) · (u + ε))`.
///
/// # Source
/// Keras 3 `keras.optimizers.Adamax`; Kingma and Ba, "Adam: a method for stochastic optimization" (2014), section 7.
pub struct Adamax {
    base: OptimizerBase,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

default_from_new!(Adamax);

impl Adamax {
    /// The optimizer with Keras's arguments: learning rate 0.001, β₁ 0.9, β₂ 0.999, ε 1e-7.
    pub fn new() -> Self {
        let base = OptimizerBase::new("Adamax", 0.001);
        Self { base, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }

    common_arguments!();

    arguments! {
        /// With this decay of the gradient's running mean.
        beta_1: f64;
        /// With this decay of the greatest magnitude.
        beta_2: f64;
        /// With this addition to the divisor.
        epsilon: f64;
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = OptimizerBase::from_config(config, "Adamax", 0.001)?;
        Ok(Self {
            base,
            beta_1: config.float("beta_1", 0.9)?,
            beta_2: config.float("beta_2", 0.999)?,
            epsilon: config.float("epsilon", 1e-7)?,
        })
    }
}

impl Optimizer for Adamax {
    fn class_name(&self) -> &'static str {
        "Adamax"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}))
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        vec![Slot::each(["momentum", "norm"])]
    }

    fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 3]> {
        SmallVec::from_iter([1.0 - rate.power(self.beta_1)])
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [m, u] = step.states()?;
        let [correction] = step.numbers()?;
        m.assign_add(&((&step.gradient - m.read()) * (1.0 - self.beta_1)))?;
        u.assign(&(u.read() * self.beta_2).maximum(step.gradient.absolute()))?;
        let pull = m.read() * &step.rate.learning_rate;
        step.variable.assign_sub(&(pull / (correction * (u.read() + self.epsilon))))
    }
}
