//! Losses: how far predictions are from targets.
//!
//! Source: Keras 3.15.1, `keras.losses`.

mod crossentropy;
mod ctc;
mod focal;
pub mod functions;
mod hinge;
mod loss;
mod overlap;
mod registry;
mod regression;
mod similarity;
#[cfg(test)]
mod tests;
mod weighting;

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::Shape;
use serde_json::{Map, Value};

use crate::arg::{Choice, unknown};

pub use crossentropy::{BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy};
pub(crate) use crossentropy::{axis, class_numbers};
pub use ctc::CTC;
pub use focal::{BinaryFocalCrossentropy, CategoricalFocalCrossentropy, CategoricalGeneralizedCrossEntropy};
pub use hinge::{CategoricalHinge, Hinge, SquaredHinge};
pub use loss::Loss;
pub use overlap::{Dice, Tversky};
pub(crate) use registry::find;
pub use registry::get;
pub use regression::{
    Huber, KLDivergence, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, Poisson,
};
pub(crate) use similarity::cosine;
pub use similarity::{Circle, CosineSimilarity};
pub(crate) use weighting::misfit;
pub use weighting::{apply_mask, reduce_weighted};

/// Keras's fuzz factor.
pub(crate) const EPSILON: f64 = 1e-7;

/// A formula for the loss of each sample.
pub trait LossFunction: Send + Sync {
    /// Keras's class, such as `MeanSquaredError`.
    fn class_name(&self) -> &str;

    /// Keras's function, such as `mean_squared_error`.
    fn function_name(&self) -> &str;

    /// The arguments of the class beside name and reduction.
    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    /// The losses of the samples: `[batch, …]` without the last axis of `y_pred`.
    ///
    /// # Errors
    /// What does not fit.
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor>;

    /// Which samples count, if not all do: `[batch, …]` as [`LossFunction::values`], of bools.
    ///
    /// # Errors
    /// What does not fit.
    fn mask(&self, _y_true: &Tensor, _y_pred: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// Whether targets are class numbers, which must be below the last size of the predictions.
    fn takes_class_numbers(&self) -> bool {
        false
    }
}

/// How the losses of samples become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean.
    #[default]
    SumOverBatchSize,
    /// Their sum.
    Sum,
    /// Their mean, by the other name that Keras has for it.
    Mean,
    /// Their mean weighted by the samples' weights.
    MeanWithSampleWeight,
    /// They stay as they are.
    None,
}

const REDUCTIONS: &[(&str, Reduction)] = &[
    ("sum_over_batch_size", Reduction::SumOverBatchSize),
    ("sum", Reduction::Sum),
    ("mean", Reduction::Mean),
    ("mean_with_sample_weight", Reduction::MeanWithSampleWeight),
    ("none", Reduction::None),
];

impl Choice for Reduction {
    fn parse(name: &str) -> Result<Self> {
        let known: Vec<&str> = REDUCTIONS.iter().map(|(word, _)| *word).collect();
        let found = REDUCTIONS.iter().find(|(word, _)| *word == name).map(|(_, reduction)| *reduction);
        found.ok_or_else(|| unknown("reduction", name, &known))
    }
}

impl Reduction {
    /// Keras's word.
    pub fn name(self) -> &'static str {
        REDUCTIONS.iter().find(|(_, reduction)| *reduction == self).map_or("", |(word, _)| word)
    }
}

/// Targets and predictions of one rank where theirs differ by a last axis of size 1.
///
/// # Errors
/// Failures that they carry.
pub fn same_rank(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let (left, right) = (a.shape()?, b.shape()?);
    let widened = |t: &Tensor, s: &Shape| t.reshape(s.iter().copied().chain([1]).collect::<Shape>());
    let narrowed = |t: &Tensor, s: &Shape| t.reshape(&s[..s.rank() - 1]);
    Ok(if left.rank() == right.rank() + 1 && left.last() == Some(&1) {
        if right.rank() == 1 { (a.clone(), widened(b, &right)) } else { (narrowed(a, &left), b.clone()) }
    } else if right.rank() == left.rank() + 1 && right.last() == Some(&1) {
        if left.rank() == 1 { (widened(a, &left), b.clone()) } else { (a.clone(), narrowed(b, &right)) }
    } else {
        (a.clone(), b.clone())
    })
}

/// Targets in the dtype of the predictions, of the same shape.
pub(crate) fn alike(y_true: &Tensor, y_pred: &Tensor) -> Result<(Tensor, Tensor)> {
    let (y_true, y_pred) = same_rank(y_true, y_pred)?;
    let (targets, outputs) = (y_true.shape()?, y_pred.shape()?);
    if targets != outputs {
        fail!(ShapeMismatch, "targets: expected {outputs}, the shape of the predictions, found {targets}");
    }
    Ok((y_true.cast(y_pred.dtype()?), y_pred))
}
