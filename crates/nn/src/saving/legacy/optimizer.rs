//! The state of an optimizer of an older file.

use cornet_error::Result;
use cornet_format_keras::Legacy;
use cornet_ops::Variable;
use cornet_tensor::Array;

use super::Generation;
use crate::models::Model;
use crate::training::Compiled;

/// Gives the optimizer its state back, if the file has one of the same structure; otherwise it begins anew, as in
/// Keras.
pub(super) fn restore(model: &dyn Model, compiled: &Compiled, legacy: &Legacy, generation: Generation) -> Result<()> {
    let optimizer = &compiled.optimizer;
    if legacy.optimizer.is_empty() || !optimizer.parts().is_empty() {
        return Ok(());
    }
    let weights = model.trainable_weights();
    if model.input_shapes().is_some() {
        optimizer.build(&weights)?;
    }
    let variables = optimizer.variables();
    let saved: Vec<&Array> = legacy.optimizer.iter().map(|(_, array)| array).collect();
    if generation == Generation::Three {
        let fits = saved.len() == variables.len() && variables.iter().zip(&saved).all(|(v, a)| v.shape() == a.shape());
        if fits {
            variables
                .iter()
                .zip(saved)
                .try_for_each(|(variable, array)| variable.set(array.cast(variable.dtype())?))?;
        }
        return Ok(());
    }
    let first = legacy.optimizer.first().filter(|(_, array)| array.shape().rank() == 0);
    let steps = first.map(|(_, array)| (*array).clone());
    let groups: Vec<usize> =
        weights.first().map_or_else(Vec::new, |w| optimizer.slots(w).iter().map(|g| g.len()).collect());
    let kinds: usize = groups.iter().sum();
    let (slots, count) = (&variables[variables.len().saturating_sub(kinds * weights.len())..], weights.len());
    // Nadam multiplies momenta of all steps so far, which older files do not say in the same way.
    if kinds * count + scalars(&variables) != variables.len() {
        return Ok(());
    }
    let is_alternating =
        legacy.optimizer.iter().any(|(name, _)| name.split('/').nth(1).is_some_and(|part| part == "m" || part == "v"));
    let of_slots = &saved[saved.len().min(usize::from(steps.is_some()))..];
    // What Cornet writes for Keras 2 has names and order of Keras 3.
    let is_of_today = legacy.optimizer.first().is_some_and(|(name, _)| name.ends_with("/iteration"));
    let found = match is_of_today && of_slots.len() == slots.len() {
        true => Some(of_slots.to_vec()),
        false => arranged(of_slots, &groups, count, is_alternating),
    };
    let Some(found) = found else { return Ok(()) };
    if slots.iter().zip(&found).any(|(slot, array)| slot.shape() != array.shape()) {
        return Ok(());
    }
    slots.iter().zip(found).try_for_each(|(slot, array)| slot.set(array.cast(slot.dtype())?))?;
    match (steps, variables.first()) {
        (Some(steps), Some(variable)) => variable.set(steps.cast(variable.dtype())?),
        _ => Ok(()),
    }
}

/// How many variables belong to no weight: the count of steps and the learning rate, if it is no schedule.
fn scalars(variables: &[Variable]) -> usize {
    variables
        .iter()
        .take(2)
        .filter(|v| v.shape().rank() == 0 && (v.name().ends_with("iteration") || v.name().ends_with("learning_rate")))
        .count()
}

/// The state in today's order: kinds of a group alternate weight by weight, groups follow each other. Older files have
/// one kind after the other, and those of the years before Keras 3 all kinds of a weight together.
fn arranged<'a>(saved: &[&'a Array], groups: &[usize], weights: usize, is_alternating: bool) -> Option<Vec<&'a Array>> {
    let kinds: usize = groups.iter().sum();
    if weights == 0 || kinds == 0 {
        return (kinds == 0).then(Vec::new);
    }
    let stored = if saved.len().is_multiple_of(weights) { saved.len() / weights } else { 0 };
    if stored < kinds {
        return None;
    }
    let at = |kind: usize, weight: usize| match is_alternating {
        true => saved.get(weight * stored + kind).copied(),
        false => saved.get(kind * weights + weight).copied(),
    };
    let (mut found, mut first) = (Vec::with_capacity(kinds * weights), 0);
    for group in groups {
        for weight in 0..weights {
            for kind in first..first + group {
                found.push(at(kind, weight)?);
            }
        }
        first += group;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_brought_into_todays_order() {
        let arrays: Vec<Array> = (0..6).map(|i| Array::scalar(i as f32)).collect();
        let saved: Vec<&Array> = arrays.iter().collect();
        let order = |groups: &[usize], weights, alternating| {
            let found = arranged(&saved, groups, weights, alternating)?;
            found.iter().map(|a| a.item::<f32>().ok()).collect::<Option<Vec<f32>>>()
        };
        assert_eq!(order(&[2], 3, false).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(order(&[2], 3, true).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(order(&[1, 1], 3, false).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        // What amsgrad has no use for is left out.
        assert_eq!(order(&[2], 2, false).unwrap(), [0.0, 2.0, 1.0, 3.0]);
        assert_eq!(order(&[2], 4, false), None);
    }
}
