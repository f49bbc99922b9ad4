//! Operators that arrange elements.

use cornet_error::{Result, err, fail};
use cornet_ops::{PadMode, Tensor};
use cornet_tensor::{Array, DType};

use super::{Entry, axis_of, many, one, value};
use crate::call::{Call, sizes};
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    value("CenterCropPad", center_crop_pad).since(18),
    value("Concat", concat),
    value("DepthToSpace", depth_to_space),
    value("Expand", expand).since(8),
    value("Flatten", flatten),
    value("Identity", |c| c.value(0).cloned()),
    one("NonZero", |c| Ok(Tensor::stack(&c.tensor(0)?.nonzero()?.iter().collect::<Vec<_>>(), 0).cast(DType::I64)))
        .since(9),
    value("Pad", pad),
    value("Reshape", reshape),
    one("Shape", shape),
    one("Size", |c| Ok(Tensor::of(c.value(0)?.parts()?.1.shape()?.elements() as i64))),
    value("Slice", slice),
    value("SpaceToDepth", space_to_depth),
    many("Split", split),
    value("Squeeze", squeeze),
    value("Tile", tile),
    value("Transpose", transpose),
    one("Trilu", trilu).since(14),
    value("Unsqueeze", unsqueeze),
];

/// Applies a rearrangement to the first input, of whatever element type.
fn moved(call: &Call<'_>, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Value> {
    let (narrow, x) = call.value(0)?.parts()?;
    Ok(Value::of_parts(narrow, f(x)?))
}

