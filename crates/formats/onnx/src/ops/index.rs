//! Elements by index.

use cornet_error::{Result, err, fail};
use cornet_ops::{ScatterMode, Tensor};
use cornet_tensor::{Array, DType};

use super::{Entry, axis_of, one, value};
use crate::call::Call;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    value("ArrayFeatureExtractor", array_feature_extractor).ml(),
    value("Compress", compress).since(9),
    value("Gather", gather),
    value("GatherElements", gather_elements).since(11),
    value("GatherND", gather_nd).since(11),
    one("OneHot", one_hot).since(9),
    one("ReverseSequence", reverse_sequence).since(10),
    one("Scatter", scatter_elements).since(9),
    one("ScatterElements", scatter_elements).since(11),
    one("ScatterND", scatter_nd).since(11),
    one("TensorScatter", tensor_scatter).since(24),
];

fn gather(call: &Call<'_>) -> Result<Value> {
    let (narrow, x) = call.value(0)?.parts()?;
    let axis = axis_of(call.int_or("axis", 0)?, x.rank()?)?;
    Ok(Value::of_parts(narrow, x.take(call.tensor(1)?, axis as isize)))
}

fn gather_elements(call: &Call<'_>) -> Result<Value> {
    let (narrow, x) = call.value(0)?.parts()?;
    let axis = axis_of(call.int_or("axis", 0)?, x.rank()?)?;
    let indices = call.tensor(1)?;
    // Other axes of the indices may be shorter than those of the data.
    let (shape, at) = (x.shape()?, indices.shape()?);
    if at.rank() != shape.rank() {
        fail!(RankMismatch, "indices: expected {} axes, found {}", shape.rank(), at.rank());
    }
    let kept: Vec<usize> = (0..at.rank()).map(|a| if a == axis { shape[a] } else { at[a] }).collect();
    if (0..at.rank()).any(|a| a != axis && at[a] > shape[a]) {
        fail!(ShapeMismatch, "indices: expected at most {shape} beside axis {axis}, found {at}");
    }
    let x = x.slice(&vec![0; kept.len()], &kept);
    Ok(Value::of_parts(narrow, x.take_along_axis(indices, axis as isize)))
}

/// Leading axes that indices and data share.
fn batch_dims(call: &Call<'_>, rank: usize) -> Result<usize> {
    let batch = usize::try_from(call.int_or("batch_dims", 0)?).ok().filter(|&b| b < rank.max(1));
    batch.ok_or_else(|| err!(InvalidArgument, "batch_dims: expected less than {rank}"))
}

fn gather_nd(call: &Call<'_>) -> Result<Value> {
    let (narrow, x) = call.value(0)?.parts()?;
    let indices = call.tensor(1)?;
    let (shape, at) = (x.shape()?, indices.shape()?);
    let batch = batch_dims(call, shape.rank().min(at.rank()))?;
    if batch == 0 {
        return Ok(Value::of_parts(narrow, x.gather_nd(indices)));
    }
    if shape[..batch] != at[..batch] {
        fail!(ShapeMismatch, "indices: expected {:?} first, found {at}", &shape[..batch]);
    }
    // Places in the leading axes become part of the indices.
    let lead = at[..at.rank() - 1].to_vec();
    let mut parts = Vec::new();
    for axis in 0..batch {
        let mut dims = vec![1; at.rank()];
        dims[axis] = at[axis];
        let places: Vec<i64> = (0..at[axis] as i64).collect();
        let mut to = lead.clone();
        to.push(1);
        parts.push(Tensor::from_slice(&places, [places.len()]).reshape(dims).broadcast_to(to));
    }
    parts.push(indices.cast(DType::I64));
    let all = Tensor::concat(&parts.iter().collect::<Vec<_>>(), -1);
    Ok(Value::of_parts(narrow, x.gather_nd(&all)))
}

fn compress(call: &Call<'_>) -> Result<Value> {
    let (narrow, x) = call.value(0)?.parts()?;
    let kept: Vec<i64> =
        call.known_ints(1)?.iter().enumerate().filter(|(_, keep)| **keep != 0).map(|(i, _)| i as i64).collect();
    let places = Tensor::from_slice(&kept, [kept.len()]);
    let y = match call.int("axis")? {
        Some(axis) => x.take(&places, axis_of(axis, x.rank()?)? as isize),
        None => x.ravel().take(&places, 0),
    };
    Ok(Value::of_parts(narrow, y))
}

fn array_feature_extractor(call: &Call<'_>) -> Result<Value> {
    let x = call.tensor(0)?;
    let x = if x.rank()? == 1 { x.expand_dims(&[0]) } else { x.clone() };
    Ok(x.take(&call.tensor(1)?.ravel(), -1).into())
}

fn one_hot(call: &Call<'_>) -> Result<Tensor> {
    let indices = call.tensor(0)?;
    let depth = call.known(1)?.to_i64()?.first().copied().unwrap_or(0);
    let depth = usize::try_from(depth).map_err(|_| err!(InvalidArgument, "depth: found {depth}"))?;
    let values = call.tensor(2)?;
    let rank = indices.rank()? + 1;
    let axis = axis_of(call.int_or("axis", -1)?, rank)?;
    let mut dims = indices.shape()?.to_vec();
    dims.insert(axis, depth);
    call.admit(&dims, values.dtype()?)?;
    let indices = indices.cast(DType::I64);
    let indices = indices.less(0).where_(&indices + depth as i64, &indices);
    let mut along = vec![1; rank];
    along[axis] = depth;
    let classes: Vec<i64> = (0..depth as i64).collect();
    let classes = Tensor::from_slice(&classes, along);
    let hot = indices.expand_dims(&[axis as isize]).equal(classes);
    let (off, on) = (values.slice_axis(0, 0, 1).reshape([]), values.slice_axis(0, 1, 1).reshape([]));
    Ok(hot.where_(on, off))
}

