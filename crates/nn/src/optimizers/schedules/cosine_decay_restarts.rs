use std::f64::consts::PI;

use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::{LearningRateSchedule, Steps, constant, float, named, number};
use crate::saving::config::{Config, map};

/// Half waves of a cosine, one after the other, each `t_mul` times as long and from `m_mul` times the rate.
///
/// With f the fraction of the i-th wave that is done: `rate · ((1 - α) · m_mulⁱ · (1 + cos(π · f)) / 2 + α)`.
///
/// # Source
/// Keras 3 `keras.optimizers.schedules.CosineDecayRestarts`; Loshchilov and Hutter, "SGDR: stochastic gradient descent
/// with warm restarts" (2016).
#[derive(Clone, Debug, PartialEq)]
pub struct CosineDecayRestarts {
    initial_learning_rate: f64,
    first_decay_steps: Steps,
    t_mul: f64,
    m_mul: f64,
    alpha: f64,
    name: String,
}

impl CosineDecayRestarts {
    /// From a rate to 0, first in so many steps and then in twice as many each time.
    pub fn new(initial_learning_rate: f64, first_decay_steps: impl Into<Steps>) -> Self {
        Self {
            initial_learning_rate,
            first_decay_steps: first_decay_steps.into(),
            t_mul: 2.0,
            m_mul: 1.0,
            alpha: 0.0,
            name: "SGDRDecay".into(),
        }
    }

    /// With each wave this many times as long as the one before; by default 2.
    #[must_use]
    pub fn t_mul(mut self, t_mul: f64) -> Self {
        self.t_mul = t_mul;
        self
    }

    /// With each wave starting from this many times the rate of the one before; by default 1.
    #[must_use]
    pub fn m_mul(mut self, m_mul: f64) -> Self {
        self.m_mul = m_mul;
        self
    }

    /// To this fraction of the rate; by default 0.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    named!();

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            initial_learning_rate: number(config, "initial_learning_rate")?,
            first_decay_steps: Steps(number(config, "first_decay_steps")?),
            t_mul: config.float("t_mul", 2.0)?,
            m_mul: config.float("m_mul", 1.0)?,
            alpha: config.float("alpha", 0.0)?,
            name: config.text("name", "SGDRDecay")?.into(),
        })
    }

    /// Which wave it is, and how much of it is done.
    fn place(&self, waves: Tensor) -> (Tensor, Tensor) {
        if self.t_mul as f32 == 1.0 {
            let which = waves.floor();
            let done = waves - &which;
            return (which, done);
        }
        let t_mul = constant(self.t_mul);
        let which = ((1.0 - &waves * (1.0 - &t_mul)).log() / t_mul.log()).floor();
        let length = t_mul.power(&which);
        let before = (1.0 - &length) / (1.0 - t_mul);
        let done = (waves - before) / length;
        (which, done)
    }
}

impl LearningRateSchedule for CosineDecayRestarts {
    fn class_name(&self) -> &str {
        "CosineDecayRestarts"
    }

    fn rate(&self, step: &Tensor) -> Tensor {
        let (which, done) = self.place(float(step) / self.first_decay_steps.0);
        let height = constant(self.m_mul).power(which) * 0.5;
        let cosine = height * ((done * PI).cos() + 1.0);
        (cosine * (1.0 - self.alpha) + self.alpha) * self.initial_learning_rate
    }

    fn check(&self) -> Result<()> {
        self.first_decay_steps.check("first_decay_steps")
    }

    fn config(&self) -> Map<String, Value> {
        map(json!({
            "initial_learning_rate": self.initial_learning_rate, "first_decay_steps": self.first_decay_steps.to_json(),
            "t_mul": self.t_mul, "m_mul": self.m_mul, "alpha": self.alpha, "name": self.name,
        }))
    }
}
