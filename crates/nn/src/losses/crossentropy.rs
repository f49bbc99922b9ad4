//! Losses of probabilities.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};

use super::LossFunction;
use crate::saving::config::{Config, map};

/// `-ln p[class]`, the targets being class numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SparseCategoricalCrossentropy {
    /// Whether predictions are logits instead of probabilities.
    pub from_logits: bool,
    /// A class whose samples have no loss, such as 255 for the void of a segmentation.
    pub ignore_class: Option<i64>,
}

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

fn axis(config: &Config<'_>) -> Result<isize> {
    Ok(config.optional("axis", "an integer", Value::as_i64)?.unwrap_or(-1) as isize)
}

impl SparseCategoricalCrossentropy {
    /// Of predictions that are logits.
    pub fn on_logits() -> Self {
        Self { from_logits: true, ..Self::default() }
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        if axis(config)? != -1 {
            return Err(err!(Unsupported, "SparseCategoricalCrossentropy.axis: expected -1, found {}", axis(config)?)
                .help("put the classes on the last axis"));
        }
        let ignore_class = config.optional("ignore_class", "an integer", Value::as_i64)?;
        Ok(Self { from_logits: config.flag("from_logits", false)?, ignore_class })
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
    fn class_name(&self) -> &'static str {
        "SparseCategoricalCrossentropy"
    }

    fn function_name(&self) -> &'static str {
        "sparse_categorical_crossentropy"
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"from_logits": self.from_logits, "ignore_class": self.ignore_class}))
    }

    fn takes_class_numbers(&self) -> bool {
        self.ignore_class.is_none()
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (targets, outputs) = (y_true.shape()?, y_pred.shape()?);
        let rows = outputs.rank().checked_sub(1).map(|r| &outputs[..r]).unwrap_or(&[]);
        let fits = targets[..] == *rows || targets.last() == Some(&1) && targets[..targets.rank() - 1] == *rows;
        if !fits {
            return Err(err!(ShapeMismatch, "targets: expected {rows:?}, a class number a sample, found {targets}")
                .operand("predictions", &outputs)
                .help("one-hot targets go to categorical_crossentropy"));
        }
        let labels = y_true.reshape(rows);
        let Some(ignored) = self.ignore_class else {
            return Ok(labels.sparse_categorical_crossentropy(y_pred, self.from_logits));
        };
        let counts = labels.not_equal(ignored);
        let known = counts.where_(&labels, 0).cast(DType::I32);
        let values = known.sparse_categorical_crossentropy(y_pred, self.from_logits);
        Ok(counts.where_(values, Tensor::full([], 0.0, y_pred.dtype()?)))
    }

    fn mask(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Option<Tensor>> {
        let Some(ignored) = self.ignore_class else { return Ok(None) };
        let outputs = y_pred.shape()?;
        let rows = outputs.rank().checked_sub(1).map(|r| &outputs[..r]).unwrap_or(&[]);
        Ok(Some(y_true.reshape(rows).not_equal(ignored)))
    }
}

impl LossFunction for CategoricalCrossentropy {
    fn class_name(&self) -> &'static str {
        "CategoricalCrossentropy"
    }

    fn function_name(&self) -> &'static str {
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
        let mut target = y_true.cast(y_pred.dtype()?);
        if self.label_smoothing != 0.0 {
            let classes = outputs.last().copied().unwrap_or(1) as f64;
            target = target * (1.0 - self.label_smoothing) + self.label_smoothing / classes;
        }
        Ok(target.categorical_crossentropy(y_pred, self.from_logits, self.axis))
    }
}

impl LossFunction for BinaryCrossentropy {
    fn class_name(&self) -> &'static str {
        "BinaryCrossentropy"
    }

    fn function_name(&self) -> &'static str {
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