fn scatter_mode(call: &Call<'_>) -> Result<ScatterMode> {
    match call.text_or("reduction", "none")? {
        "none" => Ok(ScatterMode::Update),
        word => ScatterMode::named(word),
    }
}

fn scatter_elements(call: &Call<'_>) -> Result<Tensor> {
    let (x, indices, updates) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let (shape, at) = (x.shape()?, indices.shape()?);
    let axis = axis_of(call.int_or("axis", 0)?, shape.rank())?;
    if at.rank() != shape.rank() || updates.shape()? != at {
        fail!(ShapeMismatch, "indices and updates: expected {} axes and one shape, found {at}", shape.rank());
    }
    if at.elements() == 0 {
        return Ok(x.clone());
    }
    // Indices of every axis, so that those may be shorter than the data's.
    let count = at.elements();
    let columns: Vec<Tensor> = (0..at.rank())
        .map(|a| {
            if a == axis {
                return indices.cast(DType::I64).reshape([count, 1]);
            }
            let mut dims = vec![1; at.rank()];
            dims[a] = at[a];
            let places: Vec<i64> = (0..at[a] as i64).collect();
            Tensor::from_slice(&places, dims).broadcast_to(&at).reshape([count, 1])
        })
        .collect();
    let all = Tensor::concat(&columns.iter().collect::<Vec<_>>(), 1);
    Ok(x.scatter_nd(&all, &updates.reshape([count]), scatter_mode(call)?))
}

fn scatter_nd(call: &Call<'_>) -> Result<Tensor> {
    Ok(call.tensor(0)?.scatter_nd(call.tensor(1)?, call.tensor(2)?, scatter_mode(call)?))
}

/// Writes into a cache from a place of each batch on, going round at the end where `mode` is circular.
fn tensor_scatter(call: &Call<'_>) -> Result<Tensor> {
    let (past, update) = (call.tensor(0)?, call.tensor(1)?);
    let (shape, new) = (past.shape()?, update.shape()?);
    let axis = axis_of(call.int_or("axis", -2)?, shape.rank())?;
    if axis == 0 || new.rank() != shape.rank() {
        fail!(InvalidArgument, "axis: expected one behind the batch, found {axis}");
    }
    let circular = call.text_or("mode", "linear")? == "circular";
    let (batch, length, size) = (shape[0], new[axis], shape[axis]);
    let starts = match call.maybe_tensor(2)? {
        Some(starts) => starts.cast(DType::I64).reshape([batch, 1]),
        None => Tensor::zeros([batch, 1], DType::I64),
    };
    let steps: Vec<i64> = (0..length as i64).collect();
    let places = starts + &Tensor::from_slice(&steps, [1, length]);
    let places = if circular { places.mod_(size as i64) } else { places };
    let rows: Vec<i64> = (0..batch as i64).collect();
    let rows = Tensor::from_slice(&rows, [batch, 1]).broadcast_to([batch, length]);
    let at = Tensor::stack(&[&rows, &places], -1);
    let (a, to_front) = (axis as isize, [1_isize]);
    let y = past.moveaxis(&[a], &to_front).scatter_nd(&at, &update.moveaxis(&[a], &to_front), ScatterMode::Update);
    Ok(y.moveaxis(&to_front, &[a]))
}

fn reverse_sequence(call: &Call<'_>) -> Result<Tensor> {
    let (x, lengths) = (call.tensor(0)?, call.tensor(1)?);
    let shape = x.shape()?;
    let batch = axis_of(call.int_or("batch_axis", 1)?, shape.rank())?;
    let time = axis_of(call.int_or("time_axis", 0)?, shape.rank())?;
    if batch == time {
        fail!(InvalidArgument, "batch_axis and time_axis: expected two axes, found {batch} twice");
    }
    reversed(x, lengths, batch, time)
}

/// The first `lengths[b]` elements of axis `time` backwards, for each element of axis `batch`.
pub(super) fn reversed(x: &Tensor, lengths: &Tensor, batch: usize, time: usize) -> Result<Tensor> {
    let shape = x.shape()?;
    let axis = |a: usize| {
        let mut dims = vec![1; shape.rank()];
        dims[a] = shape[a];
        dims
    };
    let steps: Vec<i64> = (0..shape[time] as i64).collect();
    let steps = Tensor::from_slice(&steps, axis(time));
    let lengths = lengths.cast(DType::I64).reshape(axis(batch));
    let places = steps.less(&lengths).where_(&lengths - 1 - &steps, &steps);
    let places = places.broadcast_to(&shape);
    Ok(x.take_along_axis(&places, time as isize))
}

/// Whole numbers from 0, as a constant also while a graph is traced.
pub(super) fn count_to(n: usize) -> Result<Tensor> {
    Ok(Array::from_vec((0..n as i64).collect::<Vec<_>>(), [n])?.into())
}
