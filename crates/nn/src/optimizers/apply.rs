//! One step: what all optimizers do around the rule that is their own.
//!
//! Steps that do not count (gathered gradients, gradients that are not finite) run the same program; a condition picks
//! the old values. So a step stays one compiled function without branches.

use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_tensor::DType;
use smallvec::SmallVec;

use super::base::Built;
use super::{Optimizer, OptimizerBase, Rate, State, Step};
use crate::layers::Weight;

/// Takes a step if `gate` is true or missing: gathers and clips gradients, decays weights, updates them, follows their
/// moving averages, brings them back to their bounds, counts. What [`Optimizer::apply`] does by default.
///
/// # Errors
/// `invalid_state` if the weights are not those that the optimizer's state was built for; failures that tensors carry.
pub fn apply_step<O: Optimizer + ?Sized>(
    optimizer: &O,
    weights: &[Weight],
    gradients: Vec<Tensor>,
    gate: Option<&Tensor>,
) -> Result<()> {
    let base = optimizer.base();
    let built = base.check(weights)?;
    let iteration = base.iterations();
    let gradients = unscaled(base, gradients);
    match base.get_gradient_accumulation_steps() {
        None => {
            let count = iteration.read();
            update(optimizer, built, weights, gradients, &count, gate)?;
            average(base, built, weights, &count, gate)?;
        }
        Some(steps) => {
            let count = iteration.read().floor_divide(steps as i64);
            let is_last = (iteration.read() + 1).mod_(steps as i64).equal(0);
            let gathered = gather(built, gradients, steps, &is_last, gate)?;
            update(optimizer, built, weights, gathered, &count, Some(&both(gate, is_last)))?;
            average(base, built, weights, &count, gate)?;
        }
    }
    for weight in weights {
        if let Some(constraint) = weight.constraint {
            State::new(&weight.variable, gate).assign(&constraint.apply(&weight.variable.read()))?;
        }
    }
    State::new(iteration, gate).assign(&(iteration.read() + 1))
}

/// Whether both hold.
pub(super) fn both(gate: Option<&Tensor>, condition: Tensor) -> Tensor {
    match gate {
        Some(gate) => gate.logical_and(condition),
        None => condition,
    }
}

fn unscaled(base: &OptimizerBase, gradients: Vec<Tensor>) -> Vec<Tensor> {
    match base.get_loss_scale_factor() {
        Some(scale) => gradients.into_iter().map(|gradient| gradient / scale).collect(),
        None => gradients,
    }
}

/// Adds the gradients to those gathered before, which end with the last step of a group; returns the means.
fn gather(
    built: &Built,
    gradients: Vec<Tensor>,
    steps: u64,
    is_last: &Tensor,
    gate: Option<&Tensor>,
) -> Result<Vec<Tensor>> {
    let add = |(gradient, gathered): (Tensor, _)| {
        let gathered = State::new(gathered, gate);
        let sum = gradient.cast(gathered.variable().dtype()) + gathered.read();
        gathered.assign(&is_last.where_(Tensor::zeros_like(&sum), &sum))?;
        Ok(sum / steps as f64)
    };
    gradients.into_iter().zip(&built.accumulators).map(add).collect()
}

/// Clips, decays and changes the weights.
fn update<O: Optimizer + ?Sized>(
    optimizer: &O,
    built: &Built,
    weights: &[Weight],
    gradients: Vec<Tensor>,
    count: &Tensor,
    gate: Option<&Tensor>,
) -> Result<()> {
    let base = optimizer.base();
    let gradients = base.clip(gradients)?;
    let learning_rate = base.rate();
    let rate = |dtype: DType| Rate {
        learning_rate: learning_rate.cast(dtype),
        step: (count + 1).cast(dtype),
        dtype,
        is_number: base.get_learning_rate().is_number(),
    };
    optimizer.begin(&rate, gate)?;
    let mut rates: SmallVec<[(Rate, SmallVec<[Tensor; 3]>); 2]> = SmallVec::new();
    for (index, (weight, gradient)) in weights.iter().zip(gradients).enumerate() {
        let (variable, dtype) = (State::new(&weight.variable, gate), weight.variable.dtype());
        let known = rates.iter().position(|(known, _)| known.dtype == dtype);
        let place = known.unwrap_or_else(|| {
            let rate = rate(dtype);
            let scalars = optimizer.scalars(&rate);
            rates.push((rate, scalars));
            rates.len() - 1
        });
        let (rate, scalars) = &rates[place];
        if let Some(decay) = optimizer.decay_of(weight).filter(|_| built.is_decayed[index]) {
            variable.assign(&(variable.read() - variable.read() * decay * &rate.learning_rate))?;
        }
        let slots = built.places[index].iter().map(|&place| State::new(&built.slots[place], gate)).collect();
        optimizer.update_step(&Step { variable, gradient: gradient.cast(dtype), rate, scalars, slots })?;
    }
    Ok(())
}

/// Follows the weights with their moving averages, and now and then sets the weights to them.
fn average(
    base: &OptimizerBase,
    built: &Built,
    weights: &[Weight],
    count: &Tensor,
    gate: Option<&Tensor>,
) -> Result<()> {
    let Some(ema) = base.ema() else { return Ok(()) };
    let is_overwritten = ema.overwrite_frequency.map(|steps| both(gate, (count + 1).mod_(steps as i64).equal(0)));
    for (weight, average) in weights.iter().zip(&built.averages) {
        let (variable, average) = (&weight.variable, State::new(average, gate));
        // The first average is the first value.
        let momentum = count.not_equal(0).cast(variable.dtype()) * ema.momentum;
        average.assign(&(&momentum * average.read() + (1.0 - &momentum) * variable.read()))?;
        if let Some(is_overwritten) = &is_overwritten {
            State::new(variable, Some(is_overwritten)).assign(&average.read())?;
        }
    }
    Ok(())
}
