//! What all optimizers have.

use std::sync::OnceLock;

use cornet_error::{Error, Result, err};
use cornet_ops::{Tensor, Type, Variable};
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::clip;
use crate::layers::Weight;
use crate::names::auto_name;
use crate::saving::config::{Config, map};

/// Name, learning rate, count of steps, weight decay, clipping, and the state of each weight.
pub struct OptimizerBase {
    name: String,
    learning_rate: f64,
    weight_decay: Option<f64>,
    clip: Option<clip::Clip>,
    wrong: Option<Error>,
    scalars: OnceLock<(Variable, Variable)>,
    slots: OnceLock<Slots>,
}

struct Slots {
    /// The ids of the weights.
    weights: Vec<u64>,
    /// In Keras's order.
    variables: Vec<Variable>,
    /// For each weight, the places of its state among the variables, kind by kind.
    places: Vec<SmallVec<[usize; 3]>>,
}

impl OptimizerBase {
    /// The base of a new optimizer.
    pub fn new(class: &str, learning_rate: f64) -> Self {
        // Keras's class of that name is not in snake case.
        let name = if class == "SGD" { auto_name("sgd") } else { auto_name(class) };
        Self {
            name,
            learning_rate,
            weight_decay: None,
            clip: None,
            wrong: None,
            scalars: OnceLock::new(),
            slots: OnceLock::new(),
        }
    }

    /// The base that a config describes.
    ///
    /// # Errors
    /// `unsupported` for moving averages, accumulated gradients, loss scales and schedules, which Cornet does not have;
    /// `corrupt`.
    pub fn from_config(config: &Config<'_>, class: &str, learning_rate: f64) -> Result<Self> {
        let rate = match config.get("learning_rate") {
            Value::Null => learning_rate,
            Value::Object(schedule) => {
                let class = schedule.get("class_name").and_then(Value::as_str).unwrap_or("an object");
                return Err(err!(Unsupported, "{}.learning_rate: expected a number, found {class}", config.class())
                    .help("compile the model anew with a number"));
            }
            _ => config.float("learning_rate", learning_rate)?,
        };
        let mut base = match config.optional("name", "a text", Value::as_str)? {
            Some(name) => Self { name: name.into(), ..Self::new("unnamed", rate) },
            None => Self::new(class, rate),
        };
        let number = |key| config.optional(key, "a number", Value::as_f64);
        base.weight_decay = number("weight_decay")?;
        for (key, make) in clip::KINDS {
            if let Some(limit) = number(key)? {
                base.set_clip(make(limit));
            }
        }
        // Without `use_ema`, these two have no effect.
        if !config.flag("use_ema", false)? {
            config.get("ema_momentum");
            config.get("ema_overwrite_frequency");
        } else {
            return Err(err!(Unsupported, "{}.use_ema: expected false, found true", config.class())
                .help("compile the model anew without a moving average"));
        }
        base.wrong.clone().map_or(Ok(base), Err)
    }

    /// Gives the optimizer another name.
    pub fn set_name(&mut self, name: impl Into<String>) {
        self.name = name.into();
    }