/// The sizes that `to` asks for: 0 keeps the axis unless `allow_zero`, -1 takes the rest.
pub(super) fn resolve_shape(from: &[usize], to: &[i64], allow_zero: bool) -> Result<Vec<usize>> {
    let mut found = Vec::with_capacity(to.len());
    let mut open = None;
    for (i, &size) in to.iter().enumerate() {
        found.push(match size {
            0 if !allow_zero => {
                *from.get(i).ok_or_else(|| err!(InvalidArgument, "shape: axis {i} keeps a size that is not there"))?
            }
            -1 if open.replace(i).is_some() => fail!(InvalidArgument, "shape: expected one -1, found two in {to:?}"),
            -1 => 1,
            size => usize::try_from(size).map_err(|_| err!(InvalidArgument, "shape: found {size} in {to:?}"))?,
        });
    }
    if let Some(open) = open {
        let known = found.iter().try_fold(1_usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
        let elements: usize = from.iter().product();
        if known == 0 || !elements.is_multiple_of(known) {
            fail!(ShapeMismatch, "shape: {from:?} does not fit {to:?}");
        }
        found[open] = elements / known;
    }
    Ok(found)
}

fn reshape(call: &Call<'_>) -> Result<Value> {
    let to = call.axes(1, "shape")?.ok_or_else(|| err!(InvalidArgument, "shape: expected sizes, found none"))?;
    let zero = call.flag("allowzero")?;
    moved(call, |x| {
        let from = x.shape()?;
        Ok(x.reshape(call.admit(&resolve_shape(&from, &to, zero)?, DType::Bool)?))
    })
}

fn shape(call: &Call<'_>) -> Result<Tensor> {
    let shape = call.value(0)?.parts()?.1.shape()?;
    let rank = shape.rank() as i64;
    let bound = |x: i64| (if x < 0 { x.saturating_add(rank) } else { x }).clamp(0, rank) as usize;
    let (start, end) = (bound(call.int_or("start", 0)?), bound(call.int_or("end", rank)?));
    let dims: Vec<i64> = shape.iter().take(end).skip(start).map(|&d| d as i64).collect();
    Ok(Tensor::from_slice(&dims, [dims.len()]))
}

fn flatten(call: &Call<'_>) -> Result<Value> {
    moved(call, |x| {
        let shape = x.shape()?;
        let axis = call.int_or("axis", 1)?;
        let axis = if axis == shape.rank() as i64 { shape.rank() } else { axis_of(axis, shape.rank())? };
        let (lead, rest) = shape.split_at(axis);
        Ok(x.reshape([lead.iter().product::<usize>(), rest.iter().product::<usize>()]))
    })
}

fn squeeze(call: &Call<'_>) -> Result<Value> {
    let axes = call.axes(1, "axes")?;
    moved(call, |x| {
        let shape = x.shape()?;
        let axes = match axes {
            Some(axes) => axes.iter().map(|&a| axis_of(a, shape.rank())).collect::<Result<Vec<_>>>()?,
            None => (0..shape.rank()).filter(|&a| shape[a] == 1).collect(),
        };
        if let Some(wrong) = axes.iter().find(|&&a| shape[a] != 1) {
            fail!(DimMismatch, "axis {wrong}: expected 1, found {} of {shape}", shape[*wrong]);
        }
        let kept = (0..shape.rank()).filter(|a| !axes.contains(a)).map(|a| shape[a]).collect::<Vec<_>>();
        Ok(x.reshape(kept))
    })
}

fn unsqueeze(call: &Call<'_>) -> Result<Value> {
    let axes = call.axes(1, "axes")?.ok_or_else(|| err!(InvalidArgument, "axes: expected some, found none"))?;
    moved(call, |x| {
        let shape = x.shape()?;
        let rank = shape.rank() + axes.len();
        let axes = axes.iter().map(|&a| axis_of(a, rank)).collect::<Result<Vec<_>>>()?;
        let mut sorted = axes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != axes.len() {
            fail!(InvalidArgument, "axes: expected each once, found {axes:?}");
        }
        let mut rest = shape.iter().copied();
        let dims = (0..rank).filter_map(|a| if axes.contains(&a) { Some(1) } else { rest.next() });
        Ok(x.reshape(dims.collect::<Vec<_>>()))
    })
}

fn transpose(call: &Call<'_>) -> Result<Value> {
    moved(call, |x| {
        let rank = x.rank()?;
        let order: Vec<isize> = match call.ints("perm")? {
            Some(perm) => perm.iter().map(|&a| Ok(axis_of(a, rank)? as isize)).collect::<Result<_>>()?,
            None => (0..rank as isize).rev().collect(),
        };
        if order.len() != rank {
            fail!(RankMismatch, "perm: expected {rank} axes, found {}", order.len());
        }
        Ok(if rank == 0 { x.clone() } else { x.transpose(&order) })
    })
}

fn concat(call: &Call<'_>) -> Result<Value> {
    let parts = (0..call.inputs.len()).map(|i| call.value(i)?.parts()).collect::<Result<Vec<_>>>()?;
    let Some((narrow, first)) = parts.first() else { fail!(InvalidArgument, "expected at least 1 input, found none") };
    let axis = axis_of(call.int_or("axis", 1)?, first.rank()?)?;
    let tensors: Vec<&Tensor> = parts.iter().map(|(_, t)| *t).collect();
    Ok(Value::of_parts(*narrow, Tensor::concat(&tensors, axis as isize)))
}

/// Sizes of the parts of a split axis.
pub(super) fn part_sizes(call: &Call<'_>, size: usize, given: Option<Vec<i64>>) -> Result<Vec<usize>> {
    if let Some(given) = given {
        let parts = sizes(&given)?;
        if parts.iter().try_fold(0_usize, |n, &p| n.checked_add(p)) != Some(size) {
            fail!(DimMismatch, "split: expected parts of {size} together, found {parts:?}");
        }
        return Ok(parts);
    }
    let count = match call.int("num_outputs")? {
        Some(count) => usize::try_from(count).unwrap_or(0),
        None => call.outputs(),
    };
    if count == 0 || count > call.outputs() {
        fail!(InvalidArgument, "split: expected 1 to {} outputs, found {count}", call.outputs());
    }
    let each = size.div_ceil(count);
    Ok((0..count).map(|i| each.min(size.saturating_sub(i * each))).collect())
}

fn split(call: &Call<'_>) -> Result<Vec<Value>> {
    let (narrow, x) = call.value(0)?.parts()?;
    let shape = x.shape()?;
    let axis = axis_of(call.int_or("axis", 0)?, shape.rank())?;
    let given = call.axes(1, "split")?;
    let mut start = 0;
    let parts = part_sizes(call, shape[axis], given)?;
    let take = |size: usize| {
        start += size;
        Value::of_parts(narrow, x.slice_axis(axis as isize, start - size, size))
    };
    Ok(parts.into_iter().map(take).collect())
}

/// What a slice takes of an axis: the first element, how many, and the step.
fn span(size: usize, start: i64, end: i64, step: i64) -> Result<(i64, usize, i64)> {
    if step == 0 {
        fail!(InvalidArgument, "steps: expected another number than 0");
    }
    let n = size as i64;
    let from_end = |x: i64| if x < 0 { x.saturating_add(n) } else { x };
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let start = from_end(start).clamp(if step > 0 { 0 } else { low }, high);
    let end = if step < 0 && end == i64::MIN { -1 } else { from_end(end).clamp(low, high.max(low)) };
    let distance = if step > 0 { end - start } else { start - end };
    let count = if distance <= 0 { 0 } else { (distance as u64).div_ceil(step.unsigned_abs()) as usize };
    Ok((if count == 0 { 0 } else { start }, count, if count <= 1 { 1 } else { step }))
}

fn slice(call: &Call<'_>) -> Result<Value> {
    let missing = || err!(InvalidArgument, "starts and ends: expected both, found one or none");
    let starts = call.axes(1, "starts")?.ok_or_else(missing)?;
    let ends = call.axes(2, "ends")?.ok_or_else(missing)?;
    let axes = call.axes(3, "axes")?;
    let steps = call.maybe_ints(4)?;
    moved(call, |x| {
        let shape = x.shape()?;
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            fail!(InvalidArgument, "slice: expected {} ends, axes and steps, found others", starts.len());
        }
        let (mut from, mut size, mut step) = (vec![0; shape.rank()], shape.to_vec(), vec![1; shape.rank()]);
        for i in 0..starts.len() {
            let a = axis_of(axes[i], shape.rank())?;
            (from[a], size[a], step[a]) = span(shape[a], starts[i], ends[i], steps[i])?;
        }
        Ok(x.slice_with(&from, &size, &step))
    })
}

