use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::{LearningRateSchedule, Steps, constant, float, named, number};
use crate::saving::config::{Config, map};

/// A schedule of a rate, a number of steps and a rate of decay: `$rate` gives the learning rate from the initial one, the
/// rate of decay and the steps so far over `decay_steps`.
macro_rules! decay {
    ($(#[doc = $doc:literal])+ $class:ident |$initial:ident, $decay:ident, $p:ident| $rate:expr) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $class {
            initial_learning_rate: f64,
            decay_steps: Steps,
            decay_rate: f64,
            staircase: bool,
            name: String,
        }

        impl $class {
            /// A rate that decays by `decay_rate` in so many steps.
            pub fn new(initial_learning_rate: f64, decay_steps: impl Into<Steps>, decay_rate: f64) -> Self {
                let name = stringify!($class).into();
                Self { initial_learning_rate, decay_steps: decay_steps.into(), decay_rate, staircase: false, name }
            }

            /// Decaying only after each `decay_steps` steps.
            #[must_use]
            pub fn staircase(mut self, staircase: bool) -> Self {
                self.staircase = staircase;
                self
            }

            named!();

            pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
                Ok(Self {
                    initial_learning_rate: number(config, "initial_learning_rate")?,
                    decay_steps: Steps(number(config, "decay_steps")?),
                    decay_rate: number(config, "decay_rate")?,
                    staircase: config.flag("staircase", false)?,
                    name: config.text("name", stringify!($class))?.into(),
                })
            }
        }

        impl LearningRateSchedule for $class {
            fn class_name(&self) -> &str {
                stringify!($class)
            }

            fn rate(&self, step: &Tensor) -> Tensor {
                let ($initial, $decay) = (constant(self.initial_learning_rate), constant(self.decay_rate));
                let done = float(step) / self.decay_steps.0;
                let $p = if self.staircase { done.floor() } else { done };
                $rate
            }

            fn check(&self) -> Result<()> {
                self.decay_steps.check("decay_steps")
            }

            fn config(&self) -> Map<String, Value> {
                map(json!({
                    "initial_learning_rate": self.initial_learning_rate, "decay_steps": self.decay_steps.to_json(),
                    "decay_rate": self.decay_rate, "staircase": self.staircase, "name": self.name,
                }))
            }
        }
    };
}

decay! {
    /// `rate · decay_rate^(steps / decay_steps)`.
    ///
    /// # Source
    /// Keras 3 `keras.optimizers.schedules.ExponentialDecay`.
    ExponentialDecay |rate, decay, p| rate * decay.power(p)
}

decay! {
    /// `rate / (1 + decay_rate · steps / decay_steps)`.
    ///
    /// # Source
    /// Keras 3 `keras.optimizers.schedules.InverseTimeDecay`.
    InverseTimeDecay |rate, decay, p| rate / (decay * p + 1.0)
}
