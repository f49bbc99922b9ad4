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

/// The keys under which a config has a kernel's initializer, regularizer and constraint.
pub(crate) type KernelKeys = [&'static str; 3];

const KERNEL: KernelKeys = ["kernel_initializer", "kernel_regularizer", "kernel_constraint"];

impl Affine {
    pub fn from_config(config: &Config<'_>) -> Result<Self> {
        Self::from_config_as(config, &KERNEL)
    }

    /// The same for a class that calls its kernel otherwise.
    pub fn from_config_as(config: &Config<'_>, kernel: &KernelKeys) -> Result<Self> {
        Ok(Self {
            activation: Activation::from_json(config.get("activation"))?,
            use_bias: config.flag("use_bias", true)?,
            kernel_initializer: Initializer::argument(config, kernel[0], "glorot_uniform")?,
            bias_initializer: Initializer::argument(config, "bias_initializer", "zeros")?,
            kernel_regularizer: Regularizer::from_json(config.get(kernel[1]))?,
            bias_regularizer: Regularizer::from_json(config.get("bias_regularizer"))?,
            kernel_constraint: Constraint::from_json(config.get(kernel[2]))?,
            bias_constraint: Constraint::from_json(config.get("bias_constraint"))?,
        })
    }

    /// The weights `kernel` and `bias`.
    pub fn build(&self, kernel: &[usize], units: usize, weights: &mut Weights<'_>) -> Result<()> {
        self.build_kernel(kernel, &self.kernel_initializer, weights)?;
        self.build_bias(&[units], weights)
    }

    /// The weight `kernel`, by this rule.
    pub fn build_kernel(&self, shape: &[usize], rule: &Initializer, weights: &mut Weights<'_>) -> Result<()> {
        let spec = WeightSpec::new("kernel", shape, rule);
        weights.add(spec.regularizer(self.kernel_regularizer).constraint(self.kernel_constraint))
    }

    /// The weight `bias`, if there is to be one.
    pub fn build_bias(&self, shape: &[usize], weights: &mut Weights<'_>) -> Result<()> {
        if self.use_bias {
            let spec = WeightSpec::new("bias", shape, &self.bias_initializer);
            weights.add(spec.regularizer(self.bias_regularizer).constraint(self.bias_constraint))?;
        }
        Ok(())
    }

    /// Bias and activation. Backends look for a product, an addition of `[units]` and relu, in this order.
    ///
    /// `axis` is the one that the units are on, from the back.
    pub fn finish(&self, base: &LayerBase, product: Tensor, axis: usize) -> Tensor {
        self.finish_with(base, product, axis, 1)
    }

    /// The same where the bias is another weight than the second.
    pub fn finish_with(&self, base: &LayerBase, product: Tensor, axis: usize, place: usize) -> Tensor {
        let sum = match (self.use_bias, axis) {
            (false, _) => product,
            (true, 1) => product + base.read(place),
            (true, _) => {
                let bias = base.read(place);
                let units = base.weights().get(place).map_or(0, |w| w.count());
                let shape: Vec<usize> = [units].into_iter().chain(std::iter::repeat_n(1, axis - 1)).collect();
                product + bias.reshape(shape)
            }
        };
        self.activation.apply(&sum)
    }

    pub fn arguments(&self, with_activity_regularizer: Option<Option<Regularizer>>) -> Map<String, Value> {
        self.arguments_as(with_activity_regularizer, &KERNEL)
    }

    /// The same for a class that calls its kernel otherwise.
    pub fn arguments_as(
        &self,
        with_activity_regularizer: Option<Option<Regularizer>>,
        kernel: &KernelKeys,
    ) -> Map<String, Value> {
        let regularizer = |r: &Option<Regularizer>| r.map_or(Value::Null, |r| r.to_json());
        let constraint = |c: &Option<Constraint>| c.map_or(Value::Null, |c| c.to_json());
        let mut config = map(json!({
            "activation": self.activation.to_json(), "use_bias": self.use_bias,
            kernel[0]: self.kernel_initializer.to_json(),
            "bias_initializer": self.bias_initializer.to_json(),
            kernel[1]: regularizer(&self.kernel_regularizer),
            "bias_regularizer": regularizer(&self.bias_regularizer),
        }));
        if let Some(activity) = with_activity_regularizer {
            config.insert("activity_regularizer".into(), regularizer(&activity));
        }
        config.insert(kernel[2].into(), constraint(&self.kernel_constraint));
        config.insert("bias_constraint".into(), constraint(&self.bias_constraint));
        config
    }
}

/// The builder methods of a weight: its initializer, regularizer and constraint, each with the field it sets.
macro_rules! filter_arguments {
    (
        $what:literal, $default:literal,
        $initializer:ident = $($initial:ident).+,
        $regularizer:ident = $($penalty:ident).+,
        $constraint:ident = $($bound:ident).+
    ) => {
        #[doc = concat!("With this rule for the first ", $what, "; by default `", $default, "`.")]
        #[must_use]
        pub fn $initializer(mut self, initializer: impl Into<crate::arg::Arg<Initializer>>) -> Self {
            if let Some(initializer) = self.base.accept(initializer.into()) {
                self.$($initial).+ = initializer;
            }
            self
        }

        #[doc = concat!("With this penalty on the ", $what, ".")]
        #[must_use]
        pub fn $regularizer(mut self, regularizer: impl Into<crate::arg::Arg<Regularizer>>) -> Self {
            self.$($penalty).+ = self.base.accept(regularizer.into());
            self
        }

        #[doc = concat!("With this bound on the ", $what, ".")]
        #[must_use]
        pub fn $constraint(mut self, constraint: impl Into<crate::arg::Arg<Constraint>>) -> Self {
            self.$($bound).+ = self.base.accept(constraint.into());
            self
        }
    };
}
pub(crate) use filter_arguments;

/// The builder methods of layers with a bias and an activation.
macro_rules! bias_arguments {
    () => {
        /// With a bias (the default), or without.
        #[must_use]
        pub fn use_bias(mut self, use_bias: bool) -> Self {
            self.affine.use_bias = use_bias;
            self
        }

        crate::layers::affine::activation_arguments!();
    };
}
pub(crate) use bias_arguments;

/// The same without the choice whether there is a bias.
macro_rules! activation_arguments {
    () => {
        crate::layers::affine::filter_arguments!(
            "bias",
            "zeros",
            bias_initializer = affine.bias_initializer,
            bias_regularizer = affine.bias_regularizer,
            bias_constraint = affine.bias_constraint
        );

        /// With this activation; by default none.
        #[must_use]
        pub fn activation(mut self, activation: impl Into<crate::arg::Arg<Activation>>) -> Self {
            if let Some(activation) = self.base.accept(activation.into()) {
                self.affine.activation = activation;
            }
            self
        }

        /// With this penalty on the outputs.
        #[must_use]
        pub fn activity_regularizer(mut self, regularizer: impl Into<crate::arg::Arg<Regularizer>>) -> Self {
            self.base.set_activity_regularizer(regularizer.into());
            self
        }
    };
}
pub(crate) use activation_arguments;

/// The builder methods of layers with a kernel, a bias and an activation.
macro_rules! affine_arguments {
    () => {
        crate::layers::affine::filter_arguments!(
            "kernel",
            "glorot_uniform",
            kernel_initializer = affine.kernel_initializer,
            kernel_regularizer = affine.kernel_regularizer,
            kernel_constraint = affine.kernel_constraint
        );
        crate::layers::affine::bias_arguments!();
    };
}
pub(crate) use affine_arguments;
