use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::arguments::{arguments, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Rate, Slot, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::{Config, map};

/// Gradient descent scaled by the running mean of the gradient's square, of which only means of rows and columns are
/// kept; the step is relative to the weight's size.
///
/// At step t, for a matrix: `ρ = min(rate, 1/√t)`, `β = 1 - t^d` (d the decay), `r ← β · r + (1 - β) · mean(g² + ε₁)` over
/// columns, `c` the same over rows, `v = r / mean(r) · c`, `u = g / √v`,
/// `w ← w - max(ε₂, rms(w)) · ρ · u / max(1, rms(u) / threshold)`. For weights of less than two axes,
/// `v ← β · v + (1 - β) · (g² + ε₁)`. Without `relative_step`, `rate` itself is not bounded by 1/√t.
///
/// # Source
/// Keras 3 `keras.optimizers.Adafactor`; Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory
/// cost" (2018).
pub struct Adafactor {
    base: OptimizerBase,
    beta_2_decay: f64,
    epsilon_1: f64,
    epsilon_2: f64,
    clip_threshold: f64,
    relative_step: bool,
}

default_from_new!(Adafactor);

impl Adafactor {
    /// The optimizer with Keras's arguments: learning rate 0.001, decay -0.8, ε₁ 1e-30, ε₂ 0.001, threshold 1, relative
    /// steps.
    pub fn new() -> Self {
        Self {
            base: OptimizerBase::new("Adafactor", 0.001),
            beta_2_decay: -0.8,
            epsilon_1: 1e-30,
            epsilon_2: 0.001,
            clip_threshold: 1.0,
            relative_step: true,
        }
    }

    common_arguments!();

    arguments! {
        /// With this exponent of the count of steps in the decay of the running means.
        beta_2_decay: f64;
        /// With this addition to the gradient's square.
        epsilon_1: f64;
        /// With this least size of a weight.
        epsilon_2: f64;
        /// With changes divided by their size over this, where that is more than 1.
        clip_threshold: f64;
        /// With a learning rate of at most 1/√t at step t, if it is a number.
        relative_step: bool;
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            base: OptimizerBase::from_config(config, "Adafactor", 0.001)?,
            beta_2_decay: config.float("beta_2_decay", -0.8)?,
            epsilon_1: config.float("epsilon_1", 1e-30)?,
            epsilon_2: config.float("epsilon_2", 0.001)?,
            clip_threshold: config.float("clip_threshold", 1.0)?,
            relative_step: config.flag("relative_step", true)?,
        })
    }
}

fn rms(x: &Tensor) -> Tensor {
    x.square().mean(&[], false).sqrt()
}

impl Optimizer for Adafactor {
    fn class_name(&self) -> &'static str {
        "Adafactor"
    }

    fn base(&self) -> &OptimizerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let Self { beta_2_decay, epsilon_1, epsilon_2, clip_threshold, relative_step, .. } = self;
        map(json!({
            "beta_2_decay": beta_2_decay, "epsilon_1": epsilon_1, "epsilon_2": epsilon_2,
            "clip_threshold": clip_threshold, "relative_step": relative_step,
        }))
    }

    /// Means of rows and columns, which small weights have a placeholder for, and the mean for each element.
    fn slots(&self, weight: &Weight) -> Vec<SlotGroup> {
        let velocity = Slot::new("velocity");
        let means = match weight.variable.shape()[..] {
            [ref outer @ .., rows, columns] => {
                let shape = |last: usize| outer.iter().copied().chain([last]).collect::<Vec<_>>();
                [Slot::new("r").shape(shape(rows)), Slot::new("c").shape(shape(columns))]
            }
            _ => ["r", "c"].map(|kind| Slot::new(kind).shape([]).dtype(DType::I32)),
        };
        vec![means.into_iter().chain([velocity]).collect()]
    }

    fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 3]> {
        let bound = 1.0 / rate.step.sqrt();
        SmallVec::from_iter([rate.learning_rate.minimum(&bound), 1.0 - rate.step.power(self.beta_2_decay)])
    }

    fn update_step(&self, step: &Step<'_>) -> Result<()> {
        let [r, c, v] = step.states()?;
        let [rate, keep] = step.numbers()?;
        let (g, w) = (&step.gradient, step.variable);
        let size = rms(&w.read()).maximum(self.epsilon_2) * rate;
        let squares = g.square() + self.epsilon_1;
        let blend = |old: Tensor, new: Tensor| old * keep + new * (1.0 - keep);
        if w.variable().shape().rank() >= 2 {
            r.assign(&blend(r.read(), squares.mean(&[-1], false)))?;
            c.assign(&blend(c.read(), squares.mean(&[-2], false)))?;
            let rows = r.read() / r.read().mean(&[-1], true);
            v.assign(&(rows.expand_dims(&[-1]) * c.read().expand_dims(&[-2])))?;
        } else {
            v.assign(&blend(v.read(), squares))?;
        }
        let change = g / v.read().sqrt();
        let bounded = &change / (rms(&change) / self.clip_threshold).maximum(1.0);
        w.assign_sub(&(size * bounded))
    }
}
