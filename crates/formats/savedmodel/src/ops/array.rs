//! Constants, shapes, and moving elements around.

use cornet_error::{Result, err, fail};
use cornet_ops::{PadMode, Tensor};
use cornet_tensor::{Array, DType};

use super::{Family, many, one};
use crate::attr::Attr;
use crate::interpret::{Call, sizes};
use crate::value::{Value, zeros};

pub(super) static OPS: Family = &[
    ("BatchToSpaceND", batch_to_space),
    ("BroadcastArgs", |c| {
        let (a, b) = (c.sizes(0)?, c.sizes(1)?);
        let shape = cornet_tensor::Shape::new(&a).broadcast(&cornet_tensor::Shape::new(&b))?;
        ints(c, 0, &shape)
    }),
    ("BroadcastTo", |c| one(c.x(0)?.broadcast_to(c.sizes(1)?))),
    ("CheckNumerics", hand_on),
    ("CheckNumericsV2", hand_on),
    ("Concat", |c| concat(c, 0, 1)),
    ("ConcatOffset", concat_offset),
    ("ConcatV2", |c| {
        let last = c.inputs.len().saturating_sub(1);
        concat(c, last, 0)
    }),
    ("Const", constant),
    ("ConjugateTranspose", |c| one(transpose(c)?.conj())),
    ("DebugGradientIdentity", hand_on),
    ("DeepCopy", hand_on),
    ("Empty", |c| one(zeros(c.attr_dtype("dtype")?, &c.sizes(0)?)?)),
    ("EnsureShape", ensure_shape),
    ("Enter", hand_on),
    ("ExpandDims", |c| {
        let axis = c.int(1)?;
        one(c.x(0)?.expand_dims(&[axis as isize]))
    }),
    ("Fill", fill),
    ("GuaranteeConst", hand_on),
    ("Identity", hand_on),
    ("IdentityN", |c| Ok(std::mem::take(&mut c.inputs))),
    ("InvertPermutation", invert_permutation),
    ("LinSpace", lin_space),
    ("LoopCond", hand_on),
    ("MirrorPad", |c| {
        let mode = if c.attr_text("mode", "") == "SYMMETRIC" { PadMode::Symmetric } else { PadMode::Reflect };
        one(c.x(0)?.pad_mode(&widths(c)?, mode))
    }),
    ("NextIteration", hand_on),
    ("OnesLike", |c| {
        let (x, shape) = (c.x(0)?, c.x(0)?.shape()?);
        one(Array::full(x.dtype()?, shape, 1.0)?.into())
    }),
    ("Pack", pack),
    ("Pad", |c| one(pad(&c.x(0)?, &widths(c)?, None)?)),
    ("PadV2", |c| one(pad(&c.x(0)?, &widths(c)?, Some(c.x(2)?))?)),
    ("ParallelConcat", |c| one(Tensor::concat(&c.all(0)?.iter().collect::<Vec<_>>(), 0))),
    ("Placeholder", |c| Err(err!(InvalidArgument, "expected a value for the input '{}', found none", c.node.name))),
    ("PlaceholderWithDefault", hand_on),
    ("PreventGradient", hand_on),
    ("Range", range),
    ("Rank", |c| {
        let rank = match c.value(0)? {
            Value::Tensor(t) => t.rank()?,
            other => other.tensor()?.rank()?,
        };
        one(Array::scalar(rank as i32).into())
    }),
    ("RefIdentity", hand_on),
    ("RefNextIteration", hand_on),
    ("RefEnter", hand_on),
    ("Reshape", reshape),
    ("Reverse", |c| {
        let x = c.x(0)?;
        let flips = c.x(1)?.array()?.to_vec::<bool>()?;
        let axes: Vec<isize> = flips.iter().enumerate().filter(|(_, f)| **f).map(|(a, _)| a as isize).collect();
        one(flip(&x, &axes))
    }),
    ("ReverseV2", |c| {
        let axes: Vec<isize> = c.ints(1)?.iter().map(|&a| a as isize).collect();
        one(flip(&c.x(0)?, &axes))
    }),
    ("ReverseSequence", reverse_sequence),
    ("Roll", |c| {
        let axes: Vec<isize> = c.ints(2)?.iter().map(|&a| a as isize).collect();
        one(c.x(0)?.roll_axes(&c.ints(1)?, &axes))
    }),
    ("Shape", |c| {
        let shape = c.x(0)?.shape()?;
        int_out(c, "out_type", &shape)
    }),
    ("ShapeN", |c| {
        let dtype = c.attr_dtype_or("out_type", DType::I32)?;
        let shapes = c.all(0)?.iter().map(|x| int_array(dtype, &x.shape()?)).collect::<Result<Vec<_>>>()?;
        many(shapes)
    }),
    ("Size", |c| {
        let dtype = c.attr_dtype_or("out_type", DType::I32)?;
        one(Array::from_i64(dtype, [], &[c.x(0)?.shape()?.elements() as i64])?.into())
    }),
    ("Snapshot", hand_on),
    ("SpaceToBatchND", space_to_batch),
    ("Split", |c| {
        let (axis, count) = (c.int(0)?, c.attr_int("num_split", 1));
        many(c.x(1)?.split(sizes(&[count])?[0], axis as isize)?)
    }),
    ("SplitV", split_v),
    ("Squeeze", squeeze),
    ("StopGradient", hand_on),
    ("Tile", |c| one(c.x(0)?.tile(&c.sizes(1)?))),
    ("Transpose", |c| one(transpose(c)?)),
    ("Unpack", |c| {
        let axis = c.attr_int("axis", 0);
        many(c.x(0)?.unstack(axis as isize)?)
    }),
    ("ZerosLike", zeros_like),
];

