//! Optimizers: how a step of training changes the weights.
//!
//! Source: Keras 3.15.1, `keras.optimizers`.

mod adam;
mod base;
mod clip;
mod sgd;

use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_ops::{Tensor, Variable};
use cornet_tensor::DType;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::arg::{Arg, Choice, unknown};
use crate::layers::Weight;
use crate::saving::config::{self, Config};

pub use adam::Adam;
pub use base::OptimizerBase;
pub use sgd::Sgd;

/// A rule that changes weights by their gradients. Its state is variables, one or more a weight.
pub trait Optimizer: Send + Sync {
    /// Keras's class, such as `Adam`.
    fn class_name(&self) -> &'static str;

    /// Learning rate, count of steps, clipping, state: what all optimizers have.
    fn base(&self) -> &OptimizerBase;

    /// The arguments of the class beside those of the base.
    fn arguments(&self) -> Map<String, Value>;

    /// The kinds of state that each weight has. Kinds of one group alternate weight by weight in the order of
    /// variables; groups follow each other.
    fn slots(&self) -> Vec<&'static [&'static str]>;

    /// Scalars that are the same for all weights of a dtype, computed once a step.
    fn scalars(&self, rate: &Rate) -> SmallVec<[Tensor; 2]> {
        SmallVec::from_iter([rate.learning_rate.clone()])
    }

    /// Changes one weight.
    ///
    /// # Errors
    /// Failures that tensors carry.
    fn update_step(&self, step: &Step<'_>) -> Result<()>;
}

/// When a step is taken and how far it goes, in the dtype of a weight.
pub struct Rate {
    /// The learning rate.
    pub learning_rate: Tensor,
    /// The number of this step, counted from 1.
    pub step: Tensor,
    /// The dtype.
    pub dtype: DType,
}

/// One weight's share of a step.
pub struct Step<'a> {
    /// The weight.
    pub variable: &'a Variable,
    /// The loss's derivative by the weight.
    pub gradient: Tensor,
    /// What [`Optimizer::scalars`] gave.
    pub scalars: &'a [Tensor],
    /// The weight's state, kind by kind.
    pub slots: SmallVec<[&'a Variable; 3]>,
}

/// Takes one step: clips gradients, decays weights, updates them, brings them back to their bounds, counts.
///
/// # Errors
/// `invalid_state` if the weights are not those that the optimizer's state was built for; failures that tensors carry.
pub fn apply_gradients(optimizer: &dyn Optimizer, weights: &[Weight], gradients: Vec<Tensor>) -> Result<()> {
    let base = optimizer.base();
    base.check(weights)?;
    let iteration = base.iterations();
    let gradients = base.clip(gradients)?;
    let mut rates: Vec<(DType, Tensor, SmallVec<[Tensor; 2]>)> = Vec::new();
    for (index, (weight, gradient)) in weights.iter().zip(gradients).enumerate() {
        let (variable, dtype) = (&weight.variable, weight.variable.dtype());
        let known = rates.iter().position(|(known, ..)| *known == dtype);
        let place = known.unwrap_or_else(|| {
            let learning_rate = base.rate_variable().read().cast(dtype);
            let step = (iteration.read() + 1).cast(dtype);
            let rate = Rate { learning_rate, step, dtype };
            let scalars = optimizer.scalars(&rate);
            rates.push((dtype, rate.learning_rate, scalars));
            rates.len() - 1
        });
        let (_, learning_rate, scalars) = &rates[place];
        if let Some(decay) = base.get_weight_decay() {
            variable.assign(&(variable.read() - variable.read() * decay * learning_rate))?;
        }
        let gradient = gradient.cast(dtype);
        optimizer.update_step(&Step { variable, gradient, scalars, slots: base.slots_of(index) })?;
        if let Some(constraint) = weight.constraint {
            variable.assign(&constraint.apply(&variable.read()))?;
        }
    }
    iteration.assign(&(iteration.read() + 1))
}

/// The object of a compile config.
///
/// # Errors
/// None that an input can cause.
pub fn optimizer_to_json(optimizer: &dyn Optimizer) -> Result<Value> {
    let mut config = optimizer.base().config()?;
    config.extend(optimizer.arguments());
    Ok(config::object("keras.optimizers", optimizer.class_name(), config))
}

/// An optimizer of `compile`: an object or a word.
#[derive(Clone)]
pub struct OptimizerArg(pub(crate) Arc<dyn Optimizer>);

impl<O: Optimizer + 'static> From<O> for Arg<OptimizerArg> {
    fn from(optimizer: O) -> Self {
        Self(Ok(OptimizerArg(Arc::new(optimizer))))
    }
}

impl Choice for OptimizerArg {
    fn parse(name: &str) -> Result<Self> {
        let empty = Map::new();
        match find(name, &Config::new(name, &empty))? {
            Some(optimizer) => Ok(Self(optimizer)),
            None => Err(unknown("optimizer", name, &known())),
        }
    }
}

impl OptimizerArg {
    /// From a compile config: a word or an object.
    ///
    /// # Errors
    /// `unsupported` for an optimizer or an argument that there is not; `corrupt`.
    pub fn from_json(value: &Value) -> Result<Self> {
        let (class, arguments) = config::class_and_config(value)?;
        let empty = Map::new();
        let config = Config::new(class, arguments.unwrap_or(&empty));
        let Some(optimizer) = find(class, &config)? else {
            return Err(err!(Unsupported, "{}", unknown("optimizer", class, &known()).message()));
        };
        config.finish()?;
        Ok(Self(optimizer))
    }
}

/// Makes an optimizer from the arguments in its config.
type FromConfig = fn(&Config<'_>) -> Result<Arc<dyn Optimizer>>;

static OPTIMIZERS: &[(&str, FromConfig)] =
    &[("Adam", |c| Ok(Arc::new(Adam::from_config(c)?))), ("SGD", |c| Ok(Arc::new(Sgd::from_config(c)?)))];

fn known() -> Vec<&'static str> {
    OPTIMIZERS.iter().map(|(class, _)| *class).collect()
}

fn find(name: &str, config: &Config<'_>) -> Result<Option<Arc<dyn Optimizer>>> {
    let found = OPTIMIZERS.iter().find(|(class, _)| name.eq_ignore_ascii_case(class));
    found.map(|(_, make)| make(config)).transpose()
}
