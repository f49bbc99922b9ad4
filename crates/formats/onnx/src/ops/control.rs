//! Branches, loops and scans.

use cornet_error::{Code, Error, Limits, Result, err, fail};
use cornet_ops::{Tensor, control};
use cornet_tensor::{Array, DType};

use super::{Entry, axis_of, many};
use crate::call::Call;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[many("If", branch), many("Loop", repeat), many("Scan", scan).since(8)];

/// Nodes that a loop may be written out to while a graph is traced.
const MOST_UNROLLED: u64 = 20_000;

/// An error that makes the model run op by op: what holds for a graph cannot be said before the run.
fn not_static(why: &str) -> Error {
    err!(NotTraced, "{why}").help("the model runs op by op instead")
}

fn branch(call: &Call<'_>) -> Result<Vec<Value>> {
    let condition = call.tensor(0)?;
    let (then, otherwise) = (call.body("then_branch")?, call.body("else_branch")?);
    if !condition.is_traced() {
        let array = condition.array()?;
        let [taken] = array.to_i64()?[..] else {
            fail!(ShapeMismatch, "condition: expected one element, found {}", array.shape());
        };
        return if taken != 0 { then.run(Vec::new()) } else { otherwise.run(Vec::new()) };
    }
    let tensors = |values: Vec<Value>| -> Result<Vec<Tensor>> {
        let plain = |v: &Value| if let Value::Tensor(t) = v { Some(t.clone()) } else { None };
        let found: Option<Vec<Tensor>> = values.iter().map(plain).collect();
        found.ok_or_else(|| not_static("a branch gives something else than tensors"))
    };
    let results = control::cond(
        &condition.reshape([]).cast(DType::Bool),
        || tensors(then.run(Vec::new())?),
        || tensors(otherwise.run(Vec::new())?),
    );
    match results {
        Ok(results) => Ok(results.into_iter().map(Value::Tensor).collect()),
        Err(e) if matches!(e.code(), Code::ShapeMismatch | Code::DtypeMismatch | Code::InvalidArgument) => {
            Err(not_static("the branches give tensors of different types"))
        }
        Err(e) => Err(e),
    }
}

/// One element of a tensor whose value is known.
fn known_flag(value: &Value) -> Result<bool> {
    let array = value.tensor()?.array()?;
    match array.to_i64()?[..] {
        [flag] => Ok(flag != 0),
        _ => fail!(ShapeMismatch, "condition: expected one element, found {}", array.shape()),
    }
}

/// Stacked results of loops, counted against the limits.
struct Stacks<'a> {
    parts: Vec<Vec<Tensor>>,
    bytes: u64,
    limits: &'a Limits,
}

impl Stacks<'_> {
    fn push(&mut self, results: &[Value]) -> Result<()> {
        for (part, value) in self.parts.iter_mut().zip(results) {
            self.bytes = self.bytes.saturating_add(value.bytes()).saturating_add(64);
            Limits::check("loop: bytes of its results", self.bytes, self.limits.total_bytes)?;
            part.push(value.tensor()?.clone());
        }
        Ok(())
    }
}

fn repeat(call: &Call<'_>) -> Result<Vec<Value>> {
    let body = call.body("body")?;
    let most = match call.maybe(0) {
        Some(most) => Some(most.tensor()?.array()?.to_i64()?.first().copied().unwrap_or(0)),
        None => None,
    };
    let mut going = call.maybe(1).map_or(Ok(true), known_flag)?;
    let mut carried: Vec<Value> = (2..call.inputs.len()).map(|i| call.value(i).cloned()).collect::<Result<Vec<_>>>()?;
    let scans = body.outputs().checked_sub(1 + carried.len());
    let scans = scans.ok_or_else(|| err!(InvalidArgument, "body: expected more outputs than {}", body.outputs()))?;
    let mut stacks = Stacks { parts: vec![Vec::new(); scans], bytes: 0, limits: &call.context.limits };
    let (mut step, mut nodes) = (0_i64, 0_u64);
    while going && most.is_none_or(|most| step < most) {
        nodes = nodes.saturating_add(body.size() as u64);
        if cornet_ops::is_tracing() && nodes > MOST_UNROLLED {
            return Err(not_static("a loop is too long to be written out"));
        }
        let mut inputs = vec![Array::scalar(step).into(), Array::scalar(true).into()];
        inputs.append(&mut carried);
        let mut results = body.run(inputs)?;
        let scanned = results.split_off(results.len() - scans);
        stacks.push(&scanned)?;
        carried = results.split_off(1);
        going = results.first().map_or(Ok(false), known_flag)?;
        step += 1;
    }
    for part in stacks.parts {
        let refs: Vec<&Tensor> = part.iter().collect();
        // The element's shape of a loop that never ran is not known; a file's shapes are hints.
        let stacked = if refs.is_empty() { Tensor::zeros([0], DType::F32) } else { Tensor::stack(&refs, 0) };
        carried.push(stacked.into());
    }
    Ok(carried)
}

