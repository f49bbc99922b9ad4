//! Arguments that several optimizers have, and their builder methods.

use cornet_error::Result;
use serde_json::{Map, Value, json};

use crate::saving::config::{Config, map};

/// The decays of Adam and its kin, and what keeps their divisors from 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Betas {
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
}

impl Default for Betas {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl Betas {
    pub fn from_config(config: &Config<'_>, default: Self) -> Result<Self> {
        Ok(Self {
            beta_1: config.float("beta_1", default.beta_1)?,
            beta_2: config.float("beta_2", default.beta_2)?,
            epsilon: config.float("epsilon", default.epsilon)?,
        })
    }

    pub fn arguments(self) -> Map<String, Value> {
        map(json!({"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}))
    }
}

/// The builder methods of [`Betas`] at a place within the optimizer.
macro_rules! beta_arguments {
    ($($place:ident).+) => {
        /// With this decay of the gradient's running mean.
        #[must_use]
        pub fn beta_1(mut self, beta_1: f64) -> Self {
            self.$($place).+.beta_1 = beta_1;
            self
        }

        /// With this decay of the running mean of its square, or of its greatest magnitude.
        #[must_use]
        pub fn beta_2(mut self, beta_2: f64) -> Self {
            self.$($place).+.beta_2 = beta_2;
            self
        }

        /// With this addition to the divisor.
        #[must_use]
        pub fn epsilon(mut self, epsilon: f64) -> Self {
            self.$($place).+.epsilon = epsilon;
            self
        }
    };
}
pub(super) use beta_arguments;

/// An optimizer whose only arguments of its own are [`Betas`], with the learning rate 0.001.
macro_rules! beta_optimizer {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name {
            base: OptimizerBase,
            betas: Betas,
        }

        default_from_new!($name);

        impl $name {
            /// The optimizer with Keras's arguments: learning rate 0.001, β₁ 0.9, β₂ 0.999, ε 1e-7.
            pub fn new() -> Self {
                Self { base: OptimizerBase::new(stringify!($name), 0.001), betas: Betas::default() }
            }

            common_arguments!();
            beta_arguments!(betas);

            pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
                let base = OptimizerBase::from_config(config, stringify!($name), 0.001)?;
                Ok(Self { base, betas: Betas::from_config(config, Betas::default())? })
            }
        }
    };
}
pub(super) use beta_optimizer;

/// The builder methods that all optimizers have.
macro_rules! common_arguments {
    () => {
        /// With this learning rate: a number, a schedule, or a [`LearningRate`](super::LearningRate).
        #[must_use]
        pub fn learning_rate(mut self, learning_rate: impl Into<super::LearningRate>) -> Self {
            self.base.set_initial_rate(learning_rate);
            self
        }

        /// Taking this much of each weight away in a step, times the learning rate.
        #[must_use]
        pub fn weight_decay(mut self, weight_decay: f64) -> Self {
            self.base.set_weight_decay(Some(weight_decay));
            self
        }

        /// Without weight decay for weights in whose path, such as `sequential/dense/bias`, one of these regular
        /// expressions is found.
        #[must_use]
        pub fn exclude_from_weight_decay(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
            self.base.exclude(names);
            self
        }

        /// Without weight decay for these variables.
        #[must_use]
        pub fn exclude_variables_from_weight_decay<'a>(
            mut self,
            variables: impl IntoIterator<Item = &'a cornet_ops::Variable>,
        ) -> Self {
            self.base.exclude_variables(variables);
            self
        }

        /// With each weight's gradient scaled down to this norm where it is longer.
        #[must_use]
        pub fn clipnorm(mut self, norm: f64) -> Self {
            self.base.set_clip(super::clip::Clip::Norm(norm));
            self
        }

        /// With all gradients together scaled down to this norm where they are longer.
        #[must_use]
        pub fn global_clipnorm(mut self, norm: f64) -> Self {
            self.base.set_clip(super::clip::Clip::GlobalNorm(norm));
            self
        }

        /// With each element of a gradient kept between this and its negative.
        #[must_use]
        pub fn clipvalue(mut self, value: f64) -> Self {
            self.base.set_clip(super::clip::Clip::Value(value));
            self
        }

        /// With moving averages of the weights, which the weights are set to at the end of `fit`.
        #[must_use]
        pub fn use_ema(mut self, use_ema: bool) -> Self {
            self.base.set_use_ema(use_ema);
            self
        }

        /// With this much of a moving average kept in each step; by default 0.99.
        #[must_use]
        pub fn ema_momentum(mut self, momentum: f64) -> Self {
            self.base.set_ema_momentum(momentum);
            self
        }

        /// With the weights set to their moving averages after every so many steps; by default only at the end.
        #[must_use]
        pub fn ema_overwrite_frequency(mut self, steps: u64) -> Self {
            self.base.set_ema_overwrite_frequency(steps);
            self
        }

        /// With the loss multiplied by this before it is differentiated, and the gradients divided by it.
        #[must_use]
        pub fn loss_scale_factor(self, factor: f64) -> Self {
            self.base.set_loss_scale_factor(Some(factor));
            self
        }

        /// With gradients gathered over so many steps, after which their mean changes the weights.
        #[must_use]
        pub fn gradient_accumulation_steps(mut self, steps: u64) -> Self {
            self.base.set_gradient_accumulation_steps(steps);
            self
        }

        /// With this name instead of an automatic one.
        #[must_use]
        pub fn name(mut self, name: impl Into<String>) -> Self {
            self.base.set_name(name);
            self
        }
    };
}
pub(super) use common_arguments;

/// Builder methods of the same names as the fields that they set.
macro_rules! arguments {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty;)+) => {
        $(
            $(#[doc = $doc])+
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            }
        )+
    };
}
pub(super) use arguments;

/// `Default` from `new`.
macro_rules! default_from_new {
    ($type:ty) => {
        impl Default for $type {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}
pub(super) use default_from_new;
