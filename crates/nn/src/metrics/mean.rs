//! Means and sums over samples.

use std::sync::Arc;

use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value};

use super::function::{Closure, OfLoss};
use super::rule::misfit;
use super::samplewise::{Fold, samplewise};
use super::{Batch, Metric, MetricFunction, MetricRule, RuleMetric};
use crate::losses::{LossFunction, Reduction, apply_mask};

/// What numbers `[batch, …]` add to a total and to a count, each sample's mean over all but the first axis.
fn mean_of(values: &Tensor, weight: Option<&Tensor>, dtype: DType) -> Result<Vec<Tensor>> {
    let values = values.cast(dtype);
    if let Some(weight) = weight {
        let (values, weight) = samplewise(&values, weight, Fold::Mean)?;
        return Ok(vec![values.sum(&[], false), weight.sum(&[], false)]);
    }
    let shape = values.shape()?;
    let (samples, each) = match shape[..] {
        [] => (1, 1),
        [samples, ref rest @ ..] => (samples, rest.iter().product()),
    };
    let sum = values.sum(&[], false);
    let sum = if each > 1 { sum / each as f64 } else { sum };
    Ok(vec![sum, Tensor::full([], samples as f64, dtype)])
}

fn quotient(rule: &dyn MetricRule, state: &[Tensor]) -> Result<Tensor> {
    let [total, count] = state else { return Err(misfit(rule, state)) };
    Ok(total.divide_no_nan(count))
}

/// What makes a [`Mean`].
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanRule;

/// The mean of numbers, each sample's weighted by its weight. In `compile` it is that of the predictions.
///
/// ```
/// use cornet_nn::metrics::{Mean, Metric};
/// use cornet_ops::Tensor;
/// let mean = Mean::new("loss")?;
/// mean.update_values(&Tensor::of([1.0_f32, 3.0]), None)?;
/// mean.update_values(&Tensor::of([8.0_f32]), Some(&Tensor::of([2.0_f32])))?;
/// assert_eq!(mean.result()?, 5.0);
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Source
/// Keras 3 `keras.metrics.Mean`.
pub type Mean = RuleMetric<MeanRule>;

impl Mean {
    /// The mean of this name.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        Ok(RuleMetric::of(MeanRule).name(name))
    }

    /// Takes a number in that is the mean of so many samples.
    ///
    /// # Errors
    /// Failures that the tensor carries.
    pub fn update(&self, mean: &Tensor, samples: usize) -> Result<()> {
        self.update_values(mean, Some(&Tensor::full([], samples as f64, self.state_dtype())))
    }

    /// Takes in numbers `[batch, …]`, each sample's mean over all but the first axis, with weights if there are: one a
    /// sample, or one a number.
    ///
    /// # Errors
    /// `shape_mismatch` for weights that do not fit.
    pub fn update_values(&self, values: &Tensor, sample_weight: Option<&Tensor>) -> Result<()> {
        self.update_state(values, values, sample_weight)
    }

    /// The mean so far; 0 of nothing.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn value(&self) -> Result<f64> {
        self.result()
    }
}

impl MetricRule for MeanRule {
    fn class_name(&self) -> &str {
        "Mean"
    }

    fn default_name(&self) -> Option<&str> {
        Some("mean")
    }

    fn state(&self) -> &[&str] {
        &["total", "count"]
    }

    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
        mean_of(batch.y_pred, batch.sample_weight, batch.dtype)
    }

    fn result(&self, state: &[Tensor]) -> Result<Tensor> {
        quotient(self, state)
    }
}

/// What makes a [`Sum`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SumRule;

/// The sum of numbers, each times its weight. In `compile` it is that of the predictions.
///
/// # Source
/// Keras 3 `keras.metrics.Sum`.
pub type Sum = RuleMetric<SumRule>;

impl Sum {
    /// The sum, under Keras's name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in numbers `[batch, …]`, with weights if there are: one a sample, or one a number.
    ///
    /// # Errors
    /// `shape_mismatch` for weights that do not fit.
    pub fn update_values(&self, values: &Tensor, sample_weight: Option<&Tensor>) -> Result<()> {
        self.update_state(values, values, sample_weight)
    }
}

impl MetricRule for SumRule {
    fn class_name(&self) -> &str {
        "Sum"
    }

    fn default_name(&self) -> Option<&str> {
        Some("sum")
    }

