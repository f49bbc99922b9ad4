use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::arguments::{arguments, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// Gradient descent whose step is scaled by the ratio of two running means: of past steps and of the gradient's square.
///
/// `a ← ρ · a + (1 - ρ) · g²`, `δ = -√(d + ε) / √(a + ε) · g`, `d ← ρ · d + (1 - ρ) · δ²`, `w ← w + rate · δ`.
///
/// # Source
/// Keras 3 `keras.optimizers.Adadelta`; Zeiler, "ADADELTA: an adaptive learning rate method" (2012).
pub struct Adadelta {
    base: OptimizerBase,
    rho: f64,
    epsilon: f64,
}

default_from_new!(Adadelta);

impl Adadelta {
    /// The optimizer with Keras's arguments: learning rate 0.001, ρ 0.95, ε 1e-7.
    pub fn new() -> Self {
        let base = OptimizerBase::new("Adadelta", 0.001);
        Self { base, rho: 0.95, epsilon: 1e-7 }
    }

    common_arguments!();

    arguments! {
        /// With this decay of the running means.
        rho: f64;
        /// With this addition under the roots.
        epsilon: f64;
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = OptimizerBase::from_config(config, "Adadelta", 0.001)?;
        Ok(Self { base, rho: config.float("rho", 0.95)?, epsilon: config.float("epsilon", 1e-7)? })
    }
}

impl Optimizer for Adadelta {
    fn class_name(&self) -> &'static str {
        "Adadelta"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"rho": self.rho, "epsilon": self.epsilon}))
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        vec![Slot::each(["accumulated_grad", "accumulated_delta_var"])]
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [squares, steps] = step.states()?;
        let (g, rho) = (&step.gradient, self.rho);
        squares.assign(&(squares.read() * rho + g.square() * (1.0 - rho)))?;
        let root = |x: Tensor| (x + self.epsilon).sqrt();
        let change = -(root(steps.read()) * g / root(squares.read()));
        steps.assign(&(steps.read() * rho + change.square() * (1.0 - rho)))?;
        step.variable.assign_add(&(change * &step.rate.learning_rate))
    }
}