fn expand(call: &Call<'_>) -> Result<Value> {
    let to = call.known_ints(1)?;
    moved(call, |x| {
        let to = call.admit_ints(&to, x.dtype()?)?;
        let to = x.shape()?.broadcast(&to)?;
        Ok(x.broadcast_to(call.admit(&to, x.dtype()?)?))
    })
}

fn tile(call: &Call<'_>) -> Result<Value> {
    let repeats = sizes(&call.known_ints(1)?)?;
    moved(call, |x| {
        let shape = x.shape()?;
        if repeats.len() != shape.rank() {
            fail!(RankMismatch, "repeats: expected {} numbers, found {}", shape.rank(), repeats.len());
        }
        let to: Vec<usize> = shape.iter().zip(&repeats).map(|(n, r)| n.saturating_mul(*r)).collect();
        call.admit(&to, x.dtype()?)?;
        Ok(x.tile(&repeats))
    })
}

fn trilu(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let k = call.maybe_ints(1)?.and_then(|k| k.first().copied()).unwrap_or(0);
    let shape = x.shape()?;
    if shape.rank() < 2 {
        fail!(RankMismatch, "input: expected at least 2 axes, found {}", shape.rank());
    }
    let reach = shape[shape.rank() - 1].max(shape[shape.rank() - 2]) as i64 + 1;
    let k = k.clamp(-reach, reach);
    let upper = call.int_or("upper", 1)? != 0;
    let (rows, columns) = (shape[shape.rank() - 2] as i64, shape[shape.rank() - 1] as i64);
    let inside = |i: i64, j: i64| if upper { j - i >= k } else { j - i <= k };
    let mask: Vec<bool> = (0..rows).flat_map(|i| (0..columns).map(move |j| inside(i, j))).collect();
    let mask = Tensor::from(Array::from_vec(mask, [rows as usize, columns as usize])?);
    Ok(mask.where_(x, Tensor::zeros_like(x)))
}

