//! How alike targets and predictions run.

use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::MetricFunction;
use crate::losses::{EPSILON, alike, cosine};
use crate::saving::config::map;

macro_rules! similarities {
    ($($(#[$doc:meta])+ $class:ident $name:literal $has_axis:literal |$y_true:ident, $y_pred:ident, $axis:ident| $body:block)+) => { $(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $class {
            /// The axis along which both are compared.
            pub axis: isize,
        }

        impl Default for $class {
            fn default() -> Self {
                Self { axis: -1 }
            }
        }

        impl MetricFunction for $class {
            fn class_name(&self) -> &str {
                stringify!($class)
            }

            fn name(&self) -> &str {
                $name
            }

            fn arguments(&self) -> Map<String, Value> {
                // Keras leaves the axis of some out of its files, where the last is meant.
                if $has_axis || self.axis != -1 { map(json!({"axis": self.axis})) } else { Map::new() }
            }

            fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
                let ($y_true, $y_pred, $axis) = (y_true, y_pred, self.axis);
                $body
            }
        }
    )+ };
}

similarities! {
    /// Σ target · y / (‖target‖ ‖y‖): the cosine of the angle between both.
    ///
    /// # Source
    /// Keras 3 `keras.metrics.CosineSimilarity`.
    CosineSimilarity "cosine_similarity" false |y_true, y_pred, axis| {
        cosine(y_true, y_pred, axis)
    }

    /// The covariance divided by both standard deviations.
    ///
    /// # Source
    /// Keras 3 `keras.metrics.PearsonCorrelation`.
    PearsonCorrelation "pearson_correlation" true |y_true, y_pred, axis| {
        let (t, y) = alike(y_true, y_pred)?;
        let standard = |x: Tensor| {
            let moved = &x - x.mean(&[axis], true);
            &moved / moved.std(&[axis], true)
        };
        Ok((standard(t) * standard(y)).mean(&[axis], false))
    }

    /// 2 · (target - mean y) (y - mean y) / (var target + var y + (mean target - mean y)²), its mean.
    ///
    /// # Source
    /// Lin: "A concordance correlation coefficient to evaluate reproducibility" (1989); Keras 3
    /// `keras.metrics.ConcordanceCorrelation`.
    ConcordanceCorrelation "concordance_correlation" true |y_true, y_pred, axis| {
        let (t, y) = alike(y_true, y_pred)?;
        let mean = |x: &Tensor| x.mean(&[axis], true);
        let (t_mean, y_mean) = (mean(&t), mean(&y));
        let (t_var, y_var) = ((&t - &t_mean).var(&[axis], true), (&y - &y_mean).var(&[axis], true));
        let covariance = (&t - &y_mean) * (&y - &y_mean);
        let norm = t_var + y_var + (t_mean - y_mean).square();
        Ok((covariance * 2.0 / (norm + EPSILON)).mean(&[axis], false))
    }
}
