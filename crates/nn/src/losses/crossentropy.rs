//! Losses of probabilities.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::{DType, Shape};
use serde_json::{Map, Value, json};

use super::LossFunction;
use crate::saving::config::{Config, map};

/// `-ln p[class]`, the targets being class numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparseCategoricalCrossentropy {
    /// Whether predictions are logits instead of probabilities.
    pub from_logits: bool,
    /// A class whose samples have no loss, such as 255 for the void of a segmentation.
    pub ignore_class: Option<i64>,
    /// The axis of the classes. Keras writes it into no file of a loss.
    pub axis: isize,
}

/// The crossentropy that fits the shapes: binary for one output, sparse for class numbers, else categorical. Keras's
/// words `crossentropy` and `ce`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Crossentropy;

/// -Σ target · ln p, the targets being one-hot or soft.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CategoricalCrossentropy {
    /// Whether predictions are logits instead of probabilities.
    pub from_logits: bool,
    /// How much of each target is shared among all classes.
    pub label_smoothing: f64,
    /// The axis of the classes.
    pub axis: isize,
}

/// -target · ln p - (1 - target) · ln(1 - p), the mean along the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinaryCrossentropy {
    /// Whether predictions are logits instead of probabilities.
    pub from_logits: bool,
    /// How far targets are moved towards 0.5.
    pub label_smoothing: f64,
    /// The axis of the mean.
    pub axis: isize,
}

impl Default for CategoricalCrossentropy {
    fn default() -> Self {
        Self { from_logits: false, label_smoothing: 0.0, axis: -1 }
    }
}

impl Default for BinaryCrossentropy {
    fn default() -> Self {
        Self { from_logits: false, label_smoothing: 0.0, axis: -1 }
    }
}

impl Default for SparseCategoricalCrossentropy {
    fn default() -> Self {
        Self { from_logits: false, ignore_class: None, axis: -1 }
    }
}

pub(crate) fn axis(config: &Config<'_>) -> Result<isize> {
    Ok(config.optional("axis", "an integer", Value::as_i64)?.unwrap_or(-1) as isize)
}

/// One-hot targets of which a part is shared among all classes.
pub(super) fn smoothed(target: &Tensor, label_smoothing: f64) -> Result<Tensor> {
    if label_smoothing == 0.0 {
        return Ok(target.clone());
    }
    let classes = target.shape()?.last().copied().unwrap_or(1) as f64;
    Ok(target * (1.0 - label_smoothing) + label_smoothing / classes)
}

/// Class numbers of the shape of the predictions without the axis of the classes.
pub(crate) fn class_numbers(y_true: &Tensor, y_pred: &Tensor, axis: isize) -> Result<Tensor> {
    let (targets, outputs) = (y_true.shape()?, y_pred.shape()?);
    let at = outputs.axis(axis)?;
    let without = |shape: &Shape| -> Shape { (0..shape.rank()).filter(|&a| a != at).map(|a| shape[a]).collect() };
    let rows = without(&outputs);
    let fits = targets == rows || targets.rank() == outputs.rank() && targets[at] == 1 && without(&targets) == rows;
    if !fits {
        return Err(err!(ShapeMismatch, "targets: expected {rows:?}, a class number a sample, found {targets}")
            .operand("predictions", &outputs)
            .help(match targets.rank() + 1 < outputs.rank() {
                true => {
                    "is a Flatten or a global pool missing before the last layer? One prediction a sample is wanted"
                }
                false => "one-hot targets go to categorical_crossentropy",
            }));
    }
    Ok(y_true.reshape(rows))
}

impl SparseCategoricalCrossentropy {
    /// Of predictions that are logits.
    pub fn on_logits() -> Self {
        Self { from_logits: true, ..Self::default() }
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let ignore_class = config.optional("ignore_class", "an integer", Value::as_i64)?;
        Ok(Self { from_logits: config.flag("from_logits", false)?, ignore_class, axis: axis(config)? })
    }
}

impl CategoricalCrossentropy {
    /// Of predictions that are logits.
    pub fn on_logits() -> Self {
        Self { from_logits: true, ..Self::default() }
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let (from_logits, label_smoothing) =
            (config.flag("from_logits", false)?, config.float("label_smoothing", 0.0)?);
        Ok(Self { from_logits, label_smoothing, axis: axis(config)? })
    }
}

