use cornet_error::{Result, err};
use serde_json::{Map, Value, json};

use super::arguments::{common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// Gradient descent, with momentum if asked for.
///
/// `w ← w - rate · g`; with momentum μ: `m ← μ · m - rate · g`, then `w ← w + m`, or `w ← w + μ · m - rate · g` with
/// Nesterov's rule.
///
/// # Source
/// Keras 3 `keras.optimizers.SGD`.
pub struct Sgd {
    base: OptimizerBase,
    momentum: f64,
    nesterov: bool,
}

default_from_new!(Sgd);

impl Sgd {
    /// The optimizer with Keras's arguments: learning rate 0.01, no momentum.
    pub fn new() -> Self {
        Self { base: OptimizerBase::new("SGD", 0.01), momentum: 0.0, nesterov: false }
    }

    common_arguments!();

    /// With this momentum, from 0 to 1.
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        if !(0.0..=1.0).contains(&momentum) {
            self.base.refuse(err!(InvalidArgument, "momentum: expected 0 to 1, found {momentum}"));
        }
        self.momentum = momentum;
        self
    }

    /// With Nesterov's rule.
    #[must_use]
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = OptimizerBase::from_config(config, "SGD", 0.01)?;
        let nesterov = config.flag("nesterov", false)?;
        Ok(Self { base, momentum: 0.0, nesterov }.momentum(config.float("momentum", 0.0)?))
    }
}

impl Optimizer for Sgd {
    fn class_name(&self) -> &'static str {
        "SGD"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"momentum": self.momentum, "nesterov": self.nesterov}))
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        if self.momentum == 0.0 { vec![] } else { vec![Slot::each(["momentum"])] }
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let pull = &step.gradient * &step.rate.learning_rate;
        let Some(m) = step.slots.first() else { return step.variable.assign_sub(&pull) };
        m.assign(&(m.read() * self.momentum - &pull))?;
        let change = if self.nesterov { m.read() * self.momentum - pull } else { m.read() };
        step.variable.assign_add(&change)
    }
}
