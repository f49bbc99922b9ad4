//! The loop of a cell over the steps of a sequence.

use cornet_error::{Code, Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::control::{ScanOptions, scan};
use cornet_tensor::DType;

use super::{Cell, Prepared};
use crate::layers::Call;

/// How a sequence is run through.
#[derive(Clone, Copy, Default)]
pub(super) struct Course {
    /// Whether the output of every step is wanted, not only the last one.
    pub all: bool,
    /// Whether the last step comes first.
    pub reverse: bool,
    /// Whether every step becomes part of the graph.
    pub unroll: bool,
    /// Whether masked steps give zeros instead of the output before them.
    pub zero_output_for_mask: bool,
    /// Whether the states begin as the cell's own.
    pub fresh: bool,
}

/// What a run gives.
pub(super) struct Outcome {
    /// The output of the last step.
    pub last: Tensor,
    /// The outputs `[time, batch, …]` in the order of the steps of the sequence, if they are wanted.
    pub all: Option<Tensor>,
    pub states: Vec<Tensor>,
}

/// Runs a cell over a sequence `[time, batch, …]` with a mask `[time, batch]` of what counts.
///
/// A stack runs cell by cell, each over the whole sequence: where a step is masked, what the cells below give does not
/// reach the result, since the states and the output above stay as they were.
pub(super) fn run(
    cell: &dyn Cell,
    sequence: &Tensor,
    mask: Option<&Tensor>,
    states: Vec<Tensor>,
    course: Course,
    call: &Call<'_>,
) -> Result<Outcome> {
    let Some(cells) = cell.stack() else { return repeat(cell, sequence, mask, states, course, call) };
    let (mut sequence, mut states, mut ended) = (sequence.clone(), states, Vec::new());
    let mut result = None;
    for (i, cell) in cells.iter().enumerate() {
        let step = step_shape(&sequence)?;
        let own = cell.state_shapes(&step)?.len();
        if states.len() < own {
            fail!(InvalidArgument, "states: expected {own} of '{}', found {}", cell.name(), states.len());
        }
        let rest = states.split_off(own);
        let is_top = i + 1 == cells.len();
        let course = if is_top { course } else { Course { all: true, zero_output_for_mask: true, ..course } };
        let found = run(&**cell, &sequence, mask, states, course, call)?;
        ended.extend(found.states);
        states = rest;
        match found.all {
            Some(all) if !is_top => sequence = all,
            all => result = Some((found.last, all)),
        }
    }
    let Some((last, all)) = result else { fail!(InvalidArgument, "cells: expected at least 1, found none") };
    Ok(Outcome { last, all, states: ended })
}

/// The shape of one step of a sequence `[time, batch, …]`.
pub(super) fn step_shape(sequence: &Tensor) -> Result<crate::shape::PartialShape> {
    Ok(crate::shape::PartialShape(sequence.shape()?.iter().skip(1).copied().map(Some).collect()))
}

/// The input and the states of a cell that is called as a layer.
pub(super) fn one_step(inputs: &[Tensor], states: usize) -> Result<(&Tensor, &[Tensor])> {
    match inputs.split_first() {
        Some((x, found)) if found.len() == states => Ok((x, found)),
        _ => Err(err!(
            InvalidArgument,
            "inputs of a cell: expected one and {states} states, found {} tensors",
            inputs.len()
        )),
    }
}

fn repeat(
    cell: &dyn Cell,
    sequence: &Tensor,
    mask: Option<&Tensor>,
    states: Vec<Tensor>,
    course: Course,
    call: &Call<'_>,
) -> Result<Outcome> {
    let steps = sequence.shape()?.first().copied().unwrap_or_default();
    if steps == 0 {
        fail!(DimMismatch, "steps of the sequence: expected at least 1, found 0");
    }
    let Prepared { steps: mut slices, constants } = cell.prepare(sequence, call)?;
    let inputs = slices.len();
    slices.extend(mask.cloned());
    // The output before a step is wanted where the step is masked, and at the end if outputs are not kept.
    let is_state = cell.output_is_state() && (mask.is_none() || course.fresh || course.zero_output_for_mask);
    let holds = mask.is_some() && !course.zero_output_for_mask;
    let carries_output = !is_state && (holds || !course.all);
    let count = states.len();
    let mut carry = states;
    if carries_output {
        let step = step_shape(sequence)?;
        let batch = step.first().copied().flatten();
        let shape: Option<Vec<usize>> =
            std::iter::once(batch).chain(cell.output_shape(&step)?.iter().copied()).collect();
        let shape = shape.ok_or_else(|| err!(InvalidArgument, "output of a cell: expected known sizes"))?;
        carry.push(Tensor::zeros(shape, cell.base().policy().compute_dtype()));
    }
    let body = |carry: &[Tensor], now: &[Tensor]| {
        let (states, before) = carry.split_at(count);
        let (x, mask) = now.split_at(inputs);
        let (output, mut new) = cell.step(x, states, &constants, call)?;
        if new.len() != count {
            fail!(InvalidArgument, "states of '{}': expected {count}, found {}", cell.name(), new.len());
        }
        let mut emitted = output;
        if let Some(mask) = mask.first() {
            for (new, old) in new.iter_mut().zip(states) {
                *new = masked(mask, new, old)?;
            }
            emitted = match before.first() {
                Some(before) if holds => masked(mask, &emitted, before)?,
                _ if is_state && holds => new[0].clone(),
                _ => masked(mask, &emitted, &Tensor::zeros_like(&emitted))?,
            };
        }
        if carries_output {
            new.push(emitted.clone());
        }
        Ok((new, if course.all { vec![emitted] } else { Vec::new() }))
    };
    let loops =
        |unroll| scan(&body, &carry, &slices, ScanOptions { length: Some(steps), reverse: course.reverse, unroll });
    let (mut states, outputs) = match loops(course.unroll) {
        // A cell that assigns a variable cannot be in a loop of a graph; its steps can stand there one by one.
        Err(error) if error.code() == Code::Unsupported && !course.unroll => loops(true).map_err(|_| error)?,
        found => found?,
    };
    let all = outputs.into_iter().next();
    let last = match &all {
        Some(all) => {
            let end = if course.reverse { 0 } else { steps - 1 };
            all.slice_axis(0, end, 1).squeeze(&[0])
        }
        None if carries_output => states[count].clone(),
        None => match mask {
            Some(mask) if course.zero_output_for_mask => {
                let end = if course.reverse { 0 } else { steps - 1 };
                masked(&mask.slice_axis(0, end, 1).squeeze(&[0]), &states[0], &Tensor::zeros_like(&states[0]))?
            }
            _ => states[0].clone(),
        },
    };
    states.truncate(count);
    Ok(Outcome { last, all, states })
}

/// `new` where the mask `[batch, …]` is true, else `old`.
fn masked(mask: &Tensor, new: &Tensor, old: &Tensor) -> Result<Tensor> {
    let (shape, rank) = (mask.shape()?, new.rank()?);
    let wide: Vec<usize> =
        shape.iter().copied().chain(std::iter::repeat_n(1, rank.saturating_sub(shape.rank()))).collect();
    Ok(mask.cast(DType::Bool).reshape(wide).where_(new, old))
}