impl BinaryCrossentropy {
    /// Of predictions that are logits.
    pub fn on_logits() -> Self {
        Self { from_logits: true, ..Self::default() }
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let (from_logits, label_smoothing) =
            (config.flag("from_logits", false)?, config.float("label_smoothing", 0.0)?);
        Ok(Self { from_logits, label_smoothing, axis: axis(config)? })
    }
}

impl LossFunction for SparseCategoricalCrossentropy {
    fn class_name(&self) -> &str {
        "SparseCategoricalCrossentropy"
    }

    fn function_name(&self) -> &str {
        "sparse_categorical_crossentropy"
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"from_logits": self.from_logits, "ignore_class": self.ignore_class}))
    }

    fn takes_class_numbers(&self) -> bool {
        self.ignore_class.is_none() && self.axis == -1
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let labels = class_numbers(y_true, y_pred, self.axis)?;
        let last = y_pred.rank()? as isize - 1;
        let moved =
            if self.axis == -1 || self.axis == last { y_pred.clone() } else { y_pred.moveaxis(&[self.axis], &[-1]) };
        let Some(ignored) = self.ignore_class else {
            return Ok(labels.sparse_categorical_crossentropy(&moved, self.from_logits));
        };
        let counts = labels.not_equal(ignored);
        let known = counts.where_(&labels, 0).cast(DType::I32);
        let values = known.sparse_categorical_crossentropy(&moved, self.from_logits);
        Ok(counts.where_(values, Tensor::full([], 0.0, y_pred.dtype()?)))
    }

    fn mask(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Option<Tensor>> {
        let Some(ignored) = self.ignore_class else { return Ok(None) };
        Ok(Some(class_numbers(y_true, y_pred, self.axis)?.not_equal(ignored)))
    }
}

impl LossFunction for Crossentropy {
    fn class_name(&self) -> &str {
        "Crossentropy"
    }

    fn function_name(&self) -> &str {
        "crossentropy"
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (targets, outputs) = (y_true.shape()?, y_pred.shape()?);
        if outputs.last() == Some(&1) {
            BinaryCrossentropy::default().values(y_true, y_pred)
        } else if targets.rank() < outputs.rank() || targets.last() == Some(&1) {
            SparseCategoricalCrossentropy::default().values(y_true, y_pred)
        } else {
            CategoricalCrossentropy::default().values(y_true, y_pred)
        }
    }
}

impl LossFunction for CategoricalCrossentropy {
    fn class_name(&self) -> &str {
        "CategoricalCrossentropy"
    }

    fn function_name(&self) -> &str {
        "categorical_crossentropy"
    }

    fn arguments(&self) -> Map<String, Value> {
        let Self { from_logits, label_smoothing, axis } = self;
        map(json!({"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (targets, outputs) = (y_true.shape()?, y_pred.shape()?);
        if targets != outputs {
            return Err(err!(
                ShapeMismatch,
                "targets: expected {outputs}, the shape of the predictions, found {targets}"
            )
            .help("class numbers go to sparse_categorical_crossentropy"));
        }
        let target = smoothed(&y_true.cast(y_pred.dtype()?), self.label_smoothing)?;
        Ok(target.categorical_crossentropy(y_pred, self.from_logits, self.axis))
    }
}

impl LossFunction for BinaryCrossentropy {
    fn class_name(&self) -> &str {
        "BinaryCrossentropy"
    }

    fn function_name(&self) -> &str {
        "binary_crossentropy"
    }

    fn arguments(&self) -> Map<String, Value> {
        let Self { from_logits, label_smoothing, axis } = self;
        map(json!({"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (y_true, y_pred) = super::alike(y_true, y_pred)?;
        let smoothing = self.label_smoothing;
        let target = if smoothing != 0.0 { y_true * (1.0 - smoothing) + 0.5 * smoothing } else { y_true };
        Ok(target.binary_crossentropy(&y_pred, self.from_logits).mean(&[self.axis], false))
    }
}
