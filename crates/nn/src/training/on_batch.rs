//! One step on one batch.

use cornet_error::Result;
use cornet_tensor::Array;

use super::Logs;
use super::arrays::IntoArrays;
use super::batches::Batch;
use super::feed::Feed;
use super::fit::prepare;
use super::predict::build_for;
use super::runner::{Kind, Runner};
use super::samples::Samples;
use crate::models::Model;
use crate::models::model::not_compiled;

/// Options of `train_on_batch` and `test_on_batch`.
#[derive(Clone, Default)]
pub struct BatchOptions<'a> {
    sample_weight: Option<&'a dyn IntoArrays>,
    class_weight: Vec<(i64, f64)>,
}

impl<'a> BatchOptions<'a> {
    /// No weights.
    pub fn new() -> Self {
        Self::default()
    }

    /// The weights of the samples, as [`FitOptions::sample_weight`](super::FitOptions::sample_weight).
    #[must_use]
    pub fn sample_weight(mut self, weights: &'a dyn IntoArrays) -> Self {
        self.sample_weight = Some(weights);
        self
    }

    /// The weights of classes, as [`FitOptions::class_weight`](super::FitOptions::class_weight).
    #[must_use]
    pub fn class_weight(mut self, weights: impl IntoIterator<Item = (i64, f64)>) -> Self {
        self.class_weight = weights.into_iter().collect();
        self
    }
}

/// One step of training on one batch; returns its loss and metrics.
///
/// # Errors
/// As [`Model::fit`].
pub fn train_on_batch(
    model: &dyn Model,
    x: &dyn IntoArrays,
    y: &dyn IntoArrays,
    options: BatchOptions<'_>,
) -> Result<Logs> {
    step(model, x, y, options, Kind::Train, "train_on_batch")
}

/// One step of evaluation on one batch; returns its loss and metrics.
///
/// # Errors
/// As [`Model::fit`].
pub fn test_on_batch(
    model: &dyn Model,
    x: &dyn IntoArrays,
    y: &dyn IntoArrays,
    options: BatchOptions<'_>,
) -> Result<Logs> {
    step(model, x, y, options, Kind::Test, "test_on_batch")
}

fn step(
    model: &dyn Model,
    x: &dyn IntoArrays,
    y: &dyn IntoArrays,
    options: BatchOptions<'_>,
    kind: Kind,
    call: &str,
) -> Result<Logs> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, call))?;
    let samples = Samples::new(x, y, options.sample_weight)?;
    let samples = match &options.class_weight[..] {
        [] => samples,
        of_classes => samples.with_class_weight(of_classes)?,
    };
    let batch: Batch = samples.whole();
    prepare(model, &compiled, &batch)?;
    let mut feed = Feed::new(model, Some(&compiled))?;
    let (layout, arguments) = feed.arguments(&batch)?;
    feed.check_classes(&layout, &arguments)?;
    let mut runner = Runner::new(model, Some(&compiled), kind);
    compiled.reset_of(model)?;
    runner.run(&layout, &arguments)?;
    runner.report().logs()
}

/// The predictions for one batch, output by output.
///
/// # Errors
/// As [`Model::predict`].
pub fn predict_on_batch(model: &dyn Model, x: &dyn IntoArrays) -> Result<Vec<Array>> {
    let batch = Samples::new(x, &(), None)?.whole();
    build_for(model, &batch)?;
    let (layout, arguments) = Feed::new(model, None)?.arguments(&batch)?;
    let mut runner = Runner::new(model, None, Kind::Predict);
    runner.run(&layout, &arguments)?;
    Ok(std::mem::take(&mut runner.outputs))
}
