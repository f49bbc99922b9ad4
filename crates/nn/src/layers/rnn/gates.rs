//! The arguments that the cells with kernels have in common.

use cornet_error::{Result, fail};
use cornet_ops::{Tensor, random};
use cornet_tensor::{Array, Shape};
use serde_json::{Map, Value, json};

use crate::activations::Activation;
use crate::arg::Choice;
use crate::constraints::Constraint;
use crate::initializers::Initializer;
use crate::layers::{Call, LayerBase, WeightSpec, Weights};
use crate::regularizers::Regularizer;
use crate::saving::config::{Config, map};

/// Kernels, bias, activations and dropout of a recurrent cell.
pub struct Gates {
    pub activation: Activation,
    pub recurrent_activation: Activation,
    pub use_bias: bool,
    pub unit_forget_bias: bool,
    pub kernel_initializer: Initializer,
    pub recurrent_initializer: Initializer,
    pub bias_initializer: Initializer,
    pub kernel_regularizer: Option<Regularizer>,
    pub recurrent_regularizer: Option<Regularizer>,
    pub bias_regularizer: Option<Regularizer>,
    pub kernel_constraint: Option<Constraint>,
    pub recurrent_constraint: Option<Constraint>,
    pub bias_constraint: Option<Constraint>,
    pub dropout: f64,
    pub recurrent_dropout: f64,
    pub seed: Option<u64>,
    /// Whether the dropout of the inputs differs from gate to gate.
    pub separate_masks: bool,
}

/// Which arguments stand in a class's config, and where.
#[derive(Clone, Copy, Default)]
pub struct Spelling {
    pub recurrent_activation: bool,
    pub unit_forget_bias: Option<Forget>,
    pub activity_regularizer: Option<Option<Regularizer>>,
    pub reset_after: Option<bool>,
    pub seed: bool,
}

/// The place of `unit_forget_bias`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Forget {
    BeforeInitializers,
    AfterInitializers,
}

fn named(name: &str) -> Initializer {
    Initializer::parse(name).unwrap_or(Initializer::Zeros)
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            activation: Activation::Tanh,
            recurrent_activation: Activation::Sigmoid,
            use_bias: true,
            unit_forget_bias: true,
            kernel_initializer: named("glorot_uniform"),
            recurrent_initializer: named("orthogonal"),
            bias_initializer: Initializer::Zeros,
            kernel_regularizer: None,
            recurrent_regularizer: None,
            bias_regularizer: None,
            kernel_constraint: None,
            recurrent_constraint: None,
            bias_constraint: None,
            dropout: 0.0,
            recurrent_dropout: 0.0,
            seed: None,
            separate_masks: false,
        }
    }
}

impl Gates {
    /// From a config of a class with these arguments.
    pub fn from_config(config: &Config<'_>, spelling: Spelling) -> Result<Self> {
        let initializer = |key, default| match config.get(key) {
            Value::Null => Ok(default),
            value => Initializer::from_json(value),
        };
        let default = Self::default();
        let recurrent_activation = match spelling.recurrent_activation {
            true => Activation::from_json(config.get("recurrent_activation"))?,
            false => default.recurrent_activation,
        };
        let unit_forget_bias = match spelling.unit_forget_bias {
            Some(_) => config.flag("unit_forget_bias", true)?,
            None => true,
        };
        let implementation = config.optional("implementation", "1 or 2", Value::as_u64)?;
        Ok(Self {
            activation: Activation::from_json(config.get("activation"))?,
            recurrent_activation,
            use_bias: config.flag("use_bias", true)?,
            unit_forget_bias,
            kernel_initializer: initializer("kernel_initializer", default.kernel_initializer)?,
            recurrent_initializer: initializer("recurrent_initializer", default.recurrent_initializer)?,
            bias_initializer: initializer("bias_initializer", default.bias_initializer)?,
            kernel_regularizer: Regularizer::from_json(config.get("kernel_regularizer"))?,
            recurrent_regularizer: Regularizer::from_json(config.get("recurrent_regularizer"))?,
            bias_regularizer: Regularizer::from_json(config.get("bias_regularizer"))?,
            kernel_constraint: Constraint::from_json(config.get("kernel_constraint"))?,
            recurrent_constraint: Constraint::from_json(config.get("recurrent_constraint"))?,
            bias_constraint: Constraint::from_json(config.get("bias_constraint"))?,
            dropout: config.float("dropout", 0.0)?.clamp(0.0, 1.0),
            recurrent_dropout: config.float("recurrent_dropout", 0.0)?.clamp(0.0, 1.0),
            seed: config.seed()?,
            separate_masks: implementation == Some(1),
        })
    }

