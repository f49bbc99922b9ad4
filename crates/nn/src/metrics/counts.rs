//! Counts of right and wrong claims, and their ratios.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::Shape;
use serde_json::{Map, Value, json};

use super::confusion::{Counter, FAR_BELOW, Thresholds, share};
use super::{Batch, MetricRule, RuleMetric};
use crate::saving::config::{Config, map};

/// The number of values above one threshold, or all numbers.
fn one_or_all(values: &Tensor, thresholds: usize) -> Tensor {
    if thresholds == 1 { values.reshape(Shape::scalar()) } else { values.clone() }
}

/// An index of a config.
pub(super) fn index(config: &Config<'_>, key: &'static str) -> Result<Option<usize>> {
    config.optional(key, "a non-negative integer", |v| v.as_u64().map(|n| n as usize))
}

/// What makes a metric of one cell of the confusion matrix: 0 true positives, 1 false positives, 2 true negatives, 3
/// false negatives.
#[derive(Clone, Debug, Default)]
pub struct CountRule<const CELL: usize> {
    thresholds: Thresholds,
}

/// The weight of the samples that are rightly claimed.
///
/// A value counts as claimed above a threshold, [`thresholds`](RuleMetric::thresholds); with several, the result has one
/// number each.
///
/// # Source
/// Keras 3 `keras.metrics.TruePositives`.
pub type TruePositives = RuleMetric<CountRule<0>>;

/// The weight of the samples that are wrongly claimed. Further as [`TruePositives`].
///
/// # Source
/// Keras 3 `keras.metrics.FalsePositives`.
pub type FalsePositives = RuleMetric<CountRule<1>>;

/// The weight of the samples that are rightly denied. Further as [`TruePositives`].
///
/// # Source
/// Keras 3 `keras.metrics.TrueNegatives`.
pub type TrueNegatives = RuleMetric<CountRule<2>>;

/// The weight of the samples that are wrongly denied. Further as [`TruePositives`].
///
/// # Source
/// Keras 3 `keras.metrics.FalseNegatives`.
pub type FalseNegatives = RuleMetric<CountRule<3>>;

impl<const CELL: usize> RuleMetric<CountRule<CELL>> {
    /// The metric under Keras's name.
    pub fn new() -> Self {
        Self::default()
    }

    /// The thresholds above which a value counts as claimed; by default 0.5.
    #[must_use]
    pub fn thresholds(mut self, thresholds: impl Into<Thresholds>) -> Self {
        self.rule.thresholds = thresholds.into();
        self
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self::new().thresholds(Thresholds::from_config(config)?))
    }
}

impl<const CELL: usize> MetricRule for CountRule<CELL> {
    fn class_name(&self) -> &str {
        ["TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives"].get(CELL).copied().unwrap_or_default()
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"thresholds": self.thresholds.to_json()}))
    }

    fn check(&self) -> Result<()> {
        self.thresholds.check()
    }

    fn state(&self) -> &[&str] {
        &["accumulator"]
    }

    fn shapes(&self) -> Option<Vec<Shape>> {
        Some(vec![[self.thresholds.or(0.5).len()].into()])
    }

    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
        let counts = Counter::new(&self.thresholds.or(0.5)).count(batch)?;
        Ok(counts.into_vec().into_iter().skip(CELL).take(1).collect())
    }

    fn result(&self, state: &[Tensor]) -> Result<Tensor> {
        let [counted] = state else { return Err(super::rule::misfit(self, state)) };
        Ok(one_or_all(counted, self.thresholds.or(0.5).len()))
    }
}

/// What makes a [`Precision`] or a [`Recall`].
#[derive(Clone, Debug, Default)]
pub struct RatioRule<const RECALL: bool> {
    thresholds: Thresholds,
    top_k: Option<usize>,
    class_id: Option<usize>,
}

/// Of what is claimed, how much is so: true positives / (true positives + false positives).
///
/// # Source
/// Keras 3 `keras.metrics.Precision`.
pub type Precision = RuleMetric<RatioRule<false>>;

/// Of what is so, how much is claimed: true positives / (true positives + false negatives).
///
/// # Source
/// Keras 3 `keras.metrics.Recall`.
pub type Recall = RuleMetric<RatioRule<true>>;

impl<const RECALL: bool> RuleMetric<RatioRule<RECALL>> {
    /// The metric under Keras's name.
    pub fn new() -> Self {
        Self::default()
    }

    /// The thresholds above which a value counts as claimed; by default 0.5, or none with `top_k`.
    #[must_use]
    pub fn thresholds(mut self, thresholds: impl Into<Thresholds>) -> Self {
        self.rule.thresholds = thresholds.into();
        self
    }

    /// Claims only the `k` greatest values of each row.
    #[must_use]
    pub fn top_k(mut self, k: usize) -> Self {
        self.rule.top_k = Some(k);
        self
    }

    /// Counts one class only.
    #[must_use]
    pub fn class_id(mut self, class: usize) -> Self {
        self.rule.class_id = Some(class);
        self
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let (thresholds, top_k) = (Thresholds::from_config(config)?, index(config, "top_k")?);
        Ok(Self::of(RatioRule { thresholds, top_k, class_id: index(config, "class_id")? }))
    }
}

impl<const RECALL: bool> RatioRule<RECALL> {
    fn at(&self) -> Vec<f64> {
        self.thresholds.or(if self.top_k.is_some() { FAR_BELOW } else { 0.5 })
    }
}

impl<const RECALL: bool> MetricRule for RatioRule<RECALL> {
    fn class_name(&self) -> &str {
        if RECALL { "Recall" } else { "Precision" }
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"thresholds": self.thresholds.to_json(), "top_k": self.top_k, "class_id": self.class_id}))
    }

    fn check(&self) -> Result<()> {
        if self.top_k == Some(0) {
            fail!(InvalidArgument, "top_k: expected at least 1, found 0");
        }
        self.thresholds.check()
    }

    fn state(&self) -> &[&str] {
        if RECALL { &["true_positives", "false_negatives"] } else { &["true_positives", "false_positives"] }
    }

    fn shapes(&self) -> Option<Vec<Shape>> {
        Some(vec![[self.at().len()].into(); 2])
    }

    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
        let at = self.at();
        let counter = Counter { top_k: self.top_k, class_id: self.class_id, ..Counter::new(&at) };
        let counts = counter.count(batch)?;
        Ok(vec![counts.true_positives, if RECALL { counts.false_negatives } else { counts.false_positives }])
    }

    fn result(&self, state: &[Tensor]) -> Result<Tensor> {
        let [right, wrong] = state else { return Err(super::rule::misfit(self, state)) };
        Ok(one_or_all(&share(right, wrong), self.at().len()))
    }
}
