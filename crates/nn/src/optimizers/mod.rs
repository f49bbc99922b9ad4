//! Optimizers: how a step of training changes the weights.
//!
//! Source: Keras 3.15.1, `keras.optimizers`.

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod apply;
mod arguments;
mod base;
mod clip;
mod ftrl;
mod lamb;
mod learning_rate;
mod lion;
mod loss_scale;
mod multi;
mod muon;
mod nadam;
mod registry;
mod rmsprop;
mod schedule_free_adamw;
pub mod schedules;
mod sgd;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use cornet_error::Result;
use cornet_ops::{Tensor, Variable};
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::layers::Weight;
use crate::saving::config;

pub use adadelta::Adadelta;
pub use adafactor::Adafactor;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use apply::apply_step;
pub use base::OptimizerBase;
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub use learning_rate::{LearningRate, RateFunction};
pub use lion::Lion;
pub use loss_scale::LossScaleOptimizer;
pub use multi::{MultiOptimizer, OptimizerMap};
pub use muon::Muon;
pub use nadam::Nadam;
pub use registry::{FromConfig, OptimizerArg, register_optimizer};
pub use rmsprop::RmsProp;
pub use schedule_free_adamw::ScheduleFreeAdamW;
pub use sgd::Sgd;
pub use state::{Slot, SlotGroup, State};

/// A rule that changes weights by their gradients. Its state is variables, one or more a weight.
///
/// An optimizer of one's own has a base, a name of its class, its arguments, the kinds of its state, and
/// [`Optimizer::update_step`]; the rest is there. [`register_optimizer`] admits it into model files.
pub trait Optimizer: Send + Sync {
    /// Keras's class, such as `Adam`.
    fn class_name(&self) -> &'static str;

    /// Learning rate, count of steps, clipping, state: what all optimizers have.
    fn base(&self) -> &OptimizerBase;

    /// The arguments of the class beside those of the base.
    fn arguments(&self) -> Map<String, Value>;

    /// The kinds of state of a weight, in groups: those of one group alternate weight by weight in the order of
    /// variables; groups follow each other.
    fn slots(&self, weight: &Weight) -> Vec<SlotGroup>;

    /// State that belongs to no weight, for weights whose first one has this dtype: names and first values.
    fn globals(&self, _dtype: DType) -> Vec<(String, Array)> {
        Vec::new()
    }

    /// What is done once a step, before the weights are changed; `rate` gives a [`Rate`] for a dtype.
    ///
    /// # Errors
    /// Failures that tensors carry.
    fn begin(&self, _rate: &dyn Fn(DType) -> Rate, _gate: Option<&Tensor>) -> Result<()> {
        Ok(())
    }

    /// Scalars that are the same for all weights of a dtype, computed once a step.
    fn scalars(&self, _rate: &Rate) -> SmallVec<[Tensor; 3]> {
        SmallVec::new()
    }