/// The input as it is.
fn hand_on(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.value(0)?;
    let value = call.inputs.swap_remove(0);
    // A variable of TensorFlow 1 is read where it is handed on; one of TensorFlow 2 is handed on itself.
    Ok(vec![match value {
        Value::Variable(v) if call.attr_dtype("T").is_ok() => v.read()?.into(),
        value => value,
    }])
}

/// A known tensor of whole numbers.
fn int_array(dtype: DType, values: &[usize]) -> Result<Tensor> {
    let values: Vec<i64> = values.iter().map(|&v| v as i64).collect();
    Ok(Array::from_i64(dtype, [values.len()], &values)?.into())
}

fn int_out(call: &Call<'_, '_>, attr: &str, values: &[usize]) -> Result<Vec<Value>> {
    one(int_array(call.attr_dtype_or(attr, DType::I32)?, values)?)
}

/// Whole numbers in the dtype of an input.
fn ints(call: &Call<'_, '_>, like: usize, values: &[usize]) -> Result<Vec<Value>> {
    one(int_array(call.x(like)?.dtype()?, values)?)
}

fn constant(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    match call.attr("value") {
        Attr::Tensor(array) => one(array.into()),
        _ => Err(err!(Unsupported, "a constant of a type that has no numbers")),
    }
}

fn concat(call: &Call<'_, '_>, axis: usize, first: usize) -> Result<Vec<Value>> {
    let last = call.inputs.len() - usize::from(first == 0);
    let axis = call.int(axis)? as isize;
    let all = (first..last).map(|i| call.x(i)).collect::<Result<Vec<_>>>()?;
    match all.as_slice() {
        [one_alone] => one(one_alone.clone()),
        _ => one(Tensor::concat(&all.iter().collect::<Vec<_>>(), axis)),
    }
}

