use cornet_error::{Result, err};
use serde_json::{Map, Value, json};

use super::arguments::{arguments, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// Gradient descent by the sign of a mean of gradient and momentum; each element goes equally far.
///
/// `w ← w - rate · sign(β₁ · m + (1 - β₁) · g)`, `m ← β₂ · m + (1 - β₂) · g`.
///
/// # Source
/// Keras 3 `keras.optimizers.Lion`; Chen et al., "Symbolic discovery of optimization algorithms" (2023).
pub struct Lion {
    base: OptimizerBase,
    beta_1: f64,
    beta_2: f64,
}

default_from_new!(Lion);

impl Lion {
    /// The optimizer with Keras's arguments: learning rate 0.001, β₁ 0.9, β₂ 0.99.
    pub fn new() -> Self {
        let base = OptimizerBase::new("Lion", 0.001);
        Self { base, beta_1: 0.9, beta_2: 0.99 }
    }

    common_arguments!();

    arguments! {
        /// With this decay of the momentum.
        beta_2: f64;
    }

    /// With this share of the momentum in the sign, more than 0 and at most 1.
    #[must_use]
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        if !(beta_1 > 0.0 && beta_1 <= 1.0) {
            self.base.refuse(err!(InvalidArgument, "beta_1: expected more than 0 and at most 1, found {beta_1}"));
        }
        self.beta_1 = beta_1;
        self
    }

    fn checked(self) -> Result<Self> {
        let beta_1 = self.beta_1;
        Ok(self.beta_1(beta_1))
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = OptimizerBase::from_config(config, "Lion", 0.001)?;
        let made = Self { base, beta_1: config.float("beta_1", 0.9)?, beta_2: config.float("beta_2", 0.99)? };
        made.checked()
    }
}

impl Optimizer for Lion {
    fn class_name(&self) -> &'static str {
        "Lion"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"beta_1": self.beta_1, "beta_2": self.beta_2}))
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        vec![Slot::each(["momentum"])]
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [m] = step.states()?;
        let (g, beta_1, beta_2) = (&step.gradient, step.rate.constant(self.beta_1), step.rate.constant(self.beta_2));
        let mean = m.read() * &beta_1 + g * (1.0 - &beta_1);
        step.variable.assign_sub(&(&step.rate.learning_rate * mean.sign()))?;
        m.assign(&(m.read() * &beta_2 + g * (1.0 - &beta_2)))
    }
}
