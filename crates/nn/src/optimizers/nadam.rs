use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::arguments::{Betas, beta_arguments, beta_optimizer, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Rate, Slot, SlotGroup, State, Step};
use crate::layers::Weight;
use crate::saving::config::Config;

beta_optimizer! {
    /// [`Adam`](super::Adam) with Nesterov's rule.
    ///
    /// At step t: `μₜ = β₁ · (1 - 0.5 · 0.96ᵗ)`, `p ← p · μₜ`, `m` and `v` as Adam's,
    /// `w ← w - rate · (μₜ₊₁ · m / (1 - p · μₜ₊₁) + (1 - μₜ) · g / (1 - p)) / (√(v / (1 - β₂ᵗ)) + ε)`.
    ///
    /// # Source
    /// Keras 3 `keras.optimizers.Nadam`; Dozat, "Incorporating Nesterov momentum into Adam" (2016).
    Nadam
}

impl Optimizer for Nadam {
    fn class_name(&self) -> &'static str {
        "Nadam"
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

    /// The product of the momenta of all steps so far.
    fn globals(&self, dtype: DType) -> Vec<(String, Array)> {
        Array::full(dtype, [], 1.0).into_iter().map(|one| ("variable".into(), one)).collect()
    }

    fn begin(&self, rate: &dyn Fn(DType) -> Rate, gate: Option<&Tensor>) -> Result<()> {
        self.base.globals().iter().try_for_each(|product| {
            let product = State::new(product, gate);
            let decay = rate(product.variable().dtype()).power(0.96);
            product.assign(&(product.read() * self.betas.beta_1 * (1.0 - decay * 0.5)))
        })
    }

    fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 3]> {
        let momentum = |decay: Tensor| rate.constant(self.betas.beta_1) * (1.0 - decay * 0.5);
        let now = momentum(rate.power(0.96));
        let next = momentum(rate.constant(0.96).power(&rate.step + 1.0));
        let product = self.base.globals().first().map_or_else(|| rate.constant(1.0), |p| p.read().cast(rate.dtype));
        let of_mean = &next / (1.0 - &product * &next);
        let of_gradient = (1.0 - now) / (1.0 - product);
        SmallVec::from_iter([of_mean, of_gradient, 1.0 - rate.power(self.betas.beta_2)])
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [m, v] = step.states()?;
        let [of_mean, of_gradient, by_2] = step.numbers()?;
        let g = &step.gradient;
        // Keras rounds the decays before it subtracts them from 1, other than Adam's.
        let share = |beta: f64| 1.0 - step.rate.constant(beta);
        m.assign_add(&((g - m.read()) * share(self.betas.beta_1)))?;
        v.assign_add(&((g.square() - v.read()) * share(self.betas.beta_2)))?;
        let mean = m.read() * of_mean + g * of_gradient;
        let scale = (v.read() / by_2).sqrt() + self.betas.epsilon;
        step.variable.assign_sub(&(mean * &step.rate.learning_rate / scale))
    }
}