fn concat_offset(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let axis = call.int(0)?;
    let shapes = (1..call.inputs.len()).map(|i| call.ints(i)).collect::<Result<Vec<_>>>()?;
    let rank = shapes.first().map_or(0, Vec::len) as i64;
    let axis = usize::try_from(if axis < 0 { axis + rank } else { axis }).unwrap_or(usize::MAX);
    let (mut offset, mut out) = (0, Vec::new());
    for (i, shape) in shapes.iter().enumerate() {
        let size = shape.get(axis).ok_or_else(|| err!(OutOfRange, "axis: expected one of {rank}, found {axis}"))?;
        let mut at = vec![0; shape.len()];
        at[axis] = offset;
        out.push(Tensor::from(Array::from_i64(call.x(i + 1)?.dtype()?, [at.len()], &at)?));
        offset += size;
    }
    many(out)
}

fn ensure_shape(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let x = call.x(0)?;
    if let Some(expected) = call.attr_shape("shape") {
        let shape = x.shape()?;
        let fits = |(e, &f): (&i64, &usize)| *e < 0 || *e == f as i64;
        if expected.len() != shape.rank() || !expected.iter().zip(shape.iter()).all(fits) {
            fail!(ShapeMismatch, "expected the shape {expected:?}, found {shape}");
        }
    }
    one(x)
}

fn fill(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (shape, value) = (call.sizes(0)?, call.x(1)?.reshape([]));
    one(value.broadcast_to(shape))
}

fn invert_permutation(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let order = call.sizes(0)?;
    let mut inverse = vec![usize::MAX; order.len()];
    for (i, &to) in order.iter().enumerate() {
        *inverse.get_mut(to).ok_or_else(|| err!(OutOfRange, "permutation: found {to} of {}", order.len()))? = i;
    }
    ints(call, 0, &inverse)
}

fn lin_space(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let count = sizes(&[call.int(2)?])?[0];
    let (start, stop, dtype) = (call.float(0)?, call.float(1)?, call.x(0)?.dtype()?);
    let step = if count > 1 { (stop - start) / (count - 1) as f64 } else { 0.0 };
    let values = (0..count).map(|i| if i + 1 == count && i > 0 { stop } else { start + step * i as f64 });
    one(Array::from_f64(dtype, [count], &values.collect::<Vec<_>>())?.into())
}

fn pack(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    if matches!(call.value(0), Ok(Value::Ragged(_) | Value::List(_))) {
        return Ok(vec![Value::Variants(std::sync::Arc::new(std::mem::take(&mut call.inputs)))]);
    }
    let axis = call.attr_int("axis", 0) as isize;
    let all = call.all(0)?;
    one(Tensor::stack(&all.iter().collect::<Vec<_>>(), axis))
}

/// Pairs of input 1, `[axes, 2]`.
fn widths(call: &Call<'_, '_>) -> Result<Vec<(usize, usize)>> {
    Ok(call.sizes(1)?.as_chunks::<2>().0.iter().map(|w| (w[0], w[1])).collect())
}

fn pad(x: &Tensor, widths: &[(usize, usize)], value: Option<Tensor>) -> Result<Tensor> {
    let Some(value) = value else { return Ok(x.pad(widths)) };
    if !value.is_traced() && x.dtype()? != DType::Str {
        let value = value.reshape([]).array()?;
        if !value.dtype().is_complex() {
            let wide: Vec<_> = widths.iter().map(|&(a, b)| (a, b, 0)).collect();
            return Ok(x.pad_interior(&wide, value.to_f64()?.first().copied().unwrap_or(0.0)));
        }
    }
    let value = value.reshape([]);
    let mut y = x.clone();
    for (axis, &(before, after)) in widths.iter().enumerate() {
        let side = |size: usize| -> Result<Tensor> {
            let mut shape = y.shape()?.to_vec();
            *shape.get_mut(axis).ok_or_else(|| err!(RankMismatch, "padding of more axes than there are"))? = size;
            Ok(value.broadcast_to(shape))
        };
        let parts = [side(before)?, y.clone(), side(after)?];
        let parts: Vec<&Tensor> =
            parts.iter().zip([before, 1, after]).filter(|(_, size)| *size > 0).map(|(p, _)| p).collect();
        y = Tensor::concat(&parts, axis as isize);
    }
    Ok(y)
}

