use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::arguments::{Betas, beta_arguments, beta_optimizer, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Rate, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::Config;

beta_optimizer! {
    /// [`Adam`](super::Adam) with the greatest magnitude instead of the mean square.
    ///
    /// At step t: `m ← m + (g - m) · (1 - β₁)`, `u ← max(β₂ · u, |g|)`, `w ← w - rate · m / ((1 - β₁ᵗ) · (u + ε))`.
    ///
    /// # Source
    /// Keras 3 `keras.optimizers.Adamax`; Kingma and Ba, "Adam: a method for stochastic optimization" (2014), section 7.
    Adamax
}

impl Optimizer for Adamax {
    fn class_name(&self) -> &'static str {
        "Adamax"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        self.betas.arguments()
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        vec![Slot::each(["momentum", "norm"])]
    }

    fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 3]> {
        SmallVec::from_iter([1.0 - rate.power(self.betas.beta_1)])
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [m, u] = step.states()?;
        let [correction] = step.numbers()?;
        m.assign_add(&((&step.gradient - m.read()) * (1.0 - self.betas.beta_1)))?;
        u.assign(&(u.read() * self.betas.beta_2).maximum(step.gradient.absolute()))?;
        let pull = m.read() * &step.rate.learning_rate;
        step.variable.assign_sub(&(pull / (correction * (u.read() + self.betas.epsilon))))
    }
}
