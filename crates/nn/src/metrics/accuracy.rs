//! How often predictions are right.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::{DType, Shape};
use serde_json::{Map, Value, json};

use super::MetricFunction;
use crate::losses::{alike, class_numbers, same_rank};
use crate::saving::config::{Config, map};

/// target = y, element-wise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accuracy;

/// target = (y > threshold), element-wise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinaryAccuracy {
    /// What counts as 1.
    pub threshold: f64,
}

impl Default for BinaryAccuracy {
    fn default() -> Self {
        Self { threshold: 0.5 }
    }
}

/// argmax target = argmax y.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CategoricalAccuracy;

/// target = argmax y, the targets being class numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SparseCategoricalAccuracy;

/// argmax target is among the `k` greatest of y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopKCategoricalAccuracy {
    /// How many count.
    pub k: usize,
}

/// target is among the `k` greatest of y, the targets being class numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SparseTopKCategoricalAccuracy {
    /// How many count.
    pub k: usize,
    /// Whether predictions are class numbers, the likeliest first, instead of scores.
    pub from_sorted_ids: bool,
}

impl Default for TopKCategoricalAccuracy {
    fn default() -> Self {
        Self { k: 5 }
    }
}

impl Default for SparseTopKCategoricalAccuracy {
    fn default() -> Self {
        Self { k: 5, from_sorted_ids: false }
    }
}

pub(super) fn k(config: &Config<'_>) -> Result<usize> {
    Ok(config.optional("k", "a positive integer", Value::as_u64)?.unwrap_or(5) as usize)
}

/// Whether each row's class is among the `k` greatest.
fn among_top(classes: &Tensor, y_pred: &Tensor, k: usize) -> Result<Tensor> {
    let (rows, outputs) = (classes.shape()?, y_pred.shape()?);
    let count = outputs.last().copied().unwrap_or(1);
    let flat = y_pred.reshape([rows.elements(), count]);
    Ok(Tensor::in_top_k(&classes.reshape([rows.elements()]), &flat, k).reshape(rows))
}

fn same_shape(y_true: &Tensor, y_pred: &Tensor) -> Result<()> {
    let (targets, outputs): (Shape, Shape) = (y_true.shape()?, y_pred.shape()?);
    if targets == outputs {
        return Ok(());
    }
    Err(err!(ShapeMismatch, "targets: expected {outputs}, the shape of the predictions, found {targets}")
        .help("class numbers go to sparse_categorical_accuracy"))
}

impl MetricFunction for Accuracy {
    fn class_name(&self) -> &str {
        "Accuracy"
    }

    fn name(&self) -> &str {
        "accuracy"
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (y_true, y_pred) = alike(y_true, y_pred)?;
        Ok(y_true.equal(y_pred))
    }
}

impl MetricFunction for BinaryAccuracy {
    fn class_name(&self) -> &str {
        "BinaryAccuracy"
    }

    fn name(&self) -> &str {
        "binary_accuracy"
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"threshold": self.threshold}))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (y_true, y_pred) = same_rank(y_true, y_pred)?;
        same_shape(&y_true, &y_pred)?;
        Ok(y_true.cast(DType::F32).equal(y_pred.greater(self.threshold).cast(DType::F32)))
    }
}

impl MetricFunction for CategoricalAccuracy {
    fn class_name(&self) -> &str {
        "CategoricalAccuracy"
    }

    fn name(&self) -> &str {
        "categorical_accuracy"
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        same_shape(y_true, y_pred)?;
        Ok(y_true.argmax(Some(-1), false).equal(y_pred.argmax(Some(-1), false)))
    }
}

impl MetricFunction for SparseCategoricalAccuracy {
    fn class_name(&self) -> &str {
        "SparseCategoricalAccuracy"
    }

    fn name(&self) -> &str {
        "sparse_categorical_accuracy"
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        Ok(class_numbers(y_true, y_pred, -1)?.cast(DType::I32).equal(y_pred.argmax(Some(-1), false)))
    }
}

impl MetricFunction for TopKCategoricalAccuracy {
    fn class_name(&self) -> &str {
        "TopKCategoricalAccuracy"
    }

    fn name(&self) -> &str {
        "top_k_categorical_accuracy"
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"k": self.k}))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        same_shape(y_true, y_pred)?;
        among_top(&y_true.argmax(Some(-1), false), y_pred, self.k)
    }
}

impl MetricFunction for SparseTopKCategoricalAccuracy {
    fn class_name(&self) -> &str {
        "SparseTopKCategoricalAccuracy"
    }

    fn name(&self) -> &str {
        "sparse_top_k_categorical_accuracy"
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut arguments = map(json!({"k": self.k}));
        if self.from_sorted_ids {
            arguments.insert("from_sorted_ids".into(), true.into());
        }
        arguments
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let classes = class_numbers(y_true, y_pred, -1)?;
        if !self.from_sorted_ids {
            return among_top(&classes.cast(DType::I32), y_pred, self.k);
        }
        let ranked = y_pred.shape()?.last().copied().unwrap_or(0);
        let first = y_pred.slice_axis(-1, 0, self.k.min(ranked));
        Ok(classes.cast(y_pred.dtype()?).expand_dims(&[-1]).equal(first).any(&[-1], false))
    }
}
