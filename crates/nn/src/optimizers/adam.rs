use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::arguments::{Betas, beta_arguments, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Rate, Slot, SlotGroup, State, Step};
use crate::layers::Weight;
use crate::saving::config::Config;

/// The builder methods of [`AdamRule`].
macro_rules! adam_arguments {
    () => {
        beta_arguments!(rule.betas);

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
#[derive(Default)]
pub(super) struct AdamRule {
    pub betas: Betas,
    pub amsgrad: bool,
}

impl AdamRule {
    pub fn from_config(config: &Config<'_>) -> Result<Self> {
        let betas = Betas::from_config(config, Betas::default())?;
        Ok(Self { betas, amsgrad: config.flag("amsgrad", false)? })
    }

    pub fn arguments(&self) -> Map<String, Value> {
        let mut all = self.betas.arguments();
        all.insert("amsgrad".into(), self.amsgrad.into());
        all
    }

    pub fn slots(&self) -> Vec<SlotGroup> {
        let greatest = self.amsgrad.then(|| Slot::each(["velocity_hat"]));
        [Slot::each(["momentum", "velocity"])].into_iter().chain(greatest).collect()
    }

    pub fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 3]> {
        SmallVec::from_iter([alpha(rate, &rate.learning_rate, self.betas.beta_1, self.betas.beta_2)])
    }

    pub fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [m, v] = step.states()?;
        let [alpha] = step.numbers()?;
        follow(&step.gradient, m, v, self.betas.beta_1, self.betas.beta_2)?;
        let scale = match step.slots.get(2) {
            Some(greatest) => {
                greatest.assign(&greatest.read().maximum(v.read()))?;
                greatest.read()
            }
            None => v.read(),
        };
        step.variable.assign_sub(&(m.read() * alpha / (scale.sqrt() + self.betas.epsilon)))
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
