use cornet_error::Result;
use serde_json::{Map, Value, json};

use super::arguments::{arguments, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// Gradient descent scaled, element by element, by all gradients so far.
///
/// `a ← a + g²`, `w ← w - rate · g / √(a + ε)`.
///
/// # Source
/// Keras 3 `keras.optimizers.Adagrad`; Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and
/// stochastic optimization" (2011).
pub struct Adagrad {
    base: OptimizerBase,
    initial_accumulator_value: f64,
    epsilon: f64,
}

default_from_new!(Adagrad);

impl Adagrad {
    /// The optimizer with Keras's arguments: learning rate 0.001, sums from 0.1, ε 1e-7.
    pub fn new() -> Self {
        let base = OptimizerBase::new("Adagrad", 0.001);
        Self { base, initial_accumulator_value: 0.1, epsilon: 1e-7 }
    }

    common_arguments!();

    arguments! {
        /// With sums of squares that begin with this.
        initial_accumulator_value: f64;
        /// With this addition under the root.
        epsilon: f64;
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = OptimizerBase::from_config(config, "Adagrad", 0.001)?;
        Ok(Self {
            base,
            initial_accumulator_value: config.float("initial_accumulator_value", 0.1)?,
            epsilon: config.float("epsilon", 1e-7)?,
        })
    }
}

impl Optimizer for Adagrad {
    fn class_name(&self) -> &'static str {
        "Adagrad"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}))
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        vec![SlotGroup::from_iter([Slot::new("accumulator").from_value(self.initial_accumulator_value)])]
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [sum] = step.states()?;
        sum.assign_add(&step.gradient.square())?;
        let pull = &step.rate.learning_rate * &step.gradient;
        step.variable.assign_sub(&(pull / (sum.read() + self.epsilon).sqrt()))
    }
}
