use std::f64::consts::PI;

use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::{LearningRateSchedule, Steps, float, named, number};
use crate::saving::config::{Config, map};

/// Half a wave of a cosine, after a linear warm-up if asked for.
///
/// With s the steps so far, at most `decay_steps`: `rate · ((1 - α) · (1 + cos(π · s / decay_steps)) / 2 + α)`. With a
/// warm-up the rate goes from the initial one to `warmup_target` in `warmup_steps`, and decays from there.
///
/// # Source
/// Keras 3 `keras.optimizers.schedules.CosineDecay`; Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm
/// restarts" (2016).
#[derive(Clone, Debug, PartialEq)]
pub struct CosineDecay {
    initial_learning_rate: f64,
    decay_steps: Steps,
    alpha: f64,
    name: String,
    warmup_target: Option<f64>,
    warmup_steps: Steps,
}

impl CosineDecay {
    /// From a rate to 0 in so many steps.
    pub fn new(initial_learning_rate: f64, decay_steps: impl Into<Steps>) -> Self {
        Self {
            initial_learning_rate,
            decay_steps: decay_steps.into(),
            alpha: 0.0,
            name: "CosineDecay".into(),
            warmup_target: None,
            warmup_steps: Steps(0.0),
        }
    }

    /// To this fraction of the rate; by default 0.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// First to this rate in so many steps.
    #[must_use]
    pub fn warmup(mut self, warmup_target: f64, warmup_steps: impl Into<Steps>) -> Self {
        (self.warmup_target, self.warmup_steps) = (Some(warmup_target), warmup_steps.into());
        self
    }

    named!();

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            initial_learning_rate: number(config, "initial_learning_rate")?,
            decay_steps: Steps(number(config, "decay_steps")?),
            alpha: config.float("alpha", 0.0)?,
            name: config.text("name", "CosineDecay")?.into(),
            warmup_target: config.optional("warmup_target", "a number", Value::as_f64)?,
            warmup_steps: Steps(config.float("warmup_steps", 0.0)?),
        })
    }

    fn decayed(&self, step: Tensor, from: f64) -> Tensor {
        let cosine = ((step / self.decay_steps.0) * PI).cos();
        ((cosine + 1.0) * 0.5 * (1.0 - self.alpha) + self.alpha) * from
    }
}

impl LearningRateSchedule for CosineDecay {
    fn class_name(&self) -> &str {
        "CosineDecay"
    }

    fn rate(&self, step: &Tensor) -> Tensor {
        let Some(target) = self.warmup_target else {
            return self.decayed(float(step).minimum(self.decay_steps.0), self.initial_learning_rate);
        };
        let warmup = self.warmup_steps.0;
        let step = float(step).minimum(self.decay_steps.0 + warmup);
        let decayed = self.decayed(&step - warmup, target);
        if warmup <= 0.0 {
            return decayed;
        }
        let rising = &step / warmup * (target - self.initial_learning_rate) + self.initial_learning_rate;
        step.less(warmup).where_(rising, decayed)
    }

    fn check(&self) -> Result<()> {
        self.decay_steps.check("decay_steps")
    }

    fn config(&self) -> Map<String, Value> {
        map(json!({
            "initial_learning_rate": self.initial_learning_rate, "decay_steps": self.decay_steps.to_json(),
            "alpha": self.alpha, "name": self.name, "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps.to_json(),
        }))
    }
}