fn range(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let dtype = call.x(0)?.dtype()?;
    const MOST: u64 = 1 << 32;
    let most = MOST.min(call.run.machine.limits.object_bytes / 8);
    if dtype.is_int() {
        let (start, stop, step) = (call.int(0)?, call.int(1)?, call.int(2)?);
        if step == 0 {
            fail!(InvalidArgument, "range: expected a step, found 0");
        }
        let count = ((i128::from(stop) - i128::from(start)) as f64 / step as f64).ceil().max(0.0) as u64;
        cornet_error::Limits::check("range: numbers", count, most)?;
        let values: Vec<i64> = (0..count as i64).map(|i| start.wrapping_add(i.wrapping_mul(step))).collect();
        return one(Array::from_i64(dtype, [values.len()], &values)?.into());
    }
    let (start, stop, step) = (call.float(0)?, call.float(1)?, call.float(2)?);
    let count = ((stop - start) / step).ceil().max(0.0);
    if !count.is_finite() {
        fail!(InvalidArgument, "range: expected a finite one, found {start} to {stop} by {step}");
    }
    cornet_error::Limits::check("range: numbers", count as u64, most)?;
    let values: Vec<f64> = (0..count as usize).map(|i| start + step * i as f64).collect();
    one(Array::from_f64(dtype, [values.len()], &values)?.into())
}

fn reshape(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, shape) = (call.x(0)?, call.ints(1)?);
    let elements = x.shape()?.elements();
    // With no elements, -1 stands for 0.
    if elements == 0 && shape.contains(&-1) {
        let rest: i64 = shape.iter().filter(|&&s| s != -1).product();
        let size = if rest == 0 { 0 } else { elements as i64 / rest };
        let shape: Vec<i64> = shape.iter().map(|&s| if s == -1 { size } else { s }).collect();
        return one(x.reshape(sizes(&shape)?));
    }
    one(x.reshape_infer(&shape.iter().map(|&s| s as isize).collect::<Vec<_>>()))
}

/// Reversed along axes; of all of them for none would be another thing.
fn flip(x: &Tensor, axes: &[isize]) -> Tensor {
    if axes.is_empty() { x.clone() } else { x.flip(axes) }
}

fn reverse_sequence(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, lengths) = (call.x(0)?, call.x(1)?.cast(DType::I64));
    let (along, batch) = (call.attr_int("seq_dim", 0) as isize, call.attr_int("batch_dim", 0) as isize);
    let shape = x.shape()?;
    let (along, batch) = (shape.axis(along)?, shape.axis(batch)?);
    let mut to = vec![1; shape.rank()];
    to[batch] = shape[batch];
    let lengths = lengths.reshape(to);
    let mut to = vec![1; shape.rank()];
    to[along] = shape[along];
    let steps: Vec<i64> = (0..shape[along] as i64).collect();
    let steps = Tensor::from(Array::from_vec(steps, to)?);
    let places = steps.less(&lengths).where_(&lengths - 1 - &steps, &steps);
    one(x.take_along_axis(&places.broadcast_to(&shape), along as isize))
}

