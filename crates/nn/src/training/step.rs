//! One step of training, evaluation or prediction: what is traced as a whole, and what a model may replace.

use cornet_error::{Error, Result, err};
use cornet_ops::{GradientTape, Tensor};

use super::feed::Layout;
use crate::layers::{Context, Outputs};
use crate::models::Model;
use crate::models::model::not_compiled;
use crate::optimizers::apply_gradients;

/// One batch as a step sees it.
#[derive(Clone, Debug, Default)]
pub struct StepData {
    /// The inputs.
    pub x: Vec<Tensor>,
    /// The target of each output, if it has one.
    pub y: Vec<Option<Tensor>>,
    /// The weights of each output's samples, if it has some.
    pub sample_weight: Vec<Option<Tensor>>,
}

impl StepData {
    pub(crate) fn of(layout: &Layout, arguments: &[Tensor]) -> Self {
        let of = |places: &[Option<usize>]| places.iter().map(|at| at.map(|at| arguments[at].clone())).collect();
        Self { x: arguments[..layout.inputs].to_vec(), y: of(&layout.targets), sample_weight: of(&layout.weights) }
    }

    /// The number of samples.
    ///
    /// # Errors
    /// The failure that the input carries.
    pub fn samples(&self) -> Result<usize> {
        Ok(self.x.first().map(Tensor::shape).transpose()?.and_then(|shape| shape.first().copied()).unwrap_or(1))
    }

    /// The target of the first output.
    ///
    /// # Errors
    /// `empty_data` if there is none.
    pub fn target(&self) -> Result<&Tensor> {
        let first = self.y.first().and_then(Option::as_ref);
        first.ok_or_else(|| err!(EmptyData, "y: expected targets, found none"))
    }
}

/// What a step of a model's own reports: scalars by name, which become the logs. Without any, the logs are those of the
/// losses and metrics that the model was compiled with, and of its own metrics.
#[derive(Clone, Debug, Default)]
pub struct StepLogs(pub Vec<(String, Tensor)>);

impl StepLogs {
    /// The logs of losses and metrics.
    pub fn of_metrics() -> Self {
        Self::default()
    }

    /// With this scalar under a name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, scalar: &Tensor) -> Self {
        self.0.push((name.into(), scalar.clone()));
        self
    }
}

/// Keras's step of training: forward, loss, backward, update, metrics. What [`Model::train_step`] does by default.
///
/// # Errors
/// What does not fit.
pub fn train_step(model: &dyn Model, data: &StepData) -> Result<StepLogs> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "train_step"))?;
    let weights = model.trainable_weights();
    let context = Context::training();
    let tape = GradientTape::new();
    let outputs = model.forward_masked(&data.x, &context)?;
    let loss = model.compute_loss(data, &outputs, &context)?;
    let variables: Vec<_> = weights.iter().map(|w| &w.variable).collect();
    let gradients = tape.gradient(&compiled.optimizer.scale_loss(&loss), &variables)?;
    compiled.loss_tracker.update(&loss, data.samples()?)?;
    if !weights.is_empty() {
        apply_gradients(&*compiled.optimizer, &weights, gradients)?;
    }
    model.compute_metrics(data, &outputs)?;
    Ok(StepLogs::of_metrics())
}

/// Keras's step of evaluation: forward, loss, metrics. What [`Model::test_step`] does by default.
///
/// # Errors
/// What does not fit.
pub fn test_step(model: &dyn Model, data: &StepData) -> Result<StepLogs> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "test_step"))?;
    let context = Context::inference();
    let outputs = model.forward_masked(&data.x, &context)?;
    let loss = model.compute_loss(data, &outputs, &context)?;
    compiled.loss_tracker.update(&loss, data.samples()?)?;
    model.compute_metrics(data, &outputs)?;
    Ok(StepLogs::of_metrics())
}