    /// Sets the first learning rate.
    pub fn set_initial_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }

    /// Sets how much of each weight is taken away in a step, times the learning rate.
    pub fn set_weight_decay(&mut self, weight_decay: f64) {
        self.weight_decay = Some(weight_decay);
    }

    pub(crate) fn set_clip(&mut self, clip: clip::Clip) {
        if self.clip.replace(clip).is_some() {
            self.refuse(err!(InvalidArgument, "clipnorm, clipvalue, global_clipnorm: expected one of them, found two"));
        }
    }

    /// Keeps the error of a wrong argument for `compile`.
    pub fn refuse(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much of each weight is taken away in a step, times the learning rate.
    pub fn get_weight_decay(&self) -> Option<f64> {
        self.weight_decay
    }

    pub(crate) fn clip(&self, gradients: Vec<Tensor>) -> Result<Vec<Tensor>> {
        match self.clip {
            Some(clip) => clip.apply(gradients),
            None => Ok(gradients),
        }
    }

    fn scalars(&self) -> &(Variable, Variable) {
        self.scalars.get_or_init(|| {
            let scalar = |name: &str, value: Array| {
                let variable = Variable::uninitialized(format!("{}/{name}", self.name), Type::of(&value), false);
                // The value has the variable's own type.
                let _ = variable.set(value);
                variable
            };
            (
                scalar("iteration", Array::scalar(0_i64)),
                scalar("learning_rate", Array::scalar(self.learning_rate as f32)),
            )
        })
    }

    /// The variable that counts the steps: int64.
    pub fn iterations(&self) -> &Variable {
        &self.scalars().0
    }

    /// The variable of the learning rate: float32.
    pub fn rate_variable(&self) -> &Variable {
        &self.scalars().1
    }

    /// The learning rate as of now.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn learning_rate(&self) -> Result<f64> {
        Ok(f64::from(self.rate_variable().value()?.item::<f32>()?))
    }

    /// Sets the learning rate, also between steps.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn set_learning_rate(&self, learning_rate: f64) -> Result<()> {
        self.rate_variable().set(Array::scalar(learning_rate as f32))
    }

    /// Makes the state of these weights, once.
    ///
    /// # Errors
    /// A wrong argument of the optimizer; `invalid_state` for other weights than before.
    pub fn build(&self, weights: &[Weight], groups: &[&'static [&'static str]]) -> Result<()> {
        self.check_arguments()?;
        if self.slots.get().is_some() {
            return self.check(weights);
        }
        let (mut variables, mut places) = (Vec::new(), vec![SmallVec::new(); weights.len()]);
        for kinds in groups {
            for (weight, places) in weights.iter().zip(&mut places) {
                for kind in *kinds {
                    let name = format!("{}/{}_{kind}", self.name, weight.path().replace('/', "_"));
                    let (dtype, shape) = (weight.variable.dtype(), weight.variable.shape());
                    places.push(variables.len());
                    variables.push(Variable::non_trainable(name, Array::zeros(dtype, shape))?);
                }
            }
        }
        let weights = weights.iter().map(|w| w.variable.id()).collect();
        let _ = self.slots.set(Slots { weights, variables, places });
        Ok(())
    }

    /// Fails if an argument was wrong.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub fn check_arguments(&self) -> Result<()> {
        match &self.wrong {
            Some(error) => Err(error.clone().within(format!("optimizer {}", self.name))),
            None => Ok(()),
        }
    }

    /// Whether the state is made.
    pub fn is_built(&self) -> bool {
        self.slots.get().is_some()
    }

    pub(crate) fn check(&self, weights: &[Weight]) -> Result<()> {
        let same =
            self.slots.get().is_some_and(|s| s.weights.iter().copied().eq(weights.iter().map(|w| w.variable.id())));
        if same {
            return Ok(());
        }
        Err(err!(InvalidState, "optimizer {}: expected the weights that it was built for, found others", self.name)
            .help("compile the model anew after weights are added, removed or frozen"))
    }

    pub(crate) fn slots_of(&self, weight: usize) -> SmallVec<[&Variable; 3]> {
        match self.slots.get() {
            Some(slots) => slots.places[weight].iter().map(|&place| &slots.variables[place]).collect(),
            None => SmallVec::new(),
        }
    }

    /// All variables in Keras's order: `iteration`, `learning_rate`, and the state of the weights.
    pub fn variables(&self) -> Vec<Variable> {
        let (iteration, rate) = self.scalars();
        let slots = self.slots.get().map_or(&[][..], |s| &s.variables);
        [iteration, rate].into_iter().chain(slots).cloned().collect()
    }

    /// The config that all optimizers have.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn config(&self) -> Result<Map<String, Value>> {
        let mut config = map(json!({
            "name": self.name, "learning_rate": self.learning_rate()?, "weight_decay": self.weight_decay,
            "clipnorm": null, "global_clipnorm": null, "clipvalue": null, "use_ema": false, "ema_momentum": 0.99,
            "ema_overwrite_frequency": null, "loss_scale_factor": null, "gradient_accumulation_steps": null,
        }));
        if let Some(clip) = self.clip {
            config.insert(clip.key().into(), clip.limit().into());
        }
        Ok(config)
    }
}

/// A constant of a dtype.
pub(super) fn constant(value: f64, dtype: DType) -> Tensor {
    Tensor::full([], value, dtype)
}

/// The builder methods that all optimizers have.
macro_rules! common_arguments {
    () => {
        /// With this learning rate.
        #[must_use]
        pub fn learning_rate(mut self, learning_rate: f64) -> Self {
            self.base.set_initial_rate(learning_rate);
            self
        }

        /// Taking this much of each weight away in a step, times the learning rate.
        #[must_use]
        pub fn weight_decay(mut self, weight_decay: f64) -> Self {
            self.base.set_weight_decay(weight_decay);
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

        /// With this name instead of an automatic one.
        #[must_use]
        pub fn name(mut self, name: impl Into<String>) -> Self {
            self.base.set_name(name);
            self
        }
    };
}
pub(super) use common_arguments;