fn space_to_batch(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, blocks, pads) = (call.x(0)?, call.sizes(1)?, call.sizes(2)?);
    let rank = x.rank()?;
    let count = blocks.len();
    if rank <= count || pads.len() != 2 * count || blocks.contains(&0) {
        fail!(RankMismatch, "blocks: expected fewer than {rank}, found {blocks:?} with {} widths", pads.len());
    }
    let mut widths = vec![(0, 0); rank];
    (0..count).for_each(|i| widths[i + 1] = (pads[2 * i], pads[2 * i + 1]));
    let x = x.pad(&widths);
    let shape = x.shape()?;
    let (mut to, mut order) = (vec![shape[0]], Vec::new());
    for (i, &block) in blocks.iter().enumerate() {
        to.extend([shape[i + 1] / block, block]);
        order.push(2 * i as isize + 2);
    }
    order.push(0);
    order.extend((0..count).map(|i| 2 * i as isize + 1));
    order.extend((0..rank - count - 1).map(|i| (2 * count + 1 + i) as isize));
    to.extend(&shape[count + 1..]);
    let mut last = vec![shape[0] * blocks.iter().product::<usize>()];
    last.extend((0..count).map(|i| shape[i + 1] / blocks[i]));
    last.extend(&shape[count + 1..]);
    one(x.reshape(to).transpose(&order).reshape(last))
}

fn batch_to_space(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, blocks, crops) = (call.x(0)?, call.sizes(1)?, call.sizes(2)?);
    let shape = x.shape()?;
    let (rank, count) = (shape.rank(), blocks.len());
    let product = blocks.iter().product::<usize>();
    if rank <= count || crops.len() != 2 * count || product == 0 {
        fail!(RankMismatch, "blocks: expected fewer than {rank}, found {blocks:?} with {} widths", crops.len());
    }
    let batch = shape[0] / product;
    let mut to = blocks.clone();
    to.push(batch);
    to.extend(&shape[1..]);
    let mut order = vec![count as isize];
    for i in 0..count {
        order.extend([(count + 1 + i) as isize, i as isize]);
    }
    order.extend((2 * count + 1..count + rank).map(|a| a as isize));
    let mut last = vec![batch];
    last.extend((0..count).map(|i| shape[i + 1] * blocks[i]));
    last.extend(&shape[count + 1..]);
    let mut y = x.reshape(to).transpose(&order).reshape(last.clone());
    for i in 0..count {
        let (before, after) = (crops[2 * i], crops[2 * i + 1]);
        let size = last[i + 1].checked_sub(before + after);
        let size = size.ok_or_else(|| err!(InvalidArgument, "crops: expected less than {}", last[i + 1]))?;
        y = y.slice_axis(i as isize + 1, before, size);
    }
    one(y)
}

fn split_v(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, mut parts, axis) = (call.x(0)?, call.ints(1)?, call.int(2)? as isize);
    let shape = x.shape()?;
    let axis = shape.axis(axis)?;
    if let Some(open) = parts.iter().position(|&s| s == -1) {
        let rest: i64 = parts.iter().filter(|&&s| s != -1).sum();
        parts[open] = shape[axis] as i64 - rest;
    }
    let parts = sizes(&parts)?;
    if parts.iter().sum::<usize>() != shape[axis] {
        fail!(DimMismatch, "split: expected sizes that add up to {}, found {parts:?}", shape[axis]);
    }
    let mut at = 0;
    let pieces = parts.iter().map(|&size| {
        at += size;
        x.slice_axis(axis as isize, at - size, size)
    });
    many(pieces.collect::<Vec<_>>())
}

fn squeeze(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let mut axes: Vec<isize> = call.attr_ints("squeeze_dims").iter().map(|&a| a as isize).collect();
    if axes.is_empty() {
        axes = call.attr_ints("axis").iter().map(|&a| a as isize).collect();
    }
    let x = call.x(0)?;
    if axes.is_empty() {
        let shape: Vec<usize> = x.shape()?.iter().copied().filter(|&s| s != 1).collect();
        return one(x.reshape(shape));
    }
    one(x.squeeze(&axes))
}

fn transpose(call: &Call<'_, '_>) -> Result<Tensor> {
    let (x, order) = (call.x(0)?, call.ints(1)?);
    if order.is_empty() {
        return Ok(x);
    }
    Ok(x.transpose(&order.iter().map(|&a| a as isize).collect::<Vec<_>>()))
}

fn zeros_like(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let x = call.x(0)?;
    one(zeros(x.dtype()?, &x.shape()?)?)
}
