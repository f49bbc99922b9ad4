//! Means over samples.

use std::sync::Arc;

use cornet_error::Result;
use cornet_ops::{Tensor, Variable};
use cornet_tensor::DType;
use serde_json::{Map, Value};

use super::samplewise::{Fold, samplewise};
use super::{Metric, read, state};
use crate::losses::{LossFunction, Reduction, alike, apply_mask, same_rank};

/// A number for each sample, whose mean a [`MeanMetric`] follows.
pub trait MetricFunction: Send + Sync {
    /// Keras's class.
    fn class_name(&self) -> &'static str;

    /// The name under which it is logged.
    fn name(&self) -> &'static str;

    /// The arguments of the class beside name and dtype.
    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    /// The numbers, `[batch, …]`.
    ///
    /// # Errors
    /// What does not fit.
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor>;

    /// Which samples count, if not all do: `[batch, …]` as [`MetricFunction::values`], of bools.
    ///
    /// # Errors
    /// What does not fit.
    fn mask(&self, _y_true: &Tensor, _y_pred: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

/// A loss as a metric.
pub(super) struct OfLoss(pub Arc<dyn LossFunction>);

impl MetricFunction for OfLoss {
    fn class_name(&self) -> &'static str {
        self.0.class_name()
    }

    fn name(&self) -> &'static str {
        self.0.function_name()
    }

    fn arguments(&self) -> Map<String, Value> {
        self.0.arguments()
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (y_true, y_pred) = same_rank(y_true, y_pred)?;
        self.0.values(&y_true, &y_pred)
    }

    fn mask(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Option<Tensor>> {
        let (y_true, y_pred) = same_rank(y_true, y_pred)?;
        self.0.mask(&y_true, &y_pred)
    }
}

/// The mean of numbers weighted by how many samples each stands for.
pub struct Mean {
    name: String,
    total: Variable,
    count: Variable,
}

impl Mean {
    /// The mean of this name.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        Ok(Self { total: state(&name, "total")?, count: state(&name, "count")?, name })
    }

    /// Takes a number in that is the mean of so many samples.
    ///
    /// # Errors
    /// Failures that the tensor carries.
    pub fn update(&self, mean: &Tensor, samples: usize) -> Result<()> {
        self.total.assign(&(self.total.read() + mean.cast(self.total.dtype()) * samples as f64))?;
        self.count.assign(&(self.count.read() + samples as f64))
    }

    /// Takes in numbers `[batch, …]`, each sample's mean over all but the first axis, with weights if there are: one a
    /// sample, or one a number.
    ///
    /// # Errors
    /// `shape_mismatch` for weights that do not fit.
    pub fn update_values(&self, values: &Tensor, sample_weight: Option<&Tensor>) -> Result<()> {
        let values = values.cast(self.total.dtype());
        let Some(weight) = sample_weight else { return self.update_unweighted(&values) };
        let (values, weight) = samplewise(&values, weight, Fold::Mean)?;
        self.total.assign(&(self.total.read() + values.sum(&[], false)))?;
        self.count.assign(&(self.count.read() + weight.sum(&[], false)))
    }

    fn update_unweighted(&self, values: &Tensor) -> Result<()> {
        let shape = values.shape()?;
        let (samples, each) = match shape[..] {
            [] => (1, 1),
            [samples, ref rest @ ..] => (samples, rest.iter().product()),
        };
        let sum = values.sum(&[], false);
        let sum = if each > 1 { sum / each as f64 } else { sum };
        self.total.assign(&(self.total.read() + sum))?;
        self.count.assign(&(self.count.read() + samples as f64))
    }

    /// The mean so far; 0 of nothing.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn value(&self) -> Result<f64> {
        let (total, count) = (read(&self.total)?, read(&self.count)?);
        Ok(match self.total.dtype() {
            _ if count == 0.0 => 0.0,
            DType::F64 => total / count,
            _ => f64::from(total as f32 / count as f32),
        })
    }
}

impl Metric for Mean {
    fn class_name(&self) -> &str {
        "Mean"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn variables(&self) -> Vec<Variable> {
        vec![self.total.clone(), self.count.clone()]
    }

    /// The mean of the predictions.
    fn update_state(&self, _y_true: &Tensor, y_pred: &Tensor, sample_weight: Option<&Tensor>) -> Result<()> {
        self.update_values(y_pred, sample_weight)
    }

    fn result(&self) -> Result<f64> {
        self.value()
    }
}

/// The mean over samples of a function of target and prediction: Keras's `MeanMetricWrapper`.
pub struct MeanMetric {
    function: Arc<dyn MetricFunction>,
    mean: Mean,
}

impl MeanMetric {
    /// The metric of a function, under the function's name.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn new(function: impl MetricFunction + 'static) -> Result<Self> {
        Self::named(function.name(), Arc::new(function))
    }

    /// The same under another name.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn named(name: impl Into<String>, function: Arc<dyn MetricFunction>) -> Result<Self> {
        Ok(Self { function, mean: Mean::new(name)? })
    }
}

impl Metric for MeanMetric {
    fn class_name(&self) -> &str {
        self.function.class_name()
    }

    fn name(&self) -> &str {
        &self.mean.name
    }

    fn arguments(&self) -> Map<String, Value> {
        self.function.arguments()
    }

    fn variables(&self) -> Vec<Variable> {
        self.mean.variables()
    }

    fn update_state(&self, y_true: &Tensor, y_pred: &Tensor, sample_weight: Option<&Tensor>) -> Result<()> {
        self.update_masked(y_true, y_pred, sample_weight, None)
    }

    fn update_masked(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
        mask: Option<&Tensor>,
    ) -> Result<()> {
        let update = || {
            let values = self.function.values(y_true, y_pred)?;
            let mut weight = apply_mask(sample_weight, mask, self.mean.total.dtype(), Reduction::Sum)?;
            // As in Keras, samples that the function leaves out have no weight, but without weights they are counted.
            if weight.is_some() {
                let own = self.function.mask(y_true, y_pred)?;
                weight = apply_mask(weight.as_ref(), own.as_ref(), self.mean.total.dtype(), Reduction::Sum)?;
            }
            self.mean.update_values(&values, weight.as_ref())
        };
        update().map_err(|e| e.within(format!("metric {}", self.name())))
    }

    fn result(&self) -> Result<f64> {
        self.mean.value()
    }
}

/// √ of the mean of (target - y)².
pub struct RootMeanSquaredError {
    mean: Mean,
}

impl RootMeanSquaredError {
    /// The metric under Keras's name.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn new() -> Result<Self> {
        Self::named("root_mean_squared_error")
    }

    /// The metric under another name.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn named(name: impl Into<String>) -> Result<Self> {
        Ok(Self { mean: Mean::new(name)? })
    }
}

impl Metric for RootMeanSquaredError {
    fn class_name(&self) -> &str {
        "RootMeanSquaredError"
    }

    fn name(&self) -> &str {
        &self.mean.name
    }

    fn variables(&self) -> Vec<Variable> {
        self.mean.variables()
    }

    fn update_state(&self, y_true: &Tensor, y_pred: &Tensor, sample_weight: Option<&Tensor>) -> Result<()> {
        let (y_true, y_pred) = alike(y_true, y_pred)?;
        self.mean.update_values(&(y_true - y_pred).square(), sample_weight)
    }

    fn result(&self) -> Result<f64> {
        Ok(self.mean.value()?.sqrt())
    }
}
