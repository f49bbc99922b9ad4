//! Learning rates that follow the count of steps.
//!
//! Source: Keras 3.15.1, `keras.optimizers.schedules`.

mod cosine_decay;
mod cosine_decay_restarts;
mod piecewise_constant_decay;
mod polynomial_decay;
mod rate_decay;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use cornet_error::{Error, Result, err};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value};

use crate::arg::unknown;
use crate::saving::config::{self, Config};

pub use cosine_decay::CosineDecay;
pub use cosine_decay_restarts::CosineDecayRestarts;
pub use piecewise_constant_decay::PiecewiseConstantDecay;
pub use polynomial_decay::PolynomialDecay;
pub use rate_decay::{ExponentialDecay, InverseTimeDecay};

/// A learning rate for each number of steps taken. It is a part of the compiled step, written with tensors.
///
/// ```
/// use cornet_nn::optimizers::Sgd;
/// use cornet_nn::optimizers::schedules::{LearningRateSchedule, register_schedule};
/// use cornet_ops::Tensor;
/// use cornet_tensor::DType;
/// use serde_json::{Map, Value, json};
///
/// /// `1 / √(step + 1)`.
/// struct InverseRoot;
///
/// impl LearningRateSchedule for InverseRoot {
///     fn class_name(&self) -> &str {
///         "InverseRoot"
///     }
///
///     fn registered_name(&self) -> Option<&str> {
///         Some("my_package>InverseRoot")
///     }
///
///     fn rate(&self, step: &Tensor) -> Tensor {
///         1.0 / (step.cast(DType::F32) + 1.0).sqrt()
///     }
///
///     fn config(&self) -> Map<String, Value> {
///         Map::new()
///     }
/// }
///
/// register_schedule("my_package>InverseRoot", |_config| Ok(std::sync::Arc::new(InverseRoot)));
/// let optimizer = Sgd::new().learning_rate(InverseRoot);
/// ```
pub trait LearningRateSchedule: Send + Sync {
    /// The class, such as `CosineDecay`.
    fn class_name(&self) -> &str;

    /// The learning rate, a scalar, after `step` steps, a scalar of int64.
    fn rate(&self, step: &Tensor) -> Tensor;

    /// The arguments.
    fn config(&self) -> Map<String, Value>;

    /// Fails if an argument is wrong.
    ///
    /// # Errors
    /// `invalid_argument`.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// The name under which the class is registered, if it is none of Keras's own.
    fn registered_name(&self) -> Option<&str> {
        None
    }
}