/// Keras's step of prediction: forward. What [`Model::predict_step`] does by default.
///
/// # Errors
/// What does not fit.
pub fn predict_step(model: &dyn Model, x: &[Tensor]) -> Result<Vec<Tensor>> {
    Ok(model.forward_in(x, &Context::inference())?.into_vec())
}

/// The loss of a batch: of the outputs that have one, each times its weight, of what layers added in this pass, and of
/// the weights' penalties. What [`Model::compute_loss`] does by default.
///
/// # Errors
/// `invalid_state` before `compile`; `invalid_argument` if there is nothing to lose; what does not fit.
pub fn compute_loss(model: &dyn Model, data: &StepData, outputs: &Outputs, context: &Context) -> Result<Tensor> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "compute_loss"))?;
    let mut terms = Vec::new();
    for of in &compiled.losses {
        let (y_pred, mask) = output(outputs, of.output, compiled.outputs().len())?;
        let y_true = given(&data.y, of.output).ok_or_else(|| compiled.no_target("loss", of.output))?;
        let value = of.loss.call_weighted(y_true, y_pred, given(&data.sample_weight, of.output), mask)?;
        let value = value.error().map_or(Ok(value.clone()), |error| Err(error.clone()))?;
        if let Some(tracker) = &of.tracker {
            // Each batch counts alike, however many samples it has, as in Keras on TensorFlow.
            tracker.update(&value, 1)?;
        }
        terms.push(match of.weight {
            Some(weight) => value * weight,
            None => value,
        });
    }
    terms.extend(context.take_losses().into_iter().map(|loss| loss.sum(&[], false)));
    let weights = model.trainable_weights();
    terms.extend(weights.iter().filter_map(|w| w.regularizer.map(|r| r.penalty(&w.variable.read()))));
    let total = terms.into_iter().reduce(|sum, loss| sum + loss);
    let total = total.ok_or_else(|| {
        err!(InvalidArgument, "loss: expected one in compile, found none")
            .help("no loss to compute: give compile a loss")
    })?;
    total.error().map_or(Ok(total.clone()), |error| Err(error.clone()))
}

/// Takes a batch into account in the metrics that the model was compiled with. What [`Model::compute_metrics`] does by
/// default.
///
/// # Errors
/// `invalid_state` before `compile`; what does not fit.
pub fn compute_metrics(model: &dyn Model, data: &StepData, outputs: &Outputs) -> Result<()> {
    let compiled = model.trainer().compiled().ok_or_else(|| not_compiled(model, "compute_metrics"))?;
    let mut shapes = Vec::new();
    for (at, y_pred) in outputs.tensors.iter().enumerate() {
        let y_true = given(&data.y, at);
        shapes.push(y_true.map(|y_true| Ok::<_, Error>((y_true.shape()?, y_pred.shape()?))).transpose()?);
    }
    for of in compiled.metrics_for(&shapes)? {
        let (y_pred, mask) = output(outputs, of.output, compiled.outputs().len())?;
        let y_true = given(&data.y, of.output).ok_or_else(|| compiled.no_target("metrics", of.output))?;
        let weight = if of.is_weighted { given(&data.sample_weight, of.output) } else { None };
        of.metric.update_masked(y_true, y_pred, weight, mask).map_err(|e| match e.path().is_empty() {
            true => e.within(format!("metric {}", of.name)),
            false => e,
        })?;
    }
    Ok(())
}

fn given(tensors: &[Option<Tensor>], at: usize) -> Option<&Tensor> {
    tensors.get(at).and_then(Option::as_ref)
}

/// An output and its mask.
fn output(outputs: &Outputs, at: usize, expected: usize) -> Result<(&Tensor, Option<&Tensor>)> {
    let Some(tensor) = outputs.tensors.get(at) else {
        let found = outputs.tensors.len();
        return Err(err!(InvalidArgument, "outputs of the model: expected {expected}, found {found}"));
    };
    Ok((tensor, outputs.masks.get(at).and_then(Option::as_ref)))
}
