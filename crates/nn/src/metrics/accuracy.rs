//! How often predictions are right.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::{DType, Shape};
use serde_json::{Map, Value, json};

use super::MetricFunction;
use crate::losses::{alike, same_rank};
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
}

impl Default for TopKCategoricalAccuracy {
    fn default() -> Self {
        Self { k: 5 }
    }
}

impl Default for SparseTopKCategoricalAccuracy {
    fn default() -> Self {
        Self { k: 5 }
    }
}

pub(super) fn k(config: &Config<'_>) -> Result<usize> {
    Ok(config.optional("k", "a positive integer", Value::as_u64)?.unwrap_or(5) as usize)
}

/// Class numbers `[…]` for predictions `[…, classes]`, without a last axis of size 1, as int32.
fn class_numbers(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (targets, outputs) = (y_true.shape()?, y_pred.shape()?);
    let rows = outputs.rank().checked_sub(1).map(|r| &outputs[..r]).unwrap_or(&[]);
    let fits = targets[..] == *rows || targets.last() == Some(&1) && targets[..targets.rank() - 1] == *rows;
    if !fits {
        return Err(err!(ShapeMismatch, "targets: expected {rows:?}, a class number a sample, found {targets}")
            .operand("predictions", &outputs)
            .help("one-hot targets go to categorical_accuracy"));
    }
    Ok(y_true.reshape(rows).cast(DType::I32))
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
    fn class_name(&self) -> &'static str {
        "Accuracy"
    }

    fn name(&self) -> &'static str {
        "accuracy"
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (y_true, y_pred) = alike(y_true, y_pred)?;
        Ok(y_true.equal(y_pred))
    }
}

impl MetricFunction for BinaryAccuracy {
    fn class_name(&self) -> &'static str {
        "BinaryAccuracy"
    }

    fn name(&self) -> &'static str {
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
    fn class_name(&self) -> &'static str {
        "CategoricalAccuracy"
    }

    fn name(&self) -> &'static str {
        "categorical_accuracy"
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        same_shape(y_true, y_pred)?;
        Ok(y_true.argmax(Some(-1), false).equal(y_pred.argmax(Some(-1), false)))
    }
}

impl MetricFunction for SparseCategoricalAccuracy {
    fn class_name(&self) -> &'static str {
        "SparseCategoricalAccuracy"
    }

    fn name(&self) -> &'static str {
        "sparse_categorical_accuracy"
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        Ok(class_numbers(y_true, y_pred)?.equal(y_pred.argmax(Some(-1), false)))
    }
}

impl MetricFunction for TopKCategoricalAccuracy {
    fn class_name(&self) -> &'static str {
        "TopKCategoricalAccuracy"
    }

    fn name(&self) -> &'static str {
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
    fn class_name(&self) -> &'static str {
        "SparseTopKCategoricalAccuracy"
    }

    fn name(&self) -> &'static str {
        "sparse_top_k_categorical_accuracy"
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"k": self.k}))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        among_top(&class_numbers(y_true, y_pred)?, y_pred, self.k)
    }
}
