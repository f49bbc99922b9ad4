//! True and false, positives and negatives, at thresholds.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{DType, Shape};
use serde_json::{Value, json};

use super::Batch;
use crate::losses::EPSILON;
use crate::saving::config::Config;

/// What predictions outside of the top k count as.
pub(super) const FAR_BELOW: f64 = -1e10;

/// Thresholds above which a prediction counts as positive: Keras's `thresholds`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Thresholds {
    /// 0.5, or with `top_k` none.
    #[default]
    Default,
    /// One; the result is a number.
    One(f64),
    /// Several; the result has one number each.
    Several(Vec<f64>),
}

impl From<f64> for Thresholds {
    fn from(threshold: f64) -> Self {
        Self::One(threshold)
    }
}

impl From<Vec<f64>> for Thresholds {
    fn from(thresholds: Vec<f64>) -> Self {
        Self::Several(thresholds)
    }
}

impl<const N: usize> From<[f64; N]> for Thresholds {
    fn from(thresholds: [f64; N]) -> Self {
        Self::Several(thresholds.to_vec())
    }
}

impl Thresholds {
    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let found = config.optional("thresholds", "a number or a list of numbers", |v| match v {
            Value::Array(list) => list.iter().map(Value::as_f64).collect::<Option<Vec<_>>>().map(Self::Several),
            v => v.as_f64().map(Self::One),
        })?;
        Ok(found.unwrap_or_default())
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Default => Value::Null,
            Self::One(threshold) => json!(threshold),
            Self::Several(thresholds) => json!(thresholds),
        }
    }

    /// The numbers, with what stands for none.
    pub(super) fn or(&self, default: f64) -> Vec<f64> {
        match self {
            Self::Default => vec![default],
            Self::One(threshold) => vec![*threshold],
            Self::Several(thresholds) => thresholds.clone(),
        }
    }

    /// Fails unless all lie from 0 to 1.
    pub(super) fn check(&self) -> Result<()> {
        if matches!(self, Self::Several(thresholds) if thresholds.is_empty()) {
            fail!(InvalidArgument, "thresholds: expected at least one, found none");
        }
        let wrong = |t: &&f64| **t != FAR_BELOW && !(0.0..=1.0).contains(*t);
        match self.or(FAR_BELOW).iter().find(wrong) {
            Some(found) => Err(err!(OutOfRange, "thresholds: expected numbers from 0 to 1, found {found}")),
            None => Ok(()),
        }
    }
}

/// Whether thresholds divide 0 to 1 evenly, as far as float32 tells: then each prediction is put in its bucket instead
/// of being compared with every threshold, as in Keras.
pub(super) fn is_even(thresholds: &[f64]) -> bool {
    let last = thresholds.len() as f32 - 1.0;
    let close = |(i, t): (usize, &f64)| {
        let even = f64::from(i as f32 / last);
        (t - even).abs() <= EPSILON + 1e-5 * even.abs()
    };
    thresholds.len() >= 3 && thresholds.iter().enumerate().all(close)
}

/// What is counted, and above which thresholds.
pub(super) struct Counter<'a> {
    pub thresholds: &'a [f64],
    pub is_even: bool,
    pub top_k: Option<usize>,
    pub class_id: Option<usize>,
    /// Whether each column is counted by itself.
    pub multi_label: bool,
    pub label_weights: Option<&'a [f64]>,
}

/// The numbers for each threshold: `[thresholds]`, or `[thresholds, labels]` where columns are counted by themselves.
pub(super) struct Counts {
    pub true_positives: Tensor,
    pub false_positives: Tensor,
    pub true_negatives: Tensor,
    pub false_negatives: Tensor,
}

impl Counts {
    /// True positives, false positives, true negatives, false negatives.
    pub fn into_vec(self) -> Vec<Tensor> {
        vec![self.true_positives, self.false_positives, self.true_negatives, self.false_negatives]
    }
}

impl<'a> Counter<'a> {
    pub fn new(thresholds: &'a [f64]) -> Self {
        let is_even = is_even(thresholds);
        Self { thresholds, is_even, top_k: None, class_id: None, multi_label: false, label_weights: None }
    }

    pub fn count(&self, batch: &Batch<'_>) -> Result<Counts> {
        let (y_true, y_pred) = batch.alike()?;
        let y_pred = match self.top_k {
            Some(k) => within_top(&y_pred, k)?,
            None => y_pred,
        };
        let (y_true, y_pred) = match self.class_id {
            Some(class) => (column(&y_true, class)?, column(&y_pred, class)?),
            None => (y_true, y_pred),
        };
        let shape = y_pred.shape()?;
        if self.multi_label && shape.rank() != 2 {
            fail!(RankMismatch, "predictions: expected [batch, labels] with multi_label, found {shape}");
        }
        let weights = self.weights(batch, &shape)?;
        let is_true = y_true.not_equal(0);
        if self.is_even {
            self.by_buckets(&is_true, &y_pred, weights, batch.dtype)
        } else {
            self.by_comparing(&is_true, &y_pred, weights, batch.dtype)
        }
    }

    /// The weights of samples and labels together, of the shape of the predictions.
    fn weights(&self, batch: &Batch<'_>, shape: &Shape) -> Result<Option<Tensor>> {
        let samples = batch.weights(shape)?;
        let Some(labels) = self.label_weights else { return Ok(samples) };
        if shape.last() != Some(&labels.len()) {
            fail!(ShapeMismatch, "label_weights: expected one a column of {shape}, found {}", labels.len());
        }
        let labels = row(labels, batch.dtype).broadcast_to(shape.clone());
        Ok(Some(samples.map_or(labels.clone(), |samples| samples * labels)))
    }

