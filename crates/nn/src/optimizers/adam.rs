use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::base::{common_arguments, constant};
use super::{Optimizer, OptimizerBase, Rate, Step};
use crate::saving::config::{Config, map};

/// Gradient descent along running means of the gradient, scaled by those of its square.
///
/// At step t: `α = rate · √(1 - β₂ᵗ) / (1 - β₁ᵗ)`, `m ← m + (g - m) · (1 - β₁)`, `v ← v + (g² - v) · (1 - β₂)`,
/// `w ← w - α · m / (√v + ε)`. With `amsgrad`, the greatest v so far stands in its place.
///
/// # Source
/// Keras 3 `keras.optimizers.Adam`; Kingma and Ba, "Adam: a method for stochastic optimization" (2014).
pub struct Adam {
    base: OptimizerBase,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    amsgrad: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Self::new()
    }
}

impl Adam {
    /// The optimizer with Keras's arguments: learning rate 0.001, β₁ 0.9, β₂ 0.999, ε 1e-7.
    pub fn new() -> Self {
        let base = OptimizerBase::new("Adam", 0.001);
        Self { base, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false }
    }

    common_arguments!();

    /// With this decay of the gradient's running mean.
    #[must_use]
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.beta_1 = beta_1;
        self
    }

    /// With this decay of the running mean of its square.
    #[must_use]
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.beta_2 = beta_2;
        self
    }

    /// With this addition to the root.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// With the greatest running mean of squares so far instead of the present one.
    #[must_use]
    pub fn amsgrad(mut self, amsgrad: bool) -> Self {
        self.amsgrad = amsgrad;
        self
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            base: OptimizerBase::from_config(config, "Adam", 0.001)?,
            beta_1: config.float("beta_1", 0.9)?,
            beta_2: config.float("beta_2", 0.999)?,
            epsilon: config.float("epsilon", 1e-7)?,
            amsgrad: config.flag("amsgrad", false)?,
        })
    }
}

impl Optimizer for Adam {
    fn class_name(&self) -> &'static str {
        "Adam"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let Self { beta_1, beta_2, epsilon, amsgrad, .. } = self;
        map(json!({"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon, "amsgrad": amsgrad}))
    }

    fn slots(&self) -> Vec<&'static [&'static str]> {
        if self.amsgrad { vec![&["momentum", "velocity"], &["velocity_hat"]] } else { vec![&["momentum", "velocity"]] }
    }

    fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 2]> {
        let power = |beta: f64| constant(beta, rate.dtype).power(&rate.step);
        let alpha = &rate.learning_rate * (1.0 - power(self.beta_2)).sqrt() / (1.0 - power(self.beta_1));
        SmallVec::from_iter([alpha])
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [m, v, ..] = step.slots[..] else { fail!(Internal, "adam: a weight without its state") };
        let g = &step.gradient;
        m.assign(&(m.read() + (g - m.read()) * (1.0 - self.beta_1)))?;
        v.assign(&(v.read() + (g.square() - v.read()) * (1.0 - self.beta_2)))?;
        let scale = match step.slots.get(2) {
            Some(greatest) => {
                greatest.assign(&greatest.read().maximum(v.read()))?;
                greatest.read()
            }
            None => v.read(),
        };
        let change = m.read() * &step.scalars[0] / (scale.sqrt() + self.epsilon);
        step.variable.assign(&(step.variable.read() - change))
    }
}
