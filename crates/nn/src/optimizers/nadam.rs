use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::arguments::{arguments, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Rate, Slot, SlotGroup, State, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// [`Adam`](super::Adam) with Nesterov's rule.
///
/// At step t: `μₜ = β₁ · (1 - 0.5 · 0.96ᵗ)`, `p ← p · μₜ`, `m` and `v` as Adam's,
/// `w ← w - rate · (μₜ₊₁ · m / (1 - p · μₜ₊₁) + (1 - μₜ) · g / (1 - p)) / (√(v / (1 - β₂ᵗ)) + ε)`.
///
/// # Source
/// Keras 3 `keras.optimizers.Nadam`; Dozat, "Incorporating Nesterov momentum into Adam" (2016).
pub struct Nadam {
    base: OptimizerBase,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

default_from_new!(Nadam);

impl Nadam {
    /// The optimizer with Keras's arguments: learning rate 0.001, β₁ 0.9, β₂ 0.999, ε 1e-7.
    pub fn new() -> Self {
        let base = OptimizerBase::new("Nadam", 0.001);
        Self { base, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }

    common_arguments!();

    arguments! {
        /// With this decay of the gradient's running mean.
        beta_1: f64;
        /// With this decay of the running mean of its square.
        beta_2: f64;
        /// With this addition to the root.
        epsilon: f64;
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let base = OptimizerBase::from_config(config, "Nadam", 0.001)?;
        Ok(Self {
            base,
            beta_1: config.float("beta_1", 0.9)?,
            beta_2: config.float("beta_2", 0.999)?,
            epsilon: config.float("epsilon", 1e-7)?,
        })
    }
}

impl Optimizer for Nadam {
    fn class_name(&self) -> &'static str {
        "Nadam"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}))
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
            product.assign(&(product.read() * self.beta_1 * (1.0 - decay * 0.5)))
        })
    }

    fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 3]> {
        let momentum = |decay: Tensor| rate.constant(self.beta_1) * (1.0 - decay * 0.5);
        let now = momentum(rate.power(0.96));
        let next = momentum(rate.constant(0.96).power(&rate.step + 1.0));
        let product = self.base.globals().first().map_or_else(|| rate.constant(1.0), |p| p.read().cast(rate.dtype));
        let of_mean = &next / (1.0 - &product * &next);
        let of_gradient = (1.0 - now) / (1.0 - product);
        SmallVec::from_iter([of_mean, of_gradient, 1.0 - rate.power(self.beta_2)])
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [m, v] = step.states()?;
        let [of_mean, of_gradient, by_2] = step.numbers()?;
        let g = &step.gradient;
        // Keras rounds the decays before it subtracts them from 1, other than Adam's.
        let share = |beta: f64| 1.0 - step.rate.constant(beta);
        m.assign_add(&((g - m.read()) * share(self.beta_1)))?;
        v.assign_add(&((g.square() - v.read()) * share(self.beta_2)))?;
        let mean = m.read() * of_mean + g * of_gradient;
        let scale = (v.read() / by_2).sqrt() + self.epsilon;
        step.variable.assign_sub(&(mean * &step.rate.learning_rate / scale))
    }
}