/// Makes a schedule from the arguments in its config.
pub type FromConfig = fn(&Config<'_>) -> Result<Arc<dyn LearningRateSchedule>>;

macro_rules! schedules {
    ($($class:ident)+) => {
        static SCHEDULES: &[(&str, FromConfig)] =
            &[$((stringify!($class), |config| Ok(Arc::new($class::from_config(config)?))),)+];
    };
}

schedules! {
    CosineDecay
    CosineDecayRestarts
    ExponentialDecay
    InverseTimeDecay
    PiecewiseConstantDecay
    PolynomialDecay
}

/// Schedules of the program, by registered name.
static REGISTERED: RwLock<Option<HashMap<String, FromConfig>>> = RwLock::new(None);

/// Admits a schedule of the program itself into model files, under its registered name, such as
/// `my_package>MySchedule`. A later registration replaces an earlier one.
pub fn register_schedule(registered_name: impl Into<String>, from_config: FromConfig) {
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    registered.get_or_insert_with(HashMap::new).insert(registered_name.into(), from_config);
}

/// The object of a config.
pub fn to_json(schedule: &dyn LearningRateSchedule) -> Value {
    let mut object = config::object("keras.optimizers.schedules", schedule.class_name(), schedule.config());
    if let Some(name) = schedule.registered_name() {
        object["module"] = Value::Null;
        object["registered_name"] = name.into();
    }
    object
}

/// The schedule that an object of a config describes.
///
/// # Errors
/// `unsupported` for a class that there is not and an argument that it does not have; `unsafe_content` for code;
/// `corrupt`.
pub fn from_json(object: &Value) -> Result<Arc<dyn LearningRateSchedule>> {
    let config = Config::of(object)?;
    let class = config.class();
    if class == "__lambda__" {
        return Err(err!(Unsafe, "learning_rate: a lambda is Python code, which Cornet does not run")
            .help("compile the model with a number or a schedule, and save it again"));
    }
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    let own = object["registered_name"].as_str().and_then(|name| registered.as_ref()?.get(name)).copied();
    drop(registered);
    let Some(make) = own.or_else(|| SCHEDULES.iter().find(|(known, _)| *known == class).map(|(_, make)| *make)) else {
        let known: Vec<&str> = SCHEDULES.iter().map(|(class, _)| *class).collect();
        return Err(err!(Unsupported, "{}", unknown("learning rate schedule", class, &known).message())
            .help("register a schedule of your own with register_schedule"));
    };
    let schedule = make(&config)?;
    config.finish()?;
    schedule.check()?;
    Ok(schedule)
}

/// A number of steps. Keras admits fractions of steps too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps(pub f64);

macro_rules! steps {
    ($($t:ty)+) => { $(impl From<$t> for Steps {
        fn from(steps: $t) -> Self {
            Self(steps as f64)
        }
    })+ };
}

steps! { i32 u32 u64 usize f64 }

impl Steps {
    fn check(self, name: &str) -> Result<()> {
        if self.0 > 0.0 { Ok(()) } else { Err(not_positive(name, self.0)) }
    }

    /// Whole numbers are written without a fraction, as they are given.
    fn to_json(self) -> Value {
        if self.0.fract() == 0.0 && self.0.abs() < 1e15 { (self.0 as i64).into() } else { self.0.into() }
    }
}

fn not_positive(name: &str, found: f64) -> Error {
    err!(InvalidArgument, "{name}: expected more than 0, found {found}")
}

/// The step in the dtype that schedules compute in.
fn float(step: &Tensor) -> Tensor {
    step.cast(DType::F32)
}

/// A constant of that dtype.
fn constant(value: f64) -> Tensor {
    Tensor::full([], value, DType::F32)
}

/// A number of a config that has to be there.
fn number<'a>(config: &Config<'a>, key: &'a str) -> Result<f64> {
    config.need(key, "a number", Value::as_f64)
}

/// The builder method of the name that a schedule bears.
macro_rules! named {
    () => {
        /// With this name, which is saved and has no effect.
        #[must_use]
        pub fn name(mut self, name: impl Into<String>) -> Self {
            self.name = name.into();
            self
        }
    };
}
use named;

#[cfg(test)]
mod tests {
    use super::*;

    /// The rates after these numbers of steps.
    fn rates(schedule: &dyn LearningRateSchedule, steps: &[i64]) -> Vec<f32> {
        steps.iter().map(|&step| schedule.rate(&Tensor::of(step)).item::<f32>().unwrap()).collect()
    }

    #[track_caller]
    fn close(found: &[f32], expected: &[f32]) {
        let is_close = |(a, b): (&f32, &f32)| (a - b).abs() <= 2e-6 * b.abs().max(0.05);
        assert!(found.iter().zip(expected).all(is_close), "{found:?}, expected {expected:?}");
    }

    #[test]
    fn cosine_decay_warms_up_and_ends_at_alpha() {
        let plain = CosineDecay::new(0.1, 10).alpha(0.1);
        // 0.1 · (0.9 · (1 + cos(π · step / 10)) / 2 + 0.1)
        close(&rates(&plain, &[0, 5, 10, 50]), &[0.1, 0.055, 0.01, 0.01]);
        let warm = CosineDecay::new(0.0, 10).warmup(0.2, 4);
        close(&rates(&warm, &[0, 2, 4, 9, 14, 20]), &[0.0, 0.1, 0.2, 0.1, 0.0, 0.0]);
    }

    #[test]
    fn cosine_decay_starts_again_after_longer_and_longer_times() {
        let doubling = CosineDecayRestarts::new(1.0, 10).m_mul(0.5);
        close(&rates(&doubling, &[0, 5, 10, 20, 30]), &[1.0, 0.5, 0.5, 0.25, 0.25]);
        let even = CosineDecayRestarts::new(1.0, 10).t_mul(1.0);
        close(&rates(&even, &[0, 5, 10, 15, 29]), &[1.0, 0.5, 1.0, 0.5, 0.024_471_74]);
    }

