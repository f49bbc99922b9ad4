//! Metrics: numbers that are followed over the batches of an epoch, or of any data given to them by hand.
//!
//! ```
//! use cornet_nn::metrics::{F1Score, Metric};
//! use cornet_ops::Tensor;
//! let f1 = F1Score::new().threshold(0.5);
//! let y_true = Tensor::of([[1.0_f32, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]);
//! let y_pred = Tensor::of([[0.2_f32, 0.6], [0.2, 0.6], [0.6, 0.8], [0.1, 0.1]]);
//! f1.update_state(&y_true, &y_pred, None)?;
//! assert_eq!(f1.result_array()?.shape().as_slice(), [2]);
//! assert!((f1.result()? - (0.5 + 0.8) / 2.0).abs() < 1e-6);
//! f1.reset_state()?;
//! # Ok::<(), cornet_error::Error>(())
//! ```
//!
//! Source: Keras 3.15.1, `keras.metrics`.

mod accuracy;
mod arg;
mod auc;
mod confusion;
mod correlation;
mod counts;
mod f_score;
mod function;
mod iou;
mod mean;
mod operating_point;
mod r2_score;
mod registry;
mod rule;
mod samplewise;
#[cfg(test)]
mod tests;

use cornet_error::Result;
use cornet_ops::{Tensor, Variable};
use cornet_tensor::Array;
use serde_json::{Map, Value, json};

use crate::dtype_policy::floatx;
use crate::saving::config;

pub use accuracy::{
    Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
};
pub use arg::{MetricArg, Metrics, metric_to_json};
pub use auc::{AUC, AucCurve, AucRule, AucSummation};
pub use confusion::Thresholds;
pub use correlation::{ConcordanceCorrelation, CosineSimilarity, PearsonCorrelation};
pub use counts::{
    CountRule, FalseNegatives, FalsePositives, Precision, RatioRule, Recall, TrueNegatives, TruePositives,
};
pub use f_score::{Average, F1Score, FBetaScore, FScoreRule};
pub use function::MetricFunction;
pub use iou::{BinaryIoU, IoU, IoURule, MeanIoU, OneHotIoU, OneHotMeanIoU};
pub use mean::{Mean, MeanMetric, MeanOf, MeanRule, RootMeanSquaredError, RootMeanSquaredErrorRule, Sum, SumRule};
pub use operating_point::{
    OperatingPointRule, PrecisionAtRecall, RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity,
};
pub use r2_score::{ClassAggregation, R2Rule, R2Score};
pub(crate) use registry::check_word;
pub use registry::get;
pub use rule::{Batch, MetricRule, RuleMetric};
pub use samplewise::{Fold, samplewise};

/// A number that is followed over batches. Its state is variables, which a training step updates.
pub trait Metric: Send + Sync {
    /// Keras's class, such as `SparseCategoricalAccuracy`.
    fn class_name(&self) -> &str;

    /// The name under which it is logged.
    fn name(&self) -> &str;

    /// The arguments of the class beside name and dtype.
    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    /// Name, dtype and arguments, as a config has them.
    fn config(&self) -> Map<String, Value> {
        let mut config = config::map(json!({"name": self.name(), "dtype": floatx().name()}));
        config.extend(self.arguments());
        config
    }

    /// The state.
    fn variables(&self) -> Vec<Variable>;

    /// Takes a batch into account, with a weight for each sample if there are weights.
    ///
    /// # Errors
    /// Where targets, predictions and weights do not fit.
    fn update_state(&self, y_true: &Tensor, y_pred: &Tensor, sample_weight: Option<&Tensor>) -> Result<()>;

    /// The same for predictions that a mask has reached. As in Keras, means of a function count only what the mask
    /// admits; other metrics take no notice of it, which is the default.
    ///
    /// # Errors
    /// As [`Metric::update_state`].
    fn update_masked(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
        _mask: Option<&Tensor>,
    ) -> Result<()> {
        self.update_state(y_true, y_pred, sample_weight)
    }

    /// The number as of now; 0 before the first batch. Where there are several, their mean, as Keras prints them.
    ///
    /// # Errors
    /// None that an input can cause.
    fn result(&self) -> Result<f64>;

    /// The result as an array: a scalar, or one number a class or threshold.
    ///
    /// # Errors
    /// As [`Metric::result`].
    fn result_array(&self) -> Result<Array> {
        Array::scalar(self.result()?).cast(floatx())
    }

    /// Starts over.
    ///
    /// # Errors
    /// None that an input can cause.
    fn reset_state(&self) -> Result<()> {
        for variable in self.variables() {
            variable.set(Array::zeros(variable.dtype(), variable.shape()))?;
        }
        Ok(())
    }
}
