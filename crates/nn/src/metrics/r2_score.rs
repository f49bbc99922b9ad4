//! The coefficient of determination.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::Shape;
use serde_json::{Map, Value, json};

use super::counts::index;
use super::rule::misfit;
use super::{Batch, MetricRule, RuleMetric};
use crate::arg::{Arg, Choice, unknown};
use crate::saving::config::{Config, map};

/// How the scores of outputs become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClassAggregation {
    /// They do not: the result has one an output.
    None,
    /// Their mean.
    #[default]
    UniformAverage,
    /// Their mean weighted by the outputs' variances.
    VarianceWeightedAverage,
}

impl Choice for ClassAggregation {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "uniform_average" => Ok(Self::UniformAverage),
            "variance_weighted_average" => Ok(Self::VarianceWeightedAverage),
            _ => Err(unknown("class_aggregation", name, &["uniform_average", "variance_weighted_average"])),
        }
    }
}

impl ClassAggregation {
    /// Keras's word, if there is one.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::UniformAverage => Some("uniform_average"),
            Self::VarianceWeightedAverage => Some("variance_weighted_average"),
        }
    }
}

/// What makes an [`R2Score`].
#[derive(Clone, Debug, Default)]
pub struct R2Rule {
    class_aggregation: ClassAggregation,
    num_regressors: usize,
}

/// 1 - Σ (target - y)² / Σ (target - mean target)², for each output; with `num_regressors` p of n values, adjusted to
/// 1 - (1 - R²) (n - 1) / (n - p - 1).
///
/// # Shapes
/// Both `[batch, outputs]`.
///
/// # Source
/// Keras 3 `keras.metrics.R2Score`.
pub type R2Score = RuleMetric<R2Rule>;

impl R2Score {
    /// The metric under Keras's name.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the scores of outputs become one: `uniform_average`, `variance_weighted_average`, or
    /// [`ClassAggregation::None`].
    #[must_use]
    pub fn class_aggregation(self, aggregation: impl Into<Arg<ClassAggregation>>) -> Self {
        self.set(aggregation.into().0, |rule, aggregation| rule.class_aggregation = aggregation)
    }

    /// How many independent variables the model has, for the adjusted score.
    #[must_use]
    pub fn num_regressors(mut self, count: usize) -> Self {
        self.rule.num_regressors = count;
        self
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let class_aggregation = match config.get("class_aggregation") {
            Value::Null => ClassAggregation::None,
            _ => ClassAggregation::parse(config.text("class_aggregation", "uniform_average")?)?,
        };
        Ok(Self::of(R2Rule { class_aggregation, num_regressors: index(config, "num_regressors")?.unwrap_or(0) }))
    }
}

impl MetricRule for R2Rule {
    fn class_name(&self) -> &str {
        "R2Score"
    }

    fn default_name(&self) -> Option<&str> {
        Some("r2_score")
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"class_aggregation": self.class_aggregation.name(), "num_regressors": self.num_regressors}))
    }

    fn state(&self) -> &[&str] {
        &["num_samples", "squared_sum", "sum", "residual", "count"]
    }

    fn shapes(&self) -> Option<Vec<Shape>> {
        None
    }

    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
        let (y_true, y_pred) = batch.alike()?;
        let shape = y_true.shape()?;
        if shape.rank() != 2 {
            fail!(RankMismatch, "predictions: expected [batch, outputs], found {shape}");
        }
        let weights = batch.weights(&shape)?.unwrap_or_else(|| Tensor::ones(&shape, batch.dtype));
        let weighted = &y_true * &weights;
        let sum = |x: Tensor| x.sum(&[0], false);
        Ok(vec![
            Tensor::full([], shape.elements() as f64, batch.dtype),
            sum(&y_true * &weighted),
            sum(weighted),
            sum((&y_true - &y_pred).square() * &weights),
            sum(weights),
        ])
    }

    fn result(&self, state: &[Tensor]) -> Result<Tensor> {
        let [samples, squared_sum, sum, residual, count] = state else { return Err(misfit(self, state)) };
        let total = squared_sum - sum * (sum / count);
        let scores = 1.0 - residual / &total;
        let scores = scores.isinf().where_(0.0, scores);
        let score = match self.class_aggregation {
            ClassAggregation::None => scores,
            ClassAggregation::UniformAverage => scores.mean(&[], false),
            ClassAggregation::VarianceWeightedAverage => (&total * scores).sum(&[], false) / total.sum(&[], false),
        };
        let (values, regressors) =
            (samples.array()?.to_f64()?.first().copied().unwrap_or(0.0), self.num_regressors as f64);
        // With as many variables as values the adjusted score means nothing, and Keras gives the plain one.
        if self.num_regressors == 0 || regressors >= values - 1.0 {
            return Ok(score);
        }
        Ok(1.0 - (1.0 - score) * (values - 1.0) / (values - regressors - 1.0))
    }
}
