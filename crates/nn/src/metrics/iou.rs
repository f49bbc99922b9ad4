//! Intersection over union of regions.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::{DType, Shape};
use serde_json::{Map, Value, json};

use super::rule::misfit;
use super::{Batch, MetricRule, RuleMetric};
use crate::losses::{EPSILON, axis};
use crate::saving::config::Config;

/// What makes the metrics of intersection over union: 0 of some classes, 1 their mean over all classes, 2 of two classes
/// from probabilities, 3 as 0 and 4 as 1 of one-hot targets.
#[derive(Clone, Debug)]
pub struct IoURule<const KIND: usize> {
    num_classes: usize,
    target_class_ids: Vec<usize>,
    ignore_class: Option<i64>,
    sparse_y_true: bool,
    sparse_y_pred: bool,
    axis: isize,
    threshold: f64,
}

/// True positives / (true positives + false positives + false negatives) of some classes, their mean.
///
/// # Shapes
/// Class numbers of any shape, or one-hot along [`axis`](RuleMetric::axis) where `sparse_y_true` or `sparse_y_pred` is
/// false. Class numbers outside of the classes do not count.
///
/// # Source
/// Keras 3 `keras.metrics.IoU`.
pub type IoU = RuleMetric<IoURule<0>>;

/// The mean of the intersections over union of all classes. Further as [`IoU`].
///
/// # Source
/// Keras 3 `keras.metrics.MeanIoU`.
pub type MeanIoU = RuleMetric<IoURule<1>>;

/// The intersection over union of the classes 0 and 1, from predictions of which those from a threshold on are 1.
///
/// # Source
/// Keras 3 `keras.metrics.BinaryIoU`.
pub type BinaryIoU = RuleMetric<IoURule<2>>;

/// [`IoU`] of one-hot targets and, unless `sparse_y_pred`, of predictions whose greatest value is the class.
///
/// # Source
/// Keras 3 `keras.metrics.OneHotIoU`.
pub type OneHotIoU = RuleMetric<IoURule<3>>;

/// [`MeanIoU`] of one-hot targets and, unless `sparse_y_pred`, of predictions whose greatest value is the class.
///
/// # Source
/// Keras 3 `keras.metrics.OneHotMeanIoU`.
pub type OneHotMeanIoU = RuleMetric<IoURule<4>>;

const CLASSES: [&str; 5] = ["IoU", "MeanIoU", "BinaryIoU", "OneHotIoU", "OneHotMeanIoU"];

impl<const KIND: usize> IoURule<KIND> {
    fn with(num_classes: usize, target_class_ids: Vec<usize>) -> Self {
        let sparse = KIND < 3;
        Self {
            num_classes,
            target_class_ids,
            ignore_class: None,
            sparse_y_true: sparse,
            sparse_y_pred: sparse,
            axis: -1,
            threshold: 0.5,
        }
    }
}

fn ids(config: &Config<'_>) -> Result<Option<Vec<usize>>> {
    config.sizes("target_class_ids")
}

macro_rules! of_some_classes {
    ($($class:ident)+) => { $(
        impl $class {
            /// The metric of these classes out of `num_classes`.
            pub fn new(num_classes: usize, target_class_ids: impl Into<Vec<usize>>) -> Self {
                Self::of(IoURule::with(num_classes, target_class_ids.into()))
            }
        }
    )+ };
}

macro_rules! of_all_classes {
    ($($class:ident)+) => { $(
        impl $class {
            /// The metric of all of `num_classes`.
            pub fn new(num_classes: usize) -> Self {
                Self::of(IoURule::with(num_classes, (0..num_classes).collect()))
            }
        }
    )+ };
}

of_some_classes! { IoU OneHotIoU }
of_all_classes! { MeanIoU OneHotMeanIoU }

impl BinaryIoU {
    /// The metric of both classes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The classes that count; by default 0 and 1.
    #[must_use]
    pub fn target_class_ids(mut self, ids: impl Into<Vec<usize>>) -> Self {
        self.rule.target_class_ids = ids.into();
        self
    }

    /// From which value on a prediction is class 1; by default 0.5.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.rule.threshold = threshold;
        self
    }
}

impl Default for IoURule<2> {
    fn default() -> Self {
        Self::with(2, vec![0, 1])
    }
}

impl<const KIND: usize> RuleMetric<IoURule<KIND>> {
    /// A class of targets that does not count, such as 255 for the void of a segmentation.
    #[must_use]
    pub fn ignore_class(mut self, class: i64) -> Self {
        self.rule.ignore_class = Some(class);
        self
    }

    /// Whether targets are class numbers; if not, the greatest along [`axis`](Self::axis) is the class.
    #[must_use]
    pub fn sparse_y_true(mut self, sparse: bool) -> Self {
        self.rule.sparse_y_true = sparse;
        self
    }

    /// Whether predictions are class numbers; if not, the greatest along [`axis`](Self::axis) is the class.
    #[must_use]
    pub fn sparse_y_pred(mut self, sparse: bool) -> Self {
        self.rule.sparse_y_pred = sparse;
        self
    }