    fn state(&self) -> &[&str] {
        &["total"]
    }

    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
        let values = batch.y_pred.cast(batch.dtype);
        let values = match batch.sample_weight {
            Some(weight) => samplewise(&values, weight, Fold::Sum)?.0,
            None => values,
        };
        Ok(vec![values.sum(&[], false)])
    }

    fn result(&self, state: &[Tensor]) -> Result<Tensor> {
        let [total] = state else { return Err(misfit(self, state)) };
        Ok(total.clone())
    }
}

/// What makes a [`MeanMetric`].
pub struct MeanOf(Arc<dyn MetricFunction>);

/// The mean over samples of a function of target and prediction: Keras's `MeanMetricWrapper`.
///
/// ```
/// use cornet_nn::metrics::{BinaryAccuracy, MeanMetric, Metric};
/// use cornet_ops::Tensor;
/// let accuracy = MeanMetric::new(BinaryAccuracy { threshold: 0.3 });
/// accuracy.update_state(&Tensor::of([1.0_f32, 0.0]), &Tensor::of([0.4_f32, 0.4]), None)?;
/// assert_eq!(accuracy.result()?, 0.5);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub type MeanMetric = RuleMetric<MeanOf>;

impl MeanMetric {
    /// The metric of a function, under the function's name.
    pub fn new(function: impl MetricFunction + 'static) -> Self {
        Self::of_function(Arc::new(function))
    }

    /// The metric of a function that is shared.
    pub fn of_function(function: Arc<dyn MetricFunction>) -> Self {
        RuleMetric::of(MeanOf(function))
    }

    /// The mean of a loss over the samples.
    pub fn of_loss(loss: impl LossFunction + 'static) -> Self {
        Self::new(OfLoss(Arc::new(loss)))
    }

    /// The mean of what a closure of targets and predictions gives for each sample. In a file it is a name, which no
    /// program can turn back into the closure.
    ///
    /// ```
    /// use cornet_nn::metrics::{MeanMetric, Metric};
    /// use cornet_ops::Tensor;
    /// let metric = MeanMetric::from_fn("bias", |y_true, y_pred| y_pred - y_true);
    /// metric.update_state(&Tensor::of([1.0_f32, 0.0]), &Tensor::of([2.0_f32, 3.0]), None)?;
    /// assert_eq!(metric.result()?, 2.0);
    /// # Ok::<(), cornet_error::Error>(())
    /// ```
    pub fn from_fn(name: impl Into<String>, body: impl Fn(&Tensor, &Tensor) -> Tensor + Send + Sync + 'static) -> Self {
        Self::new(Closure { name: name.into(), body })
    }
}

impl MetricRule for MeanOf {
    fn class_name(&self) -> &str {
        self.0.class_name()
    }

    fn default_name(&self) -> Option<&str> {
        Some(self.0.name())
    }

    fn arguments(&self) -> Map<String, Value> {
        self.0.arguments()
    }

    fn state(&self) -> &[&str] {
        &["total", "count"]
    }

    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
        let &Batch { y_true, y_pred, sample_weight, mask, dtype } = batch;
        let values = self.0.values(y_true, y_pred)?;
        let mut weight = apply_mask(sample_weight, mask, dtype, Reduction::Sum)?;
        // As in Keras, samples that the function leaves out have no weight, but without weights they are counted.
        if weight.is_some() {
            let own = self.0.mask(y_true, y_pred)?;
            weight = apply_mask(weight.as_ref(), own.as_ref(), dtype, Reduction::Sum)?;
        }
        mean_of(&values, weight.as_ref(), dtype)
    }

    fn result(&self, state: &[Tensor]) -> Result<Tensor> {
        quotient(self, state)
    }
}

/// What makes a [`RootMeanSquaredError`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RootMeanSquaredErrorRule;

/// √ of the mean of (target - y)².
///
/// # Source
/// Keras 3 `keras.metrics.RootMeanSquaredError`.
pub type RootMeanSquaredError = RuleMetric<RootMeanSquaredErrorRule>;

impl RootMeanSquaredError {
    /// The metric under Keras's name.
    pub fn new() -> Self {
        Self::default()
    }
}

impl MetricRule for RootMeanSquaredErrorRule {
    fn class_name(&self) -> &str {
        "RootMeanSquaredError"
    }

    fn default_name(&self) -> Option<&str> {
        Some("root_mean_squared_error")
    }

    fn state(&self) -> &[&str] {
        &["total", "count"]
    }

    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
        let (y_true, y_pred) = batch.alike()?;
        mean_of(&(y_pred - y_true).square(), batch.sample_weight, batch.dtype)
    }

    fn result(&self, state: &[Tensor]) -> Result<Tensor> {
        Ok(quotient(self, state)?.sqrt())
    }
}
