use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::arguments::{common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Rate, Slot, SlotGroup, State, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// The builder methods of [`AdamRule`].
macro_rules! adam_arguments {
    () => {
        /// With this decay of the gradient's running mean.
        #[must_use]
        pub fn beta_1(mut self, beta_1: f64) -> Self {
            self.rule.beta_1 = beta_1;
            self
        }

        /// With this decay of the running mean of its square.
        #[must_use]
        pub fn beta_2(mut self, beta_2: f64) -> Self {
            self.rule.beta_2 = beta_2;
            self
        }

        /// With this addition to the root.
        #[must_use]
        pub fn epsilon(mut self, epsilon: f64) -> Self {
            self.rule.epsilon = epsilon;
            self
        }

        /// With the greatest running mean of squares so far instead of the present one.
        #[must_use]
        pub fn amsgrad(mut self, amsgrad: bool) -> Self {
            self.rule.amsgrad = amsgrad;
            self
        }
    };
}
pub(super) use adam_arguments;

/// An optimizer that follows [`AdamRule`].
macro_rules! adam_optimizer {
    () => {
        fn base(&self) -> &OptimizerBase {
            &self.base
        }

        fn arguments(&self) -> Map<String, Value> {
            self.rule.arguments()
        }

        fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
            self.rule.slots()
        }

        fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 3]> {
            self.rule.scalars(rate)
        }

        fn update_step(&self, step: &Step<'_>) -> Result<()> {
            self.rule.update_step(step)
        }
    };
}
pub(super) use adam_optimizer;

/// Gradient descent along running means of the gradient, scaled by those of its square.
///
/// At step t: `α = rate · √(1 - β₂ᵗ) / (1 - β₁ᵗ)`, `m ← m + (g - m) · (1 - β₁)`, `v ← v + (g² - v) · (1 - β₂)`,
/// `w ← w - α · m / (√v + ε)`. With `amsgrad`, the greatest v so far stands in its place.
///
/// # Source
/// Keras 3 `keras.optimizers.Adam`; Kingma and Ba, "Adam: a method for stochastic optimization" (2014).
pub struct Adam {
    base: OptimizerBase,
    rule: AdamRule,
}

default_from_new!(Adam);

impl Adam {
    /// The optimizer with Keras's arguments: learning rate 0.001, β₁ 0.9, β₂ 0.999, ε 1e-7.
    pub fn new() -> Self {
        Self { base: OptimizerBase::new("Adam", 0.001), rule: AdamRule::default() }
    }

    common_arguments!();
    adam_arguments!();

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { base: OptimizerBase::from_config(config, "Adam", 0.001)?, rule: AdamRule::from_config(config)? })
    }
}

impl Optimizer for Adam {
    fn class_name(&self) -> &'static str {
        "Adam"
    }

    adam_optimizer!();
}

/// What [`Adam`] and [`AdamW`](super::AdamW) have in common: all but the default of weight decay.
pub(super) struct AdamRule {
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
    pub amsgrad: bool,
}

impl Default for AdamRule {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false }
    }
}

impl AdamRule {
    pub fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            beta_1: config.float("beta_1", 0.9)?,
            beta_2: config.float("beta_2", 0.999)?,
            epsilon: config.float("epsilon", 1e-7)?,
            amsgrad: config.flag("amsgrad", false)?,
        })
    }

    pub fn arguments(&self) -> Map<String, Value> {
        let Self { beta_1, beta_2, epsilon, amsgrad } = self;
        map(json!({"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon, "amsgrad": amsgrad}))
    }

    pub fn slots(&self) -> Vec<SlotGroup> {
        let greatest = self.amsgrad.then(|| Slot::each(["velocity_hat"]));
        [Slot::each(["momentum", "velocity"])].into_iter().chain(greatest).collect()
    }

    pub fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 3]> {
        SmallVec::from_iter([alpha(rate, &rate.learning_rate, self.beta_1, self.beta_2)])
    }

    pub fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [m, v] = step.states()?;
        let [alpha] = step.numbers()?;
        follow(&step.gradient, m, v, self.beta_1, self.beta_2)?;
        let scale = match step.slots.get(2) {
            Some(greatest) => {
                greatest.assign(&greatest.read().maximum(v.read()))?;
                greatest.read()
            }
            None => v.read(),
        };
        step.variable.assign_sub(&(m.read() * alpha / (scale.sqrt() + self.epsilon)))
    }
}

/// `rate · √(1 - β₂ᵗ) / (1 - β₁ᵗ)`.
pub(super) fn alpha(rate: &Rate, learning_rate: &Tensor, beta_1: f64, beta_2: f64) -> Tensor {
    learning_rate * (1.0 - rate.power(beta_2)).sqrt() / (1.0 - rate.power(beta_1))
}

/// `m ← m + (g - m) · (1 - β₁)`, `v ← v + (g² - v) · (1 - β₂)`.
pub(super) fn follow(g: &Tensor, m: State<'_>, v: State<'_>, beta_1: f64, beta_2: f64) -> Result<()> {
    m.assign_add(&((g - m.read()) * (1.0 - beta_1)))?;
    v.assign_add(&((g.square() - v.read()) * (1.0 - beta_2)))
}
