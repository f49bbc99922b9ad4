use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::adam;
use super::arguments::{Betas, beta_arguments, beta_optimizer, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Rate, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::Config;

beta_optimizer! {
    /// [`Adam`](super::Adam) with each weight's change as long as the weight itself, times the learning rate: for large batches.
    ///
    /// At step t: `m` and `v` as Adam's, `u = (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)`, `w ← w - rate · ‖w‖ / ‖u‖ · u`; the ratio
    /// counts as 1 where a norm is 0.
    ///
    /// # Source
    /// Keras 3 `keras.optimizers.Lamb`; You et al., "Large batch optimization for deep learning" (2019).
    Lamb
}

impl Optimizer for Lamb {
    fn class_name(&self) -> &'static str {
        "Lamb"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        self.betas.arguments()
    }

    fn slots(&self, _weight: &Weight) -> Vec<SlotGroup> {
        vec![Slot::each(["momentum", "velocity"])]
    }

    fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 3]> {
        SmallVec::from_iter([1.0 - rate.power(self.betas.beta_1), 1.0 - rate.power(self.betas.beta_2)])
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [m, v] = step.states()?;
        let [by_1, by_2] = step.numbers()?;
        let g = &step.gradient;
        adam::follow(g, m, v, self.betas.beta_1, self.betas.beta_2)?;
        let change = m.read() / by_1 / ((v.read() / by_2).sqrt() + self.betas.epsilon);
        let norm = |x: &Tensor| x.square().sum(&[], false).sqrt();
        let (of_weight, of_change) = (norm(&step.variable.read()), norm(&change));
        let ratio = of_change.greater(0).where_(&of_weight / &of_change, 1.0);
        let ratio = of_weight.greater(0).where_(ratio, 1.0);
        step.variable.assign_sub(&(ratio * &step.rate.learning_rate * change))
    }
}
