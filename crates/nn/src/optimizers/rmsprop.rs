use cornet_error::Result;
use serde_json::{Map, Value, json};

use super::arguments::{arguments, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// Gradient descent scaled by the running mean of the gradient's square.
///
/// `v ← ρ · v + (1 - ρ) · g²`, `i = rate · g / √(v + ε)`; with `centered`, `a ← ρ · a + (1 - ρ) · g` and `v - a² + ε` is what
/// stands under the root. `w ← w - i`; with momentum μ: `m ← μ · m + i`, `w ← w - m`.
///
/// # Source
/// Keras 3 `keras.optimizers.RMSprop`; Hinton, "Neural networks for machine learning", lecture 6 (2012).
pub struct RmsProp {
    base: OptimizerBase,
    rho: f64,
    momentum: f64,
    epsilon: f64,
    centered: bool,
}

default_from_new!(RmsProp);

impl RmsProp {
    /// The optimizer with Keras's arguments: learning rate 0.001, ρ 0.9, no momentum, ε 1e-7.
    pub fn new() -> Self {
        let base = OptimizerBase::new("RMSprop", 0.001);
        Self { base, rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }

    common_arguments!();

    arguments! {
        /// With this decay of the running means.
        rho: f64;
        /// With this momentum.
        momentum: f64;
        /// With this addition under the root.
        epsilon: f64;
        /// With the gradient's variance instead of the mean of its square.
        centered: bool;
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = OptimizerBase::from_config(config, "RMSprop", 0.001)?;
        Ok(Self {
            base,
            rho: config.float("rho", 0.9)?,
            momentum: config.float("momentum", 0.0)?,
            epsilon: config.float("epsilon", 1e-7)?,
            centered: config.flag("centered", false)?,
        })
    }
}

impl Optimizer for RmsProp {
    fn class_name(&self) -> &'static str {
        "RMSprop"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}))
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        let kinds = [("velocity", true), ("momentum", self.momentum > 0.0), ("average_gradient", self.centered)];
        kinds.into_iter().filter(|(_, is_kept)| *is_kept).map(|(kind, _)| Slot::each([kind])).collect()
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [v] = step.states()?;
        let (g, rho) = (&step.gradient, self.rho);
        v.assign(&(v.read() * rho + g.square() * (1.0 - rho)))?;
        let scale = match step.slots.last().filter(|_| self.centered) {
            Some(mean) => {
                mean.assign(&(mean.read() * rho + g * (1.0 - rho)))?;
                v.read() - mean.read().square() + self.epsilon
            }
            None => v.read() + self.epsilon,
        };
        let change = &step.rate.learning_rate * g / scale.sqrt();
        match step.slots.get(1).filter(|_| self.momentum > 0.0) {
            Some(m) => {
                m.assign(&(m.read() * self.momentum + change))?;
                step.variable.assign_sub(&m.read())
            }
            None => step.variable.assign_sub(&change),
        }
    }
}
