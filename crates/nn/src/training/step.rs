//! The functions that one step of training, evaluation or prediction is: each traced as a whole.

use cornet_error::{Result, err};
use cornet_ops::{GradientTape, Tensor};

use super::trainer::Compiled;
use crate::layers::{Context, Weight};
use crate::models::Model;
use crate::optimizers::apply_gradients;

/// The model's one output for inputs.
fn output(model: &dyn Model, inputs: &[Tensor], context: &Context) -> Result<Tensor> {
    let outputs = model.forward_in(inputs, context)?;
    match &outputs[..] {
        [one] => Ok(one.clone()),
        several => Err(err!(Unsupported, "compile: expected a model of one output, found {}", several.len())),
    }
}

/// The loss of a batch: of the targets, of the weights' penalties, and what layers added.
fn total_loss(
    compiled: &Compiled,
    weights: &[Weight],
    targets: &[Tensor],
    y_pred: &Tensor,
    context: &Context,
) -> Result<Tensor> {
    let Some(y_true) = targets.first() else {
        return Err(err!(EmptyData, "y: expected targets, found none"));
    };
    let penalties = weights.iter().filter_map(|w| w.regularizer.map(|r| r.penalty(&w.variable.read())));
    let added: Vec<Tensor> = context.take_losses().into_iter().chain(penalties).collect();
    let loss = compiled.loss.call(y_true, y_pred)?;
    let total = added.into_iter().fold(loss, |sum, loss| sum + loss);
    total.error().map_or(Ok(total.clone()), |error| Err(error.clone()))
}

fn batch_size(inputs: &[Tensor]) -> Result<usize> {
    Ok(inputs.first().map(Tensor::shape).transpose()?.and_then(|shape| shape.first().copied()).unwrap_or(1))
}

/// Forward, loss, backward, update, metrics.
pub(super) fn train(model: &dyn Model, compiled: &Compiled, arguments: &[Tensor], inputs: usize) -> Result<()> {
    let (x, y) = arguments.split_at(inputs);
    let weights = model.trainable_weights();
    let tape = GradientTape::new();
    let context = Context::training();
    let y_pred = output(model, x, &context)?;
    let loss = total_loss(compiled, &weights, y, &y_pred, &context)?;
    let variables: Vec<_> = weights.iter().map(|w| &w.variable).collect();
    let gradients = tape.gradient(&compiled.optimizer.scale_loss(&loss), &variables)?;
    compiled.loss_tracker.update(&loss, batch_size(x)?)?;
    if !weights.is_empty() {
        apply_gradients(&*compiled.optimizer, &weights, gradients)?;
    }
    compiled.metrics_for(&y[0], &y_pred)?.iter().try_for_each(|metric| metric.update_state(&y[0], &y_pred, None))
}

/// Forward, loss, metrics.
pub(super) fn test(model: &dyn Model, compiled: &Compiled, arguments: &[Tensor], inputs: usize) -> Result<()> {
    let (x, y) = arguments.split_at(inputs);
    let context = Context::inference();
    let y_pred = output(model, x, &context)?;
    let loss = total_loss(compiled, &model.trainable_weights(), y, &y_pred, &context)?;
    compiled.loss_tracker.update(&loss, batch_size(x)?)?;
    compiled.metrics_for(&y[0], &y_pred)?.iter().try_for_each(|metric| metric.update_state(&y[0], &y_pred, None))
}

/// Forward.
pub(super) fn predict(model: &dyn Model, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    Ok(model.forward_in(inputs, &Context::inference())?.into_vec())
}