fn depth_to_space(call: &Call<'_>) -> Result<Value> {
    let block = usize::try_from(call.int_or("blocksize", 0)?).unwrap_or(0);
    let column_first = call.text_or("mode", "DCR")? == "CRD";
    moved(call, |x| {
        let shape = x.shape()?;
        let [n, c, h, w] = shape[..] else { fail!(RankMismatch, "input: expected 4 axes, found {}", shape.rank()) };
        let area = block.checked_mul(block).filter(|&a| a > 0 && c >= a && c % a == 0);
        let Some(area) = area else {
            fail!(DimMismatch, "channels: expected a multiple of {block} squared, found {c}")
        };
        let y = if column_first {
            x.reshape([n, c / area, block, block, h, w]).transpose(&[0, 1, 4, 2, 5, 3])
        } else {
            x.reshape([n, block, block, c / area, h, w]).transpose(&[0, 3, 4, 1, 5, 2])
        };
        Ok(y.reshape([n, c / area, h * block, w * block]))
    })
}

fn space_to_depth(call: &Call<'_>) -> Result<Value> {
    let block = usize::try_from(call.int_or("blocksize", 0)?).unwrap_or(0);
    let column_first = call.text_or("mode", "DCR")? == "CRD";
    moved(call, |x| {
        let shape = x.shape()?;
        let [n, c, h, w] = shape[..] else { fail!(RankMismatch, "input: expected 4 axes, found {}", shape.rank()) };
        if block == 0 || block > h.min(w) || h % block != 0 || w % block != 0 {
            fail!(DimMismatch, "height and width: expected multiples of {block}, found {h} and {w}");
        }
        let y = x.reshape([n, c, h / block, block, w / block, block]);
        let order = if column_first { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] };
        Ok(y.transpose(&order).reshape([n, c * block * block, h / block, w / block]))
    })
}

/// Widths of padding on every axis, negative ones cutting off.
fn pad_widths(call: &Call<'_>, rank: usize) -> Result<Vec<(i64, i64)>> {
    let name = if call.attribute("paddings").is_some() { "paddings" } else { "pads" };
    let pads = call.axes(1, name)?.ok_or_else(|| err!(InvalidArgument, "pads: expected some, found none"))?;
    let axes = match call.maybe_ints(3)? {
        Some(axes) => axes.iter().map(|&a| axis_of(a, rank)).collect::<Result<Vec<_>>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        fail!(InvalidArgument, "pads: expected {} numbers, found {}", 2 * axes.len(), pads.len());
    }
    let mut widths = vec![(0, 0); rank];
    axes.iter().enumerate().for_each(|(i, &a)| widths[a] = (pads[i], pads[axes.len() + i]));
    Ok(widths)
}

fn pad(call: &Call<'_>) -> Result<Value> {
    let (narrow, x) = call.value(0)?.parts()?;
    let widths = pad_widths(call, x.rank()?)?;
    let mode = call.text_or("mode", "constant")?;
    let shape = x.shape()?;
    let grown = |(&n, &(a, b)): (&usize, &(i64, i64))| {
        usize::try_from((n as i64).saturating_add(a).saturating_add(b))
            .map_err(|_| err!(InvalidArgument, "pads: found {a}, {b}"))
    };
    let to = shape.iter().zip(&widths).map(grown).collect::<Result<Vec<_>>>()?;
    call.admit(&to, x.dtype()?)?;
    // What is cut off goes first, so that edges are those of what stays.
    let cut = |n: usize, (a, b): (i64, i64)| {
        let (a, b) = (a.saturating_neg().max(0) as usize, b.saturating_neg().max(0) as usize);
        (a.min(n), n.saturating_sub(a).saturating_sub(b))
    };
    let cuts: Vec<(usize, usize)> = shape.iter().zip(&widths).map(|(&n, &w)| cut(n, w)).collect();
    let (starts, kept): (Vec<usize>, Vec<usize>) = cuts.into_iter().unzip();
    let x = x.slice(&starts, &kept);
    let widths: Vec<(usize, usize)> = widths.iter().map(|&(a, b)| (a.max(0) as usize, b.max(0) as usize)).collect();
    let mode = match mode {
        "constant" => return Ok(Value::of_parts(narrow, pad_constant(call, &x, &widths)?)),
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        "wrap" => return Ok(Value::of_parts(narrow, pad_wrap(&x, &widths)?)),
        other => fail!(InvalidArgument, "mode: expected constant, reflect, edge or wrap, found '{other}'"),
    };
    Ok(Value::of_parts(narrow, x.pad_mode(&widths, mode)))
}

