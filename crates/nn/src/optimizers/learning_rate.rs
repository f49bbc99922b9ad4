//! How far a step goes.

use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use serde_json::Value;

use super::schedules::{self, LearningRateSchedule};
use crate::saving::config::Config;

/// A function of the number of steps taken so far.
pub type RateFunction = dyn Fn(&Tensor) -> Tensor + Send + Sync;

/// The learning rate of an optimizer: a number that can be set between steps, or what follows the count of steps.
///
/// ```
/// use cornet_nn::optimizers::schedules::CosineDecay;
/// use cornet_nn::optimizers::{Adam, LearningRate};
/// use cornet_tensor::DType;
/// let number = Adam::new().learning_rate(0.01);
/// let schedule = Adam::new().learning_rate(CosineDecay::new(0.01, 1000));
/// let own = Adam::new().learning_rate(LearningRate::function(|step| 0.1 / (step.cast(DType::F32) + 10.0)));
/// ```
#[derive(Clone)]
pub enum LearningRate {
    /// A number, kept in a variable.
    Value(f64),
    /// A schedule, saved with the optimizer.
    Schedule(Arc<dyn LearningRateSchedule>),
    /// A closure of the number of steps so far, a scalar of int64, that gives a scalar. It cannot be saved.
    Function(Arc<RateFunction>),
}

impl LearningRate {
    /// What a closure gives for the number of steps so far.
    pub fn function(function: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> Self {
        Self::Function(Arc::new(function))
    }

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    pub(super) fn from_config(config: &Config<'_>, default: f64) -> Result<Self> {
        match config.get("learning_rate") {
            object @ Value::Object(_) => schedules::from_json(object).map(Self::Schedule),
            _ => config.float("learning_rate", default).map(Self::Value),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Schedule(schedule) => schedule.check(),
            Self::Value(_) | Self::Function(_) => Ok(()),
        }
    }

    /// The config of what is no number.
    pub(super) fn to_json(&self) -> Result<Value> {
        match self {
            Self::Value(value) => Ok((*value).into()),
            Self::Schedule(schedule) => Ok(schedules::to_json(&**schedule)),
            Self::Function(_) => {
                Err(err!(Unsupported, "learning_rate: expected a number or a schedule, found a closure").help(
                    "write it as a LearningRateSchedule, and register that to load it again; or save weights only",
                ))
            }
        }
    }
}

impl From<f64> for LearningRate {
    fn from(value: f64) -> Self {
        Self::Value(value)
    }
}

impl<S: LearningRateSchedule + 'static> From<S> for LearningRate {
    fn from(schedule: S) -> Self {
        Self::Schedule(Arc::new(schedule))
    }
}

impl From<Arc<dyn LearningRateSchedule>> for LearningRate {
    fn from(schedule: Arc<dyn LearningRateSchedule>) -> Self {
        Self::Schedule(schedule)
    }
}
