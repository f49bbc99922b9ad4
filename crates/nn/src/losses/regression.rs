//! Losses of numbers, each the mean along the last axis.

use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::{EPSILON, LossFunction, alike};
use crate::saving::config::map;

macro_rules! losses {
    ($($(#[$doc:meta])+ $class:ident $function:literal |$y_true:ident, $y_pred:ident| $body:expr;)+) => { $(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $class;

        impl LossFunction for $class {
            fn class_name(&self) -> &str {
                stringify!($class)
            }

            fn function_name(&self) -> &str {
                $function
            }

            fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
                let ($y_true, $y_pred) = alike(y_true, y_pred)?;
                Ok($body)
            }
        }
    )+ };
}

losses! {
    /// (target - y)².
    MeanSquaredError "mean_squared_error" |t, y| (t - y).square().mean(&[-1], false);
    /// |target - y|.
    MeanAbsoluteError "mean_absolute_error" |t, y| (t - y).absolute().mean(&[-1], false);
    /// 100 · |target - y| / |target|.
    MeanAbsolutePercentageError "mean_absolute_percentage_error" |t, y| {
        ((&t - y) / t.absolute().maximum(EPSILON)).absolute().mean(&[-1], false) * 100.0
    };
    /// (ln(1 + target) - ln(1 + y))².
    MeanSquaredLogarithmicError "mean_squared_logarithmic_error" |t, y| {
        let log = |x: Tensor| (x.maximum(EPSILON) + 1.0).log();
        (log(t) - log(y)).square().mean(&[-1], false)
    };
    /// ln cosh(y - target).
    LogCosh "log_cosh" |t, y| {
        let x = y - t;
        (&x + (-2.0 * &x).softplus() - std::f64::consts::LN_2).mean(&[-1], false)
    };
    /// y - target · ln y.
    Poisson "poisson" |t, y| (&y - t * (&y + EPSILON).log()).mean(&[-1], false);
    /// Σ target · ln(target / y).
    KLDivergence "kl_divergence" |t, y| {
        let (t, y) = (t.maximum(EPSILON).minimum(1.0), y.maximum(EPSILON).minimum(1.0));
        (&t * (&t / y).log()).sum(&[-1], false)
    };
}

/// x² / 2 of the error x where |x| ≤ delta, and delta · |x| - delta² / 2 beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    /// Where the parabola ends.
    pub delta: f64,
}

impl Default for Huber {
    fn default() -> Self {
        Self { delta: 1.0 }
    }
}

impl LossFunction for Huber {
    fn class_name(&self) -> &str {
        "Huber"
    }

    fn function_name(&self) -> &str {
        "huber"
    }

    fn arguments(&self) -> Map<String, Value> {
        // Keras writes none; it reads this one, and a file without it means 1.
        if self.delta == 1.0 { Map::new() } else { map(json!({"delta": self.delta})) }
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (y_true, y_pred) = alike(y_true, y_pred)?;
        let error = y_pred - y_true;
        let size = error.absolute();
        let beyond = &size * self.delta - 0.5 * self.delta * self.delta;
        Ok(size.less_equal(self.delta).where_(error.square() * 0.5, beyond).mean(&[-1], false))
    }
}
