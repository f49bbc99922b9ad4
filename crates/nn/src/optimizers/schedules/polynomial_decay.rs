use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::{LearningRateSchedule, Steps, constant, float, named, number};
use crate::saving::config::{Config, map};

/// A polynomial from one rate to another.
///
/// With s the steps so far, at most `decay_steps`: `(rate - end) · (1 - s / decay_steps)^power + end`. With `cycle`, s is
/// not bounded, and in the place of `decay_steps` stands its least multiple that s does not exceed.
///
/// # Source
/// Keras 3 `keras.optimizers.schedules.PolynomialDecay`.
#[derive(Clone, Debug, PartialEq)]
pub struct PolynomialDecay {
    initial_learning_rate: f64,
    decay_steps: Steps,
    end_learning_rate: f64,
    power: f64,
    cycle: bool,
    name: String,
}

impl PolynomialDecay {
    /// From a rate to 0.0001 in so many steps, along a line.
    pub fn new(initial_learning_rate: f64, decay_steps: impl Into<Steps>) -> Self {
        Self {
            initial_learning_rate,
            decay_steps: decay_steps.into(),
            end_learning_rate: 0.0001,
            power: 1.0,
            cycle: false,
            name: "PolynomialDecay".into(),
        }
    }

    /// To this rate; by default 0.0001.
    #[must_use]
    pub fn end_learning_rate(mut self, end_learning_rate: f64) -> Self {
        self.end_learning_rate = end_learning_rate;
        self
    }

    /// With this power; by default 1.
    #[must_use]
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }

    /// Starting again when the end is reached, over a longer time.
    #[must_use]
    pub fn cycle(mut self, cycle: bool) -> Self {
        self.cycle = cycle;
        self
    }

    named!();

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            initial_learning_rate: number(config, "initial_learning_rate")?,
            decay_steps: Steps(number(config, "decay_steps")?),
            end_learning_rate: config.float("end_learning_rate", 0.0001)?,
            power: config.float("power", 1.0)?,
            cycle: config.flag("cycle", false)?,
            name: config.text("name", "PolynomialDecay")?.into(),
        })
    }
}

impl LearningRateSchedule for PolynomialDecay {
    fn class_name(&self) -> &str {
        "PolynomialDecay"
    }

    fn rate(&self, step: &Tensor) -> Tensor {
        let (step, steps) = (float(step), constant(self.decay_steps.0));
        let done = if self.cycle {
            let times = step.equal(0.0).where_(1.0_f32, (&step / &steps).ceil());
            step / (steps * times)
        } else {
            step.minimum(&steps) / steps
        };
        let end = constant(self.end_learning_rate);
        (constant(self.initial_learning_rate) - &end) * (1.0 - done).power(self.power) + end
    }

    fn check(&self) -> Result<()> {
        self.decay_steps.check("decay_steps")
    }

    fn config(&self) -> Map<String, Value> {
        map(json!({
            "initial_learning_rate": self.initial_learning_rate, "decay_steps": self.decay_steps.to_json(),
            "end_learning_rate": self.end_learning_rate, "power": self.power, "cycle": self.cycle, "name": self.name,
        }))
    }
}