    /// The arguments from `activation` on, in the order of the class.
    pub fn arguments(&self, spelling: Spelling) -> Map<String, Value> {
        let regularizer = |r: &Option<Regularizer>| r.as_ref().map_or(Value::Null, |r| r.to_json());
        let constraint = |c: &Option<Constraint>| c.as_ref().map_or(Value::Null, |c| c.to_json());
        let mut config = map(json!({"activation": self.activation.to_json()}));
        if spelling.recurrent_activation {
            config.insert("recurrent_activation".into(), self.recurrent_activation.to_json());
        }
        config.insert("use_bias".into(), self.use_bias.into());
        if spelling.unit_forget_bias == Some(Forget::BeforeInitializers) {
            config.insert("unit_forget_bias".into(), self.unit_forget_bias.into());
        }
        config.insert("kernel_initializer".into(), self.kernel_initializer.to_json());
        config.insert("recurrent_initializer".into(), self.recurrent_initializer.to_json());
        config.insert("bias_initializer".into(), self.bias_initializer.to_json());
        if spelling.unit_forget_bias == Some(Forget::AfterInitializers) {
            config.insert("unit_forget_bias".into(), self.unit_forget_bias.into());
        }
        config.insert("kernel_regularizer".into(), regularizer(&self.kernel_regularizer));
        config.insert("recurrent_regularizer".into(), regularizer(&self.recurrent_regularizer));
        config.insert("bias_regularizer".into(), regularizer(&self.bias_regularizer));
        if let Some(activity) = &spelling.activity_regularizer {
            config.insert("activity_regularizer".into(), regularizer(activity));
        }
        config.insert("kernel_constraint".into(), constraint(&self.kernel_constraint));
        config.insert("recurrent_constraint".into(), constraint(&self.recurrent_constraint));
        config.insert("bias_constraint".into(), constraint(&self.bias_constraint));
        config.insert("dropout".into(), self.dropout.into());
        config.insert("recurrent_dropout".into(), self.recurrent_dropout.into());
        if let Some(reset_after) = spelling.reset_after {
            config.insert("reset_after".into(), reset_after.into());
        }
        if spelling.seed {
            config.insert("seed".into(), self.seed.into());
        }
        config
    }

    /// The weights `kernel`, `recurrent_kernel` and `bias`, and the generator of the dropout. With `forget`, that many
    /// biases from there on begin with 1.
    pub fn build(
        &self,
        [kernel, recurrent, bias]: [&[usize]; 3],
        forget: Option<usize>,
        weights: &mut Weights<'_>,
    ) -> Result<()> {
        let spec = WeightSpec::new("kernel", kernel, &self.kernel_initializer);
        weights.add(spec.regularizer(self.kernel_regularizer).constraint(self.kernel_constraint))?;
        let spec = WeightSpec::new("recurrent_kernel", recurrent, &self.recurrent_initializer);
        weights.add(spec.regularizer(self.recurrent_regularizer).constraint(self.recurrent_constraint))?;
        if self.use_bias {
            let spec = WeightSpec::new("bias", bias, &self.bias_initializer);
            weights.add(spec.regularizer(self.bias_regularizer).constraint(self.bias_constraint))?;
            if let (Some(units), true) = (forget, self.unit_forget_bias) {
                self.remember(units, weights)?;
            }
        }
        weights.add_generator(self.seed)
    }

    /// Sets the bias of the second of four gates to 1, and the others by the initializer, each for itself.
    fn remember(&self, units: usize, weights: &mut Weights<'_>) -> Result<()> {
        let Some(bias) = weights.made.last() else { return Ok(()) };
        let (dtype, seeds) = (bias.variable.dtype(), weights.seeds());
        let part = |n: usize| {
            let made = self.bias_initializer.make(&Shape::new(&[n]), dtype, || seeds.draw())?;
            Ok::<_, cornet_error::Error>(Tensor::from(made))
        };
        let ones = Tensor::from(Array::full(dtype, [units], 1.0)?);
        let (first, last) = (part(units)?, part(2 * units)?);
        bias.variable.set(Tensor::concat(&[&first, &ones, &last], 0).array()?)
    }

