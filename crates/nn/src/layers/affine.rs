//! What `Dense` and the convolutions have in common: kernel, bias, activation, and their arguments.

use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::{LayerBase, WeightSpec, Weights};
use crate::activations::Activation;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};

/// What layers of the form `activation(x ∘ kernel + bias)` have in common.
pub(crate) struct Affine {
    pub activation: Activation,
    pub use_bias: bool,
    pub kernel_initializer: Initializer,
    pub bias_initializer: Initializer,
    pub kernel_regularizer: Option<Regularizer>,
    pub bias_regularizer: Option<Regularizer>,
    pub kernel_constraint: Option<Constraint>,
    pub bias_constraint: Option<Constraint>,
}

impl Default for Affine {
    fn default() -> Self {
        Self {
            activation: Activation::Linear,
            use_bias: true,
            kernel_initializer: crate::arg::Choice::parse("glorot_uniform").unwrap_or(Initializer::Zeros),
            bias_initializer: Initializer::Zeros,
            kernel_regularizer: None,
            bias_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
        }
    }
}

impl Affine {
    pub fn from_config(config: &Config<'_>) -> Result<Self> {
        let initializer = |key| match config.get(key) {
            Value::Null => Ok(None),
            value => Initializer::from_json(value).map(Some),
        };
        let default = Self::default();
        Ok(Self {
            activation: Activation::from_json(config.get("activation"))?,
            use_bias: config.flag("use_bias", true)?,
            kernel_initializer: initializer("kernel_initializer")?.unwrap_or(default.kernel_initializer),
            bias_initializer: initializer("bias_initializer")?.unwrap_or(default.bias_initializer),
            kernel_regularizer: Regularizer::from_json(config.get("kernel_regularizer"))?,
            bias_regularizer: Regularizer::from_json(config.get("bias_regularizer"))?,
            kernel_constraint: Constraint::from_json(config.get("kernel_constraint"))?,
            bias_constraint: Constraint::from_json(config.get("bias_constraint"))?,
        })
    }

    /// The weights `kernel` and `bias`.
    pub fn build(&self, kernel: &[usize], units: usize, weights: &mut Weights<'_>) -> Result<()> {
        let spec = WeightSpec::new("kernel", kernel, &self.kernel_initializer);
        weights.add(spec.regularizer(self.kernel_regularizer).constraint(self.kernel_constraint))?;
        if self.use_bias {
            let spec = WeightSpec::new("bias", [units], &self.bias_initializer);
            weights.add(spec.regularizer(self.bias_regularizer).constraint(self.bias_constraint))?;
        }
        Ok(())
    }

    /// Bias and activation. Backends look for a product, an addition of `[units]` and relu, in this order.
    ///
    /// `axis` is the one that the units are on, from the back.
    pub fn finish(&self, base: &LayerBase, product: Tensor, axis: usize) -> Tensor {
        let sum = match (self.use_bias, axis) {
            (false, _) => product,
            (true, 1) => product + base.read(1),
            (true, _) => {
                let bias = base.read(1);
                let units = base.weights().get(1).map_or(0, |w| w.count());
                let shape: Vec<usize> = [units].into_iter().chain(std::iter::repeat_n(1, axis - 1)).collect();
                product + bias.reshape(shape)
            }
        };
        self.activation.apply(&sum)
    }

    pub fn arguments(&self, with_activity_regularizer: Option<Option<Regularizer>>) -> Map<String, Value> {
        let regularizer = |r: &Option<Regularizer>| r.map_or(Value::Null, |r| r.to_json());
        let constraint = |c: &Option<Constraint>| c.map_or(Value::Null, |c| c.to_json());
        let mut config = map(json!({
            "activation": self.activation.to_json(), "use_bias": self.use_bias,
            "kernel_initializer": self.kernel_initializer.to_json(),
            "bias_initializer": self.bias_initializer.to_json(),
            "kernel_regularizer": regularizer(&self.kernel_regularizer),
            "bias_regularizer": regularizer(&self.bias_regularizer),
        }));
        if let Some(activity) = with_activity_regularizer {
            config.insert("activity_regularizer".into(), regularizer(&activity));
        }
        config.insert("kernel_constraint".into(), constraint(&self.kernel_constraint));
        config.insert("bias_constraint".into(), constraint(&self.bias_constraint));
        config
    }
}

/// The builder methods of layers with a kernel, a bias and an activation.
macro_rules! affine_arguments {
    () => {
        /// With this activation; by default none.
        #[must_use]
        pub fn activation(mut self, activation: impl Into<crate::arg::Arg<Activation>>) -> Self {
            if let Some(activation) = self.base.accept(activation.into()) {
                self.affine.activation = activation;
            }
            self
        }

        /// With a bias (the default), or without.
        #[must_use]
        pub fn use_bias(mut self, use_bias: bool) -> Self {
            self.affine.use_bias = use_bias;
            self
        }

        /// With this rule for the first kernel; by default `glorot_uniform`.
        #[must_use]
        pub fn kernel_initializer(mut self, initializer: impl Into<crate::arg::Arg<Initializer>>) -> Self {
            if let Some(initializer) = self.base.accept(initializer.into()) {
                self.affine.kernel_initializer = initializer;
            }
            self
        }

        /// With this rule for the first bias; by default `zeros`.
        #[must_use]
        pub fn bias_initializer(mut self, initializer: impl Into<crate::arg::Arg<Initializer>>) -> Self {
            if let Some(initializer) = self.base.accept(initializer.into()) {
                self.affine.bias_initializer = initializer;
            }
            self
        }

        /// With this penalty on the kernel.
        #[must_use]
        pub fn kernel_regularizer(mut self, regularizer: impl Into<crate::arg::Arg<Regularizer>>) -> Self {
            self.affine.kernel_regularizer = self.base.accept(regularizer.into());
            self
        }

        /// With this penalty on the bias.
        #[must_use]
        pub fn bias_regularizer(mut self, regularizer: impl Into<crate::arg::Arg<Regularizer>>) -> Self {
            self.affine.bias_regularizer = self.base.accept(regularizer.into());
            self
        }

        /// With this penalty on the outputs.
        #[must_use]
        pub fn activity_regularizer(mut self, regularizer: impl Into<crate::arg::Arg<Regularizer>>) -> Self {
            self.base.set_activity_regularizer(regularizer.into());
            self
        }

        /// With this bound on the kernel.
        #[must_use]
        pub fn kernel_constraint(mut self, constraint: impl Into<crate::arg::Arg<Constraint>>) -> Self {
            self.affine.kernel_constraint = self.base.accept(constraint.into());
            self
        }

        /// With this bound on the bias.
        #[must_use]
        pub fn bias_constraint(mut self, constraint: impl Into<crate::arg::Arg<Constraint>>) -> Self {
            self.affine.bias_constraint = self.base.accept(constraint.into());
            self
        }
    };
}
pub(crate) use affine_arguments;