/// The axes or directions of a scan's sequences: one each, 0 by default.
fn per_sequence(call: &Call<'_>, name: &str, count: usize) -> Result<Vec<i64>> {
    let found = call.ints(name)?.map_or_else(|| vec![0; count], <[i64]>::to_vec);
    if found.len() != count {
        fail!(InvalidArgument, "{name}: expected {count} numbers, found {}", found.len());
    }
    Ok(found)
}

fn scan(call: &Call<'_>) -> Result<Vec<Value>> {
    if call.opset() >= 9 {
        let inputs = (0..call.inputs.len()).map(|i| call.tensor(i).cloned()).collect::<Result<Vec<_>>>()?;
        return Ok(scan_once(call, inputs)?.into_iter().map(Value::Tensor).collect());
    }
    // Version 8 has a batch in front of everything, and lengths as its first input.
    if call.maybe(0).is_some() {
        fail!(Unsupported, "sequence_lens of opset 8: not supported");
    }
    let inputs = (1..call.inputs.len()).map(|i| call.tensor(i)).collect::<Result<Vec<_>>>()?;
    let batch = inputs.first().map_or(Ok(0), |t| Ok(t.shape()?.first().copied().unwrap_or(0)))?;
    let mut rows = Vec::new();
    for b in 0..batch {
        let row = inputs.iter().map(|t| t.slice_axis(0, b, 1).squeeze(&[0])).collect();
        rows.push(scan_once(call, row)?);
    }
    let Some(first) = rows.first() else { fail!(InvalidArgument, "scan: expected a batch, found none") };
    let stack = |i: usize| Tensor::stack(&rows.iter().map(|r| &r[i]).collect::<Vec<_>>(), 0);
    Ok((0..first.len()).map(|i| stack(i).into()).collect())
}

fn scan_once(call: &Call<'_>, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
    let body = call.body("body")?;
    let sequences = usize::try_from(call.int_or("num_scan_inputs", 0)?).unwrap_or(0);
    let states = inputs.len().checked_sub(sequences).filter(|_| sequences > 0);
    let states = states.ok_or_else(|| err!(InvalidArgument, "num_scan_inputs: found {sequences}"))?;
    let scans = body.outputs().checked_sub(states);
    let scans = scans.ok_or_else(|| err!(InvalidArgument, "body: expected at least {states} outputs"))?;
    let directions = match call.opset() {
        8 => per_sequence(call, "directions", sequences)?,
        _ => per_sequence(call, "scan_input_directions", sequences)?,
    };
    let axes = per_sequence(call, "scan_input_axes", sequences)?;
    let (mut slices, mut length) = (Vec::new(), None);
    for (i, x) in inputs[states..].iter().enumerate() {
        let axis = axis_of(axes[i], x.rank()?)?;
        let size = x.shape()?[axis];
        if length.replace(size).is_some_and(|l| l != size) {
            fail!(DimMismatch, "scan: sequences of different lengths");
        }
        slices.push((x, axis as isize, directions[i] != 0));
    }
    let length = length.unwrap_or(0);
    if cornet_ops::is_tracing() && (length as u64).saturating_mul(body.size() as u64) > MOST_UNROLLED {
        return Err(not_static("a scan is too long to be written out"));
    }
    let mut carried: Vec<Value> = inputs[..states].iter().cloned().map(Value::Tensor).collect();
    let mut stacks = Stacks { parts: vec![Vec::new(); scans], bytes: 0, limits: &call.context.limits };
    for step in 0..length {
        let mut given = std::mem::take(&mut carried);
        for &(x, axis, backwards) in &slices {
            let at = if backwards { length - 1 - step } else { step };
            given.push(x.slice_axis(axis, at, 1).squeeze(&[axis]).into());
        }
        carried = body.run(given)?;
        let scanned = carried.split_off(states);
        stacks.push(&scanned)?;
    }
    let directions = per_sequence(call, "scan_output_directions", scans)?;
    let axes = per_sequence(call, "scan_output_axes", scans)?;
    let mut results = carried.iter().map(|v| v.tensor().cloned()).collect::<Result<Vec<_>>>()?;
    for (i, mut part) in stacks.parts.into_iter().enumerate() {
        if directions[i] != 0 {
            part.reverse();
        }
        let Some(first) = part.first() else { fail!(EmptyData, "scan: expected sequences with elements, found none") };
        let axis = axis_of(axes[i], first.rank()? + 1)?;
        results.push(Tensor::stack(&part.iter().collect::<Vec<_>>(), axis as isize));
    }
    Ok(results)
}