    fn by_comparing(&self, is_true: &Tensor, y_pred: &Tensor, weights: Option<Tensor>, dtype: DType) -> Result<Counts> {
        let shape = y_pred.shape()?;
        let (own, count) = (shape.elements(), self.thresholds.len());
        // A new first axis for the thresholds; without columns of their own, all values along the second.
        let spread = |x: &Tensor| match self.multi_label {
            true => x.expand_dims(&[0]),
            false => x.reshape([1, own]),
        };
        let column: Shape = if self.multi_label { [count, 1, 1][..].into() } else { [count, 1][..].into() };
        let is_claimed = spread(y_pred).greater(row(self.thresholds, dtype).reshape(column));
        let (is_true, is_denied) = (spread(is_true), is_claimed.logical_not());
        let is_false = is_true.logical_not();
        let weights = weights.map_or_else(|| Tensor::ones([1], dtype), |w| spread(&w));
        let sum = |a: &Tensor, b: &Tensor| {
            let both = a.logical_and(b);
            both.where_(&weights, Tensor::zeros([1], dtype)).sum(&[1], false)
        };
        Ok(Counts {
            true_positives: sum(&is_true, &is_claimed),
            false_positives: sum(&is_false, &is_claimed),
            true_negatives: sum(&is_false, &is_denied),
            false_negatives: sum(&is_true, &is_denied),
        })
    }

    fn by_buckets(&self, is_true: &Tensor, y_pred: &Tensor, weights: Option<Tensor>, dtype: DType) -> Result<Counts> {
        let (shape, count) = (y_pred.shape()?, self.thresholds.len());
        let labels = if self.multi_label { shape[1] } else { 1 };
        let values = shape.elements() / labels.max(1);
        let flat = |x: &Tensor| x.reshape([values, labels]);
        let is_true = flat(is_true).cast(dtype);
        let weights = weights.map_or_else(|| Tensor::ones([1, 1], dtype), |w| flat(&w));
        let (positive, negative) = (&is_true * &weights, (1.0 - &is_true) * &weights);
        let bucket = (flat(y_pred).clip(0.0, 1.0) * (count as f64 - 1.0)).ceil() - 1.0;
        // Ends moved outward take in what lies on 0; otherwise that is in no bucket.
        let is_wide = self.thresholds.first().is_some_and(|t| *t < 0.0) || self.thresholds.last() > Some(&1.0);
        let bucket = if is_wide { bucket.maximum(0.0) } else { bucket }.cast(DType::I32);
        let label = Tensor::iota([1, labels], 1, DType::I32);
        let place = bucket.greater_equal(0).where_(&bucket * labels as i64 + label, -1).reshape([values * labels]);
        let above = |x: &Tensor| {
            let sums = x.reshape([values * labels]).segment_sum(&place, Some(count * labels));
            sums.reshape([count, labels]).cumsum_with(Some(0), false, true)
        };
        let (tp, fp) = (above(&positive), above(&negative));
        let total = |x: &Tensor| x.sum(&[0], true);
        let (tn, fn_) = (total(&negative) - &fp, total(&positive) - &tp);
        let shaped = |x: Tensor| if self.multi_label { x } else { x.reshape([count]) };
        Ok(Counts {
            true_positives: shaped(tp),
            false_positives: shaped(fp),
            true_negatives: shaped(tn),
            false_negatives: shaped(fn_),
        })
    }
}

/// A vector of numbers.
pub(super) fn row(numbers: &[f64], dtype: DType) -> Tensor {
    Tensor::from_slice(numbers, [numbers.len()]).cast(dtype)
}

/// The values of one class, of size 1 along the last axis.
fn column(x: &Tensor, class: usize) -> Result<Tensor> {
    let shape = x.shape()?;
    let Some((&classes, lead)) = shape.split_last().filter(|(_, lead)| !lead.is_empty()) else {
        fail!(RankMismatch, "predictions: expected [batch, classes] with class_id, found {shape}");
    };
    if class >= classes {
        fail!(OutOfRange, "class_id: expected 0 to {}, found {class}", classes as i64 - 1);
    }
    let start: Vec<usize> = lead.iter().map(|_| 0).chain([class]).collect();
    let size: Vec<usize> = lead.iter().copied().chain([1]).collect();
    Ok(x.slice(&start, &size))
}

/// The `k` greatest of each row; all others are far below.
fn within_top(x: &Tensor, k: usize) -> Result<Tensor> {
    let (shape, dtype) = (x.shape()?, x.dtype()?);
    let classes = shape.last().copied().unwrap_or(0);
    if k > classes {
        fail!(OutOfRange, "top_k: expected at most {classes}, the number of classes, found {k}");
    }
    let (_, indices) = x.top_k(k);
    let chosen = indices.one_hot(classes, -1, dtype).sum(&[-2], false);
    Ok(x * &chosen + (1.0 - &chosen) * FAR_BELOW)
}

/// The quotient, 0 where the divisor is.
pub(super) fn share(part: &Tensor, rest: &Tensor) -> Tensor {
    part.divide_no_nan(part + rest)
}
