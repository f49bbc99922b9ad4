//! The best of one ratio where another reaches a demand.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::Shape;
use serde_json::{Map, Value, json};

use super::confusion::{Counter, share};
use super::counts::index;
use super::rule::misfit;
use super::{Batch, MetricRule, RuleMetric};
use crate::saving::config::{Config, map};

/// What makes a metric of an operating point: 0 sensitivity at specificity, 1 specificity at sensitivity, 2 precision at
/// recall, 3 recall at precision.
#[derive(Clone, Debug)]
pub struct OperatingPointRule<const KIND: usize> {
    demand: f64,
    num_thresholds: usize,
    class_id: Option<usize>,
}

/// The greatest sensitivity, TP / (TP + FN), at any threshold where the specificity, TN / (TN + FP), reaches a demand.
///
/// # Source
/// Keras 3 `keras.metrics.SensitivityAtSpecificity`.
pub type SensitivityAtSpecificity = RuleMetric<OperatingPointRule<0>>;

/// The greatest specificity, TN / (TN + FP), at any threshold where the sensitivity, TP / (TP + FN), reaches a demand.
///
/// # Source
/// Keras 3 `keras.metrics.SpecificityAtSensitivity`.
pub type SpecificityAtSensitivity = RuleMetric<OperatingPointRule<1>>;

/// The greatest precision, TP / (TP + FP), at any threshold where the recall, TP / (TP + FN), reaches a demand.
///
/// # Source
/// Keras 3 `keras.metrics.PrecisionAtRecall`.
pub type PrecisionAtRecall = RuleMetric<OperatingPointRule<2>>;

/// The greatest recall, TP / (TP + FN), at any threshold where the precision, TP / (TP + FP), reaches a demand.
///
/// # Source
/// Keras 3 `keras.metrics.RecallAtPrecision`.
pub type RecallAtPrecision = RuleMetric<OperatingPointRule<3>>;

/// Class and argument of each kind.
const KINDS: [(&str, &str); 4] = [
    ("SensitivityAtSpecificity", "specificity"),
    ("SpecificityAtSensitivity", "sensitivity"),
    ("PrecisionAtRecall", "recall"),
    ("RecallAtPrecision", "precision"),
];

impl<const KIND: usize> RuleMetric<OperatingPointRule<KIND>> {
    /// The metric where the other ratio is at least `demand`.
    pub fn new(demand: f64) -> Self {
        Self::of(OperatingPointRule { demand, num_thresholds: 200, class_id: None })
    }

    /// How many thresholds from 0 to 1 are tried; by default 200.
    #[must_use]
    pub fn num_thresholds(mut self, count: usize) -> Self {
        self.rule.num_thresholds = count;
        self
    }

    /// Counts one class only.
    #[must_use]
    pub fn class_id(mut self, class: usize) -> Self {
        self.rule.class_id = Some(class);
        self
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let demand = config.need(OperatingPointRule::<KIND>::kind().1, "a number", Value::as_f64)?;
        let num_thresholds = index(config, "num_thresholds")?.unwrap_or(200);
        Ok(Self::of(OperatingPointRule { demand, num_thresholds, class_id: index(config, "class_id")? }))
    }
}

/// As many numbers from 0 to 1 at equal distances, or 0.5.
pub(super) fn even_thresholds(count: usize) -> Vec<f64> {
    match count {
        1 => vec![0.5],
        _ => (0..count).map(|i| i as f64 / (count as f64 - 1.0)).collect(),
    }
}

impl<const KIND: usize> OperatingPointRule<KIND> {
    fn kind() -> (&'static str, &'static str) {
        KINDS.get(KIND).copied().unwrap_or_default()
    }
}

impl<const KIND: usize> MetricRule for OperatingPointRule<KIND> {
    fn class_name(&self) -> &str {
        Self::kind().0
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut arguments = map(json!({"class_id": self.class_id, "num_thresholds": self.num_thresholds}));
        arguments.insert(Self::kind().1.into(), self.demand.into());
        arguments
    }

    fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.demand) {
            fail!(OutOfRange, "{}: expected a number from 0 to 1, found {}", Self::kind().1, self.demand);
        }
        if self.num_thresholds == 0 {
            fail!(InvalidArgument, "num_thresholds: expected at least 1, found 0");
        }
        Ok(())
    }

    fn state(&self) -> &[&str] {
        &["true_positives", "false_positives", "true_negatives", "false_negatives"]
    }

    fn shapes(&self) -> Option<Vec<Shape>> {
        Some(vec![[self.num_thresholds].into(); 4])
    }

    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
        let thresholds = even_thresholds(self.num_thresholds);
        let is_even = self.num_thresholds > 1;
        let counter = Counter { is_even, class_id: self.class_id, ..Counter::new(&thresholds) };
        Ok(counter.count(batch)?.into_vec())
    }

    fn result(&self, state: &[Tensor]) -> Result<Tensor> {
        let [tp, fp, tn, fn_] = state else { return Err(misfit(self, state)) };
        let (sensitivity, specificity, precision) = (share(tp, fn_), share(tn, fp), share(tp, fp));
        let (demanded, sought) = match KIND {
            0 => (specificity, sensitivity),
            1 => (sensitivity, specificity),
            2 => (sensitivity, precision),
            _ => (precision, sensitivity),
        };
        Ok(demanded.greater_equal(self.demand).where_(sought, 0.0).max(&[], false).maximum(0.0))
    }
}