    #[test]
    fn decays_by_a_rate_go_on_or_go_in_stairs() {
        close(&rates(&ExponentialDecay::new(0.1, 10, 0.5), &[0, 5, 10, 20]), &[0.1, 0.070_710_68, 0.05, 0.025]);
        close(&rates(&ExponentialDecay::new(0.1, 10, 0.5).staircase(true), &[9, 10, 19]), &[0.1, 0.05, 0.05]);
        close(&rates(&InverseTimeDecay::new(0.1, 10, 0.5), &[0, 10, 20]), &[0.1, 0.1 / 1.5, 0.05]);
    }

    #[test]
    fn polynomial_decay_ends_or_starts_again() {
        let once = PolynomialDecay::new(0.1, 10).end_learning_rate(0.01).power(2.0);
        close(&rates(&once, &[0, 5, 10, 99]), &[0.1, 0.0325, 0.01, 0.01]);
        close(
            &rates(&PolynomialDecay::new(0.1, 10).end_learning_rate(0.0).cycle(true), &[0, 5, 15]),
            &[0.1, 0.05, 0.025],
        );
    }

    #[test]
    fn piecewise_constants_hold_up_to_their_boundaries() {
        let pieces = PiecewiseConstantDecay::new([10, 20], [0.3, 0.2, 0.1]);
        close(&rates(&pieces, &[0, 10, 11, 20, 21]), &[0.3, 0.3, 0.2, 0.2, 0.1]);
        assert!(PiecewiseConstantDecay::new([10], [0.3]).check().is_err());
    }

    #[test]
    fn configs_are_those_of_keras_and_come_back() {
        let schedules: [(&dyn LearningRateSchedule, &str); 6] = [
            (
                &CosineDecay::new(0.1, 10),
                r#"{"initial_learning_rate":0.1,"decay_steps":10,"alpha":0.0,"name":"CosineDecay","warmup_target":null,"warmup_steps":0}"#,
            ),
            (
                &CosineDecayRestarts::new(0.1, 10),
                r#"{"initial_learning_rate":0.1,"first_decay_steps":10,"t_mul":2.0,"m_mul":1.0,"alpha":0.0,"name":"SGDRDecay"}"#,
            ),
            (
                &PolynomialDecay::new(0.1, 10),
                r#"{"initial_learning_rate":0.1,"decay_steps":10,"end_learning_rate":0.0001,"power":1.0,"cycle":false,"name":"PolynomialDecay"}"#,
            ),
            (
                &InverseTimeDecay::new(0.1, 10, 0.5),
                r#"{"initial_learning_rate":0.1,"decay_steps":10,"decay_rate":0.5,"staircase":false,"name":"InverseTimeDecay"}"#,
            ),
            (
                &ExponentialDecay::new(0.1, 10, 0.5),
                r#"{"initial_learning_rate":0.1,"decay_steps":10,"decay_rate":0.5,"staircase":false,"name":"ExponentialDecay"}"#,
            ),
            (
                &PiecewiseConstantDecay::new([10, 20], [0.1, 0.2, 0.3]),
                r#"{"boundaries":[10,20],"values":[0.1,0.2,0.3],"name":"PiecewiseConstant"}"#,
            ),
        ];
        for (schedule, expected) in schedules {
            let object = to_json(schedule);
            assert_eq!(object["config"].to_string(), expected);
            assert_eq!(to_json(&*from_json(&object).unwrap()), object);
        }
        let wrong =
            serde_json::json!({"class_name": "CosineDecay", "config": {"initial_learning_rate": 1, "decay_steps": 0}});
        assert!(from_json(&wrong).is_err_and(|e| e.message().contains("decay_steps")));
        let code = serde_json::json!({"class_name": "__lambda__", "config": {"value": []}});
        assert!(from_json(&code).is_err_and(|e| e.message().contains("Python code")));
    }
}
