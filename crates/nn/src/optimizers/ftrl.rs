use cornet_error::{Result, err};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::arguments::{arguments, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// "Follow the regularized leader": for sparse linear models, keeps weights at 0 that the penalty l1 outweighs.
///
/// With p the power, `n' = n + g²`, `σ = (n'⁻ᵖ - n⁻ᵖ) / rate`, `z ← z + g + 2 · shrinkage · w - σ · w`, `n ← n'`,
/// `w ← (clip(z, ±l1) - z) / (n⁻ᵖ / rate + 2 · (l2 + β / (2 · rate)))`.
///
/// # Source
/// Keras 3 `keras.optimizers.Ftrl`; McMahan et al., "Ad click prediction: a view from the trenches" (2013).
pub struct Ftrl {
    base: OptimizerBase,
    learning_rate_power: f64,
    initial_accumulator_value: f64,
    l1_regularization_strength: f64,
    l2_regularization_strength: f64,
    l2_shrinkage_regularization_strength: f64,
    beta: f64,
}

default_from_new!(Ftrl);

impl Ftrl {
    /// The optimizer with Keras's arguments: learning rate 0.001, power -0.5, sums from 0.1, no penalties, β 0.
    pub fn new() -> Self {
        Self {
            base: OptimizerBase::new("Ftrl", 0.001),
            learning_rate_power: -0.5,
            initial_accumulator_value: 0.1,
            l1_regularization_strength: 0.0,
            l2_regularization_strength: 0.0,
            l2_shrinkage_regularization_strength: 0.0,
            beta: 0.0,
        }
    }

    common_arguments!();

    arguments! {
        /// With this exponent of the sum of squares, at most 0.
        learning_rate_power: f64;
        /// With sums of squares that begin with this.
        initial_accumulator_value: f64;
        /// With this penalty on magnitudes.
        l1_regularization_strength: f64;
        /// With this penalty on squares, which does not decay with the steps.
        l2_regularization_strength: f64;
        /// With this penalty on squares as a part of the gradient.
        l2_shrinkage_regularization_strength: f64;
        /// With this β.
        beta: f64;
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            base: OptimizerBase::from_config(config, "Ftrl", 0.001)?,
            learning_rate_power: config.float("learning_rate_power", -0.5)?,
            initial_accumulator_value: config.float("initial_accumulator_value", 0.1)?,
            l1_regularization_strength: config.float("l1_regularization_strength", 0.0)?,
            l2_regularization_strength: config.float("l2_regularization_strength", 0.0)?,
            l2_shrinkage_regularization_strength: config.float("l2_shrinkage_regularization_strength", 0.0)?,
            beta: config.float("beta", 0.0)?,
        })
    }

    fn check(&self) -> Result<()> {
        let wrong = [
            ("initial_accumulator_value", self.initial_accumulator_value),
            ("l1_regularization_strength", self.l1_regularization_strength),
            ("l2_regularization_strength", self.l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", self.l2_shrinkage_regularization_strength),
            ("-learning_rate_power", -self.learning_rate_power),
        ];
        match wrong.into_iter().find(|(_, value)| value.is_nan() || *value < 0.0) {
            Some((name, found)) => Err(err!(InvalidArgument, "{name}: expected at least 0, found {found}")),
            None => Ok(()),
        }
    }
}

impl Optimizer for Ftrl {
    fn class_name(&self) -> &'static str {
        "Ftrl"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }))
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        let sum = Slot::new("accumulator").from_value(self.initial_accumulator_value);
        vec![SlotGroup::from_iter([sum, Slot::new("linear")])]
    }

    fn build(&self, weights: &[Weight]) -> Result<()> {
        self.check().map_err(|e| e.within(format!("optimizer {}", self.base.name())))?;
        self.base.build(weights, |weight| self.slots(weight), Vec::new())
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [sum, linear] = step.states()?;
        let (g, w, rate) = (&step.gradient, step.variable, &step.rate.learning_rate);
        let power = |x: &Tensor| x.power(-self.learning_rate_power);
        let gradient = g + w.read() * (2.0 * self.l2_shrinkage_regularization_strength);
        let new_sum = sum.read() + g.square();
        let change = (power(&new_sum) - power(&sum.read())) / rate * w.read();
        linear.assign_add(&(gradient - change))?;
        let l2 = self.beta / (2.0 * rate) + self.l2_regularization_strength;
        let quadratic = power(&new_sum) / rate + 2.0 * l2;
        let l1 = self.l1_regularization_strength;
        let clipped = linear.read().clip(-l1, l1);
        w.assign(&((clipped - linear.read()) / quadratic))?;
        sum.assign(&new_sum)
    }
}