    /// The masks of a dropout for tensors like this one: none unless the layer trains with a rate between 0 and 1.
    pub fn masks(
        &self,
        base: &LayerBase,
        rate: f64,
        like: &Tensor,
        count: usize,
        call: &Call<'_>,
    ) -> Result<Vec<Tensor>> {
        if !call.is_training() || rate <= 0.0 || rate >= 1.0 {
            return Ok(Vec::new());
        }
        let Some(generator) = base.generators().first() else {
            fail!(InvalidState, "layer '{}' is called before it is built", base.name());
        };
        let ones = Tensor::ones_like(like);
        Ok((0..count).map(|_| random::dropout(&ones, rate, None, generator)).collect())
    }

    /// How many masks of the inputs there are for so many gates.
    pub fn mask_count(&self, gates: usize) -> usize {
        if self.separate_masks || self.recurrent_dropout != 0.0 { gates } else { 1 }
    }
}

/// The builder methods of the cells, and of the layers that are made of one.
macro_rules! gate_arguments {
    () => {
        super::gates::gate_arguments! {@set
            /// With this activation; by default `tanh`.
            activation: Activation,
            /// With this rule for the first kernel; by default `glorot_uniform`.
            kernel_initializer: Initializer,
            /// With this rule for the first recurrent kernel; by default `orthogonal`.
            recurrent_initializer: Initializer,
            /// With this rule for the first bias; by default `zeros`.
            bias_initializer: Initializer,
        }
        super::gates::gate_arguments! {@optional
            /// With this penalty on the kernel.
            kernel_regularizer: Regularizer,
            /// With this penalty on the recurrent kernel.
            recurrent_regularizer: Regularizer,
            /// With this penalty on the bias.
            bias_regularizer: Regularizer,
            /// With this bound on the kernel.
            kernel_constraint: Constraint,
            /// With this bound on the recurrent kernel.
            recurrent_constraint: Constraint,
            /// With this bound on the bias.
            bias_constraint: Constraint,
        }
        super::gates::gate_arguments! {@plain
            /// With a bias (the default), or without.
            use_bias: bool = |use_bias| use_bias,
            /// In training, drops inputs with this probability, the same ones in every step.
            dropout: f64 = |rate| rate.clamp(0.0, 1.0),
            /// In training, drops states with this probability, the same ones in every step.
            recurrent_dropout: f64 = |rate| rate.clamp(0.0, 1.0),
            /// With this seed of the dropout.
            seed: u64 = |seed| Some(seed),
        }

        /// With one dropout of the inputs for each gate (1), or one for all (2, the default).
        #[must_use]
        pub fn implementation(mut self, implementation: u8) -> Self {
            if let Some(gates) = self.open().1 {
                gates.separate_masks = implementation == 1;
            }
            self
        }
    };
    (@recurrent_activation) => {
        super::gates::gate_arguments! {@set
            /// With this activation of the gates; by default `sigmoid`.
            recurrent_activation: Activation,
        }
    };
    (@unit_forget_bias) => {
        super::gates::gate_arguments! {@plain
            /// With a bias of the forget gate that begins with 1 (the default), or not.
            unit_forget_bias: bool = |yes| yes,
        }
    };
    (@set $($(#[$doc:meta])* $name:ident: $type:ty,)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: impl Into<crate::arg::Arg<$type>>) -> Self {
            let (base, gates) = self.open();
            if let (Some(value), Some(gates)) = (base.accept($name.into()), gates) {
                gates.$name = value;
            }
            self
        }
    )+};
    (@optional $($(#[$doc:meta])* $name:ident: $type:ty,)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: impl Into<crate::arg::Arg<$type>>) -> Self {
            let (base, gates) = self.open();
            let value = base.accept($name.into());
            if let Some(gates) = gates {
                gates.$name = value;
            }
            self
        }
    )+};
    (@plain $($(#[$doc:meta])* $name:ident: $type:ty = |$value:ident| $convert:expr,)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $value: $type) -> Self {
            if let Some(gates) = self.open().1 {
                gates.$name = $convert;
            }
            self
        }
    )+};
}
pub(crate) use gate_arguments;