fn pad_constant(call: &Call<'_>, x: &Tensor, widths: &[(usize, usize)]) -> Result<Tensor> {
    let dtype = x.dtype()?;
    let fill = match call.maybe_tensor(2)? {
        Some(fill) => fill.reshape([]).cast(dtype),
        None if dtype == DType::Str => Tensor::from(Array::from_strings(vec![Vec::new()], [])?),
        None => Tensor::from(Array::from_f64(dtype, [], &[call.float_or("value", 0.0)?])?),
    };
    let zero = dtype != DType::Str
        && fill.array().ok().and_then(|a| a.to_f64().ok()).is_some_and(|v| v == [0.0] && v[0].is_sign_positive());
    if zero && dtype != DType::Bool {
        return Ok(x.pad(widths));
    }
    let mut y = x.clone();
    for (axis, &(before, after)) in widths.iter().enumerate() {
        let mut parts = Vec::new();
        let shape = y.shape()?;
        let side = |size: usize| {
            let mut dims = shape.to_vec();
            dims[axis] = size;
            fill.broadcast_to(dims)
        };
        parts.extend((before > 0).then(|| side(before)));
        parts.push(y.clone());
        parts.extend((after > 0).then(|| side(after)));
        if parts.len() > 1 {
            y = Tensor::concat(&parts.iter().collect::<Vec<_>>(), axis as isize);
        }
    }
    Ok(y)
}

fn pad_wrap(x: &Tensor, widths: &[(usize, usize)]) -> Result<Tensor> {
    let (shape, mut y) = (x.shape()?, x.clone());
    for (axis, &(before, after)) in widths.iter().enumerate().filter(|(_, w)| **w != (0, 0)) {
        let n = shape[axis] as i64;
        if n == 0 {
            fail!(InvalidArgument, "mode wrap: axis {axis} has no elements");
        }
        let places: Vec<i64> = (-(before as i64)..n + after as i64).map(|i| i.rem_euclid(n)).collect();
        y = y.take(&Tensor::from_slice(&places, [places.len()]), axis as isize);
    }
    Ok(y)
}

fn center_crop_pad(call: &Call<'_>) -> Result<Value> {
    let target = sizes(&call.known_ints(1)?)?;
    moved(call, |x| {
        let shape = x.shape()?;
        let axes = match call.ints("axes")? {
            Some(axes) => axes.iter().map(|&a| axis_of(a, shape.rank())).collect::<Result<Vec<_>>>()?,
            None => (0..shape.rank()).collect(),
        };
        if axes.len() != target.len() {
            fail!(InvalidArgument, "shape: expected {} sizes, found {}", axes.len(), target.len());
        }
        let mut to = shape.to_vec();
        axes.iter().zip(&target).for_each(|(&a, &n)| to[a] = n);
        call.admit(&to, x.dtype()?)?;
        let start: Vec<usize> = shape.iter().zip(&to).map(|(&n, &t)| n.saturating_sub(t) / 2).collect();
        let size: Vec<usize> = shape.iter().zip(&to).map(|(&n, &t)| n.min(t)).collect();
        let before = |n: usize, t: usize| t.saturating_sub(n) / 2;
        let widths: Vec<(usize, usize)> =
            shape.iter().zip(&to).map(|(&n, &t)| (before(n, t), t.saturating_sub(n) - before(n, t))).collect();
        Ok(x.slice(&start, &size).pad(&widths))
    })
}