    /// The axis of the classes; by default the last.
    #[must_use]
    pub fn axis(mut self, axis: isize) -> Self {
        self.rule.axis = axis;
        self
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let num_classes = if KIND == 2 { 2 } else { config.size("num_classes")? };
        let found = if matches!(KIND, 1 | 4) { None } else { ids(config)? };
        let mut rule = IoURule::with(num_classes, found.unwrap_or_else(|| (0..num_classes).collect()));
        rule.threshold = if KIND == 2 { config.float("threshold", 0.5)? } else { 0.5 };
        rule.ignore_class = config.optional("ignore_class", "an integer", Value::as_i64)?;
        rule.sparse_y_true = config.flag("sparse_y_true", rule.sparse_y_true)?;
        rule.sparse_y_pred = config.flag("sparse_y_pred", rule.sparse_y_pred)?;
        rule.axis = axis(config)?;
        Ok(Self::of(rule))
    }
}

impl<const KIND: usize> IoURule<KIND> {
    /// Class numbers as a vector, and which of them are no classes.
    fn classes(&self, x: &Tensor, is_sparse: bool, dtype: DType) -> Result<Tensor> {
        let x = if is_sparse { x.clone() } else { x.argmax(Some(self.axis), false) };
        let count = x.shape()?.elements();
        Ok(x.cast(dtype).reshape([count]))
    }
}

impl<const KIND: usize> MetricRule for IoURule<KIND> {
    fn class_name(&self) -> &str {
        CLASSES.get(KIND).copied().unwrap_or_default()
    }

    fn default_dtype(&self) -> DType {
        DType::I64
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut all = self.config("", DType::I64);
        all.shift_remove("name");
        all.shift_remove("dtype");
        all
    }

    fn config(&self, name: &str, dtype: DType) -> Map<String, Value> {
        let Self { num_classes, target_class_ids: ids, ignore_class, sparse_y_true, sparse_y_pred, axis, threshold } =
            self;
        let mut config = Map::new();
        let mut put = |key: &str, value: Value| config.insert(key.to_owned(), value);
        if KIND == 0 {
            put("name", json!(name));
            put("dtype", json!(dtype.name()));
        }
        if KIND != 2 {
            put("num_classes", json!(num_classes));
        }
        if matches!(KIND, 0 | 2 | 3) {
            put("target_class_ids", json!(ids));
        }
        if KIND == 2 {
            put("threshold", json!(threshold));
        }
        if KIND != 0 {
            put("name", json!(name));
            put("dtype", json!(dtype.name()));
        }
        if KIND != 2 {
            put("ignore_class", json!(ignore_class));
            if KIND < 2 {
                put("sparse_y_true", json!(sparse_y_true));
            }
            put("sparse_y_pred", json!(sparse_y_pred));
            put("axis", json!(axis));
        }
        config
    }

    fn check(&self) -> Result<()> {
        match self.target_class_ids.iter().find(|id| **id >= self.num_classes) {
            Some(id) => {
                fail!(OutOfRange, "target_class_ids: expected 0 to {}, found {id}", self.num_classes as i64 - 1)
            }
            None => Ok(()),
        }
    }

    fn state(&self) -> &[&str] {
        &["total_confusion_matrix"]
    }

    fn shapes(&self) -> Option<Vec<Shape>> {
        Some(vec![[self.num_classes, self.num_classes].into()])
    }

    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
        let (classes, dtype) = (self.num_classes, batch.dtype);
        let y_true = self.classes(batch.y_true, self.sparse_y_true, dtype)?;
        let y_pred =
            if KIND == 2 { batch.y_pred.cast(DType::F32).greater_equal(self.threshold) } else { batch.y_pred.clone() };
        let y_pred = self.classes(&y_pred, self.sparse_y_pred, dtype)?;
        let (targets, outputs) = (y_true.shape()?, y_pred.shape()?);
        if targets != outputs {
            fail!(ShapeMismatch, "targets: expected as many as predictions, {}, found {}", outputs[0], targets[0]);
        }
        let weights = match batch.sample_weight {
            Some(weight) => {
                let found = weight.shape()?;
                let flat = if found.rank() > 1 { weight.reshape([found.elements()]) } else { weight.clone() };
                flat.cast(dtype).broadcast_to(&targets)
            }
            None => Tensor::ones(&targets, dtype),
        };
        let within = |x: &Tensor| x.greater_equal(0).logical_and(x.less(classes as i64));
        let mut counts = within(&y_true).logical_and(within(&y_pred));
        if let Some(ignored) = self.ignore_class {
            counts = counts.logical_and(y_true.not_equal(ignored));
        }
        let whole = |x: &Tensor| x.cast(DType::I64);
        let place = counts.where_(whole(&y_true) * classes as i64 + whole(&y_pred), -1);
        Ok(vec![weights.segment_sum(&place, Some(classes * classes)).reshape([classes, classes])])
    }

    fn result(&self, state: &[Tensor]) -> Result<Tensor> {
        let [matrix] = state else { return Err(misfit(self, state)) };
        let right = matrix.diagonal(0, 0, 1);
        let union = matrix.sum(&[0], false) + matrix.sum(&[1], false) - &right;
        let chosen: Vec<i32> = self.target_class_ids.iter().map(|id| *id as i32).collect();
        let pick = |x: &Tensor| x.take(&Tensor::from_slice(&chosen, [chosen.len()]), 0).cast(DType::F32);
        let (right, union) = (pick(&right), pick(&union));
        let valid = union.greater(1e-9);
        let ratio = valid.where_(right / (&union + EPSILON), 0.0);
        Ok(ratio.sum(&[], false) / (valid.cast(DType::F32).sum(&[], false) + EPSILON))
    }
}