    /// Changes one weight.
    ///
    /// # Errors
    /// Failures that tensors carry.
    fn update_step(&self, step: &Step<'_>) -> Result<()>;

    /// How much of a weight is taken away in a step, times the learning rate.
    fn decay_of(&self, _weight: &Weight) -> Option<f64> {
        self.base().get_weight_decay()
    }

    /// Makes the state of these weights, once.
    ///
    /// # Errors
    /// A wrong argument of the optimizer; `invalid_state` for other weights than before.
    fn build(&self, weights: &[Weight]) -> Result<()> {
        let globals = self.globals(weights.first().map_or(DType::F32, |w| w.variable.dtype()));
        self.base().build(weights, |weight| self.slots(weight), globals)
    }

    /// Takes a step if `gate`, a scalar of bool, is true or missing.
    ///
    /// # Errors
    /// As [`apply_step`].
    fn apply(&self, weights: &[Weight], gradients: Vec<Tensor>, gate: Option<&Tensor>) -> Result<()> {
        apply_step(self, weights, gradients, gate)
    }

    /// The loss as it is differentiated.
    fn scale_loss(&self, loss: &Tensor) -> Tensor {
        self.base().get_loss_scale_factor().map_or_else(|| loss.clone(), |scale| loss * scale)
    }

    /// Sets the weights to what they are to be after training: their moving averages, if these are kept.
    ///
    /// # Errors
    /// `invalid_state` for other weights than the optimizer was built for.
    fn finalize_variable_values(&self, weights: &[Weight]) -> Result<()> {
        self.base().overwrite_with_averages(weights)
    }

    /// The moving average of each weight; none before the state is made, or without `use_ema`.
    fn averages(&self) -> Vec<Variable> {
        self.base().averages().to_vec()
    }

    /// All variables in Keras's order.
    fn variables(&self) -> Vec<Variable> {
        self.base().variables()
    }

    /// The learning rate as of now.
    ///
    /// # Errors
    /// `invalid_state` if there are several.
    fn learning_rate(&self) -> Result<f64> {
        self.base().learning_rate()
    }

    /// Sets the learning rate, also between steps.
    ///
    /// # Errors
    /// `invalid_state` if it follows a schedule, or if there are several.
    fn set_learning_rate(&self, learning_rate: f64) -> Result<()> {
        self.base().set_learning_rate(learning_rate)
    }

    /// Optimizers that are parts of this one, with their places in a weights file.
    fn parts(&self) -> Vec<(String, Arc<dyn Optimizer>)> {
        Vec::new()
    }

    /// The whole config.
    ///
    /// # Errors
    /// `unsupported` for what cannot be saved, such as a closure.
    fn config(&self) -> Result<Map<String, Value>> {
        let mut config = self.base().config()?;
        config.extend(self.arguments());
        Ok(config)
    }

    /// The name under which the class is registered, if it is none of Keras's own.
    fn registered_name(&self) -> Option<&str> {
        None
    }
}

/// When a step is taken and how far it goes, in the dtype of a weight.
#[derive(Clone)]
pub struct Rate {
    /// The learning rate.
    pub learning_rate: Tensor,
    /// The number of this change of the weights, counted from 1.
    pub step: Tensor,
    /// The dtype.
    pub dtype: DType,
    /// Whether the learning rate is a number, not a schedule or a function.
    pub is_number: bool,
}

impl Rate {
    /// A constant of the dtype.
    pub fn constant(&self, value: f64) -> Tensor {
        base::constant(value, self.dtype)
    }

    /// `base` to the power of the number of this step.
    pub fn power(&self, base: f64) -> Tensor {
        self.constant(base).power(&self.step)
    }
}

/// One weight's share of a step.
pub struct Step<'a> {
    /// The weight.
    pub variable: State<'a>,
    /// The loss's derivative by the weight.
    pub gradient: Tensor,
    /// When and how far.
    pub rate: &'a Rate,
    /// What [`Optimizer::scalars`] gave.
    pub scalars: &'a [Tensor],
    /// The weight's state, kind by kind.
    pub slots: SmallVec<[State<'a>; 3]>,
}

impl<'a> Step<'a> {
    /// The first `N` kinds of the weight's state.
    ///
    /// # Errors
    /// `internal` if there are fewer, which [`Optimizer::slots`] would have to be wrong for.
    pub fn states<const N: usize>(&self) -> Result<[State<'a>; N]> {
        self.slots.get(..N).and_then(|slots| slots.try_into().ok()).ok_or_else(|| {
            cornet_error::err!(Internal, "optimizer: expected {N} kinds of state, found {}", self.slots.len())
        })
    }

    /// What [`Optimizer::scalars`] gave.
    ///
    /// # Errors
    /// `internal` if that is another number.
    pub fn numbers<const N: usize>(&self) -> Result<&'a [Tensor; N]> {
        let found = self.scalars.len();
        self.scalars
            .try_into()
            .map_err(|_| cornet_error::err!(Internal, "optimizer: expected {N} scalars, found {found}"))
    }
}

/// Takes one step with gradients of an optimizer's weights.
///
/// # Errors
/// As [`Optimizer::apply`].
pub fn apply_gradients(optimizer: &dyn Optimizer, weights: &[Weight], gradients: Vec<Tensor>) -> Result<()> {
    optimizer.apply(weights, gradients, None)
}

/// The object of a compile config.
///
/// # Errors
/// `unsupported` for what cannot be saved, such as a closure.
pub fn optimizer_to_json(optimizer: &dyn Optimizer) -> Result<Value> {
    let mut object = config::object("keras.optimizers", optimizer.class_name(), optimizer.config()?);
    if let Some(name) = optimizer.registered_name() {
        object["module"] = Value::Null;
        object["registered_name"] = name.into();
    }
    Ok(object)
}
