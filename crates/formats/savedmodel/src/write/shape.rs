//! Ops that move elements; gathering, scattering, sorting.

use cornet_error::{Result, fail};
use cornet_export::{Dim, OpenNode};
use cornet_tensor::{Array, DType};

use super::emit::Emit;
use super::proto::A;

const I32: DType = DType::I32;

pub(super) fn size(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let size = e.size(n.attrs.dim("value")?)?;
    Ok(vec![e.cast(&size, I32, n.attrs.dtype("dtype")?)?])
}

pub(super) fn stretched(e: &mut Emit<'_, '_>, x: &str, dims: &[Dim], dtype: DType) -> Result<String> {
    let target = e.sizes(dims)?;
    e.node("BroadcastTo", &[x, &target], &[("T", A::Type(dtype)), ("Tidx", A::Type(I32))], "output")
}

pub(super) fn broadcast_to(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, out) = (e.x(n, 0)?, e.out(n));
    Ok(vec![stretched(e, &x, &out.shape, out.dtype)?])
}

pub(super) fn cast(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, from) = (e.x(n, 0)?, e.ty(n, 0)?.dtype);
    Ok(vec![e.cast(&x, from, n.attrs.dtype("dtype")?)?])
}

pub(super) fn joined(e: &mut Emit<'_, '_>, x: &[&str], axis: usize, dtype: DType) -> Result<String> {
    let at = e.int(axis as i64)?;
    let inputs: Vec<&str> = x.iter().copied().chain([at.as_str()]).collect();
    let attrs = [("N", A::Int(x.len() as i64)), ("T", A::Type(dtype)), ("Tidx", A::Type(I32))];
    e.node("ConcatV2", &inputs, &attrs, "output")
}

pub(super) fn concat(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let x = e.all(n)?;
    if let [one] = x.as_slice() {
        return Ok(vec![one.clone()]);
    }
    Ok(vec![joined(e, &x.iter().map(String::as_str).collect::<Vec<_>>(), n.attrs.size("axis")?, e.out(n).dtype)?])
}

pub(super) fn flip(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, axes) = (e.x(n, 0)?, e.ints(&n.attrs.ints("axes")?)?);
    Ok(vec![e.node("ReverseV2", &[&x, &axes], &[("T", A::Type(e.out(n).dtype)), ("Tidx", A::Type(I32))], "output")?])
}

pub(super) fn iota(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (dims, axis, dtype) = (n.attrs.dims("shape")?.to_vec(), n.attrs.size("axis")?, n.attrs.dtype("dtype")?);
    let Some(length) = dims.get(axis) else { fail!(Unsupported, "axis: expected one of {}, found {axis}", dims.len()) };
    let (zero, one, limit) = (e.int(0)?, e.int(1)?, e.size(length)?);
    let range = e.node("Range", &[&zero, &limit, &one], &[("Tidx", A::Type(I32))], "output")?;
    let range = e.cast(&range, I32, dtype)?;
    if dims.len() == 1 {
        return Ok(vec![range]);
    }
    let mut column = vec![1; dims.len()];
    column[axis] = -1;
    let column = e.ints(&column)?;
    let column = e.node("Reshape", &[&range, &column], &[("T", A::Type(dtype)), ("Tshape", A::Type(I32))], "output")?;
    Ok(vec![stretched(e, &column, &dims, dtype)?])
}

/// Reshapes to sizes of which one may be open without being computed.
pub(super) fn to_shape(e: &mut Emit<'_, '_>, x: &str, dims: &[Dim], dtype: DType) -> Result<String> {
    let open = dims.iter().filter(|d| !d.is_fixed()).count();
    let has_zero = dims.iter().any(|d| d.known() == Some(0));
    let target = if open == 1 && !has_zero {
        e.ints(&dims.iter().map(|d| d.known().unwrap_or(-1)).collect::<Vec<_>>())?
    } else {
        e.sizes(dims)?
    };
    e.node("Reshape", &[x, &target], &[("T", A::Type(dtype)), ("Tshape", A::Type(I32))], "output")
}

pub(super) fn reshape(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, out) = (e.x(n, 0)?, e.out(n));
    Ok(vec![to_shape(e, &x, &out.shape, out.dtype)?])
}

pub(super) fn ordered(e: &mut Emit<'_, '_>, x: &str, axes: &[i64], dtype: DType) -> Result<String> {
    let perm = e.ints(axes)?;
    e.node("Transpose", &[x, &perm], &[("T", A::Type(dtype)), ("Tperm", A::Type(I32))], "y")
}

pub(super) fn transpose(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let x = e.x(n, 0)?;
    Ok(vec![ordered(e, &x, &n.attrs.ints("axes")?, e.out(n).dtype)?])
}

/// A place on an axis of this size: as it is, or counted from the end if only that is fixed; `None` for the very end,
/// or, with steps backwards, for the very beginning.
fn place(at: &Dim, size: &Dim, e: &Emit<'_, '_>, is_end: bool) -> Option<Dim> {
    if let Some(at) = at.known() {
        return if is_end && at < 0 { None } else { Some(Dim::fixed(at)) };
    }
    match at.with(size, e.samples(), |at, size| at - size).known() {
        Some(back) if back >= 0 => None,
        Some(back) => Some(Dim::fixed(back)),
        None => Some(at.clone()),
    }
}

/// A StridedSlice, where `None` leaves an end open.
fn strided(
    e: &mut Emit<'_, '_>,
    x: &str,
    starts: &[Dim],
    ends: &[Option<Dim>],
    steps: &[i64],
    dtype: DType,
) -> Result<String> {
    let mask: i64 = ends.iter().enumerate().filter(|(_, end)| end.is_none()).map(|(i, _)| 1 << i).sum();
    let ends: Vec<Dim> = ends.iter().map(|end| end.clone().unwrap_or(Dim::fixed(0))).collect();
    let (starts, ends, steps) = (e.sizes(starts)?, e.sizes(&ends)?, e.ints(steps)?);
    let attrs = [("T", A::Type(dtype)), ("Index", A::Type(I32)), ("end_mask", A::Int(mask))];
    e.node("StridedSlice", &[x, &starts, &ends, &steps], &attrs, "output")
}

pub(super) fn slice(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, from) = (e.x(n, 0)?, &e.ty(n, 0)?.shape);
    let (start, size, step) = (n.attrs.dims("start")?, n.attrs.dims("size")?, n.attrs.ints("step")?);
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for axis in 0..from.len().min(start.len()).min(size.len()).min(step.len()) {
        let whole = start[axis].known() == Some(0) && step[axis] == 1 && size[axis] == from[axis];
        let way = size[axis].with(&Dim::fixed(step[axis]), e.samples(), |n, step| n.saturating_mul(step));
        let end = start[axis].with(&way, e.samples(), i64::saturating_add);
        starts.push(place(&start[axis], &from[axis], e, false).unwrap_or_else(|| start[axis].clone()));
        ends.push(if whole { None } else { place(&end, &from[axis], e, true) });
    }
    Ok(vec![strided(e, &x, &starts, &ends, &step, e.out(n).dtype)?])
}

/// The box of these sizes at a place; sizes of -1 reach to the end.
fn boxed(e: &mut Emit<'_, '_>, x: &str, begin: &str, size: &str, dtype: DType) -> Result<String> {
    e.node("Slice", &[x, begin, size], &[("T", A::Type(dtype)), ("Index", A::Type(I32))], "output")
}

pub(super) fn dynamic_slice(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, start) = (e.x(n, 0)?, e.x(n, 1)?);
    let start = e.cast(&start, e.ty(n, 1)?.dtype, I32)?;
    let size = e.sizes(n.attrs.dims("size")?)?;
    Ok(vec![boxed(e, &x, &start, &size, e.out(n).dtype)?])
}

/// What stands before the box, the box, what stands behind it, along the one axis that the box does not fill.
pub(super) fn dynamic_update_slice(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, update, start) = (e.x(n, 0)?, e.x(n, 1)?, e.x(n, 2)?);
    let (whole, part, dtype) = (&e.ty(n, 0)?.shape, &e.ty(n, 1)?.shape, e.out(n).dtype);
    let mut open = (0..whole.len()).filter(|&i| whole[i] != part[i]);
    let (axis, None) = (open.next(), open.next()) else {
        fail!(Unsupported, "update: expected the sizes of x but for one axis, found {part:?} in {whole:?}");
    };
    let Some(axis) = axis else { return Ok(vec![update]) };
    let start = e.cast(&start, e.ty(n, 2)?.dtype, I32)?;
    let start = e.element(&start, axis)?;
    let size = e.size(&part[axis])?;
    let end = e.binary("AddV2", &start, &size, I32)?;
    let (zero, rest) = (e.int(0)?, e.int(-1)?);
    let at = |i: usize, own: &String, other: &String| if i == axis { own.clone() } else { other.clone() };
    let zeros = vec![zero.clone(); whole.len()];
    let zeros = e.pack(&zeros)?;
    let before: Vec<String> = (0..whole.len()).map(|i| at(i, &start, &rest)).collect();
    let behind: Vec<String> = (0..whole.len()).map(|i| at(i, &end, &zero)).collect();
    let (before, behind) = (e.pack(&before)?, e.pack(&behind)?);
    let all = e.ints(&vec![-1; whole.len()])?;
    let before = boxed(e, &x, &zeros, &before, dtype)?;
    let behind = boxed(e, &x, &behind, &all, dtype)?;
    Ok(vec![joined(e, &[&before, &update, &behind], axis, dtype)?])
}

/// `low` and `high` elements of a value around each axis.
pub(super) fn padded(
    e: &mut Emit<'_, '_>,
    x: &str,
    low: &[Dim],
    high: &[Dim],
    value: f64,
    dtype: DType,
) -> Result<String> {
    let pairs: Vec<Dim> = low.iter().zip(high).flat_map(|(l, h)| [l.clone(), h.clone()]).collect();
    let pairs = e.sizes(&pairs)?;
    let shape = e.ints(&[low.len() as i64, 2])?;
    let pairs = e.node("Reshape", &[&pairs, &shape], &[("T", A::Type(I32)), ("Tshape", A::Type(I32))], "output")?;
    let value = e.number(dtype, value)?;
    e.node("PadV2", &[x, &pairs, &value], &[("T", A::Type(dtype)), ("Tpaddings", A::Type(I32))], "output")
}

pub(super) fn pad(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let dtype = e.out(n).dtype;
    let (low, high) = (n.attrs.dims("low")?, n.attrs.dims("high")?);
    let (interior, value) = (n.attrs.ints("interior")?, n.attrs.float("value")?);
    let (mut x, mut shape) = (e.x(n, 0)?, e.ty(n, 0)?.shape.clone());
    for axis in (0..shape.len()).filter(|&axis| interior.get(axis).is_some_and(|&i| i > 0)) {
        x = spread(e, &x, &mut shape, axis, interior[axis], dtype, value)?;
    }
    if low.iter().chain(high).any(|d| d.known() != Some(0)) {
        x = padded(e, &x, low, high, value, dtype)?;
    }
    Ok(vec![x])
}

/// `between` copies of a value between neighbours along an axis.
pub(super) fn spread(
    e: &mut Emit<'_, '_>,
    x: &str,
    shape: &mut [Dim],
    axis: usize,
    between: i64,
    dtype: DType,
    value: f64,
) -> Result<String> {
    let rank = shape.len();
    let behind = e.int(axis as i64 + 1)?;
    let column = e.node("ExpandDims", &[x, &behind], &[("T", A::Type(dtype)), ("Tdim", A::Type(I32))], "output")?;
    let mut high = vec![Dim::fixed(0); rank + 1];
    let low = high.clone();
    high[axis + 1] = Dim::fixed(between);
    let wide = padded(e, &column, &low, &high, value, dtype)?;
    let by = Dim::fixed(between);
    let wider = shape[axis].with(&by, e.samples(), |n, by| n.saturating_mul(by.saturating_add(1)));
    shape[axis] = wider.clone();
    let flat = to_shape(e, &wide, shape, dtype)?;
    shape[axis] = wider.with(&by, e.samples(), |n, by| (n - by).max(0));
    let mut ends = vec![None; rank];
    ends[axis] = Some(Dim::fixed(-between));
    strided(e, &flat, &vec![Dim::fixed(0); rank], &ends, &vec![1; rank], dtype)
}

/// Indices from 0, where those below 0 count from the end of an axis of this size; int32 or int64.
fn indices(e: &mut Emit<'_, '_>, n: &OpenNode, i: usize, size: &Dim) -> Result<(String, DType)> {
    let from = e.ty(n, i)?.dtype;
    let dtype = if matches!(from, DType::I64 | DType::U32 | DType::U64) { DType::I64 } else { I32 };
    let x = e.x(n, i)?;
    let x = e.cast(&x, from, dtype)?;
    if from.is_unsigned_int() || from == DType::Bool {
        return Ok((x, dtype));
    }
    let (zero, size) = (e.number(dtype, 0.0)?, e.size(size)?);
    let size = e.cast(&size, I32, dtype)?;
    let below = e.binary("Less", &x, &zero, dtype)?;
    let moved = e.binary("AddV2", &x, &size, dtype)?;
    Ok((e.select(&below, &moved, &x, dtype)?, dtype))
}

fn axis_size(dims: &[Dim], axis: usize) -> Result<&Dim> {
    match dims.get(axis) {
        Some(dim) => Ok(dim),
        None => fail!(Unsupported, "axis: expected one of {}, found {axis}", dims.len()),
    }
}

pub(super) fn gathered(
    e: &mut Emit<'_, '_>,
    x: &str,
    at: &str,
    axis: usize,
    batch: usize,
    dtypes: [DType; 2],
) -> Result<String> {
    let axis = e.int(axis as i64)?;
    let [params, index] = dtypes;
    let attrs = [
        ("Tparams", A::Type(params)),
        ("Tindices", A::Type(index)),
        ("Taxis", A::Type(I32)),
        ("batch_dims", A::Int(batch as i64)),
    ];
    e.node("GatherV2", &[x, at, &axis], &attrs, "output")
}

pub(super) fn take(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let axis = n.attrs.size("axis")?;
    let size = axis_size(&e.ty(n, 0)?.shape, axis)?;
    let (at, index) = indices(e, n, 1, size)?;
    let x = e.x(n, 0)?;
    Ok(vec![gathered(e, &x, &at, axis, 0, [e.out(n).dtype, index])?])
}

/// The order of axes that exchanges one with the last.
fn with_last(rank: usize, axis: usize) -> Vec<i64> {
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(axis, rank - 1);
    order
}

pub(super) fn take_along_axis(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (axis, rank, dtype) = (n.attrs.size("axis")?, e.ty(n, 0)?.rank(), e.out(n).dtype);
    let size = axis_size(&e.ty(n, 0)?.shape, axis)?;
    let (mut at, index) = indices(e, n, 1, size)?;
    let mut x = e.x(n, 0)?;
    let order = with_last(rank, axis);
    if axis + 1 < rank {
        (x, at) = (ordered(e, &x, &order, dtype)?, ordered(e, &at, &order, index)?);
    }
    let y = gathered(e, &x, &at, rank - 1, rank - 1, [dtype, index])?;
    Ok(vec![if axis + 1 < rank { ordered(e, &y, &order, dtype)? } else { y }])
}

fn plain_indices(e: &mut Emit<'_, '_>, n: &OpenNode, i: usize) -> Result<String> {
    let (x, from) = (e.x(n, i)?, e.ty(n, i)?.dtype);
    e.cast(&x, from, DType::I64)
}

pub(super) fn gather_nd(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (at, x) = (plain_indices(e, n, 1)?, e.x(n, 0)?);
    let attrs = [("Tparams", A::Type(e.out(n).dtype)), ("Tindices", A::Type(DType::I64))];
    Ok(vec![e.node("GatherNd", &[&x, &at], &attrs, "output")?])
}

pub(super) fn scatter_nd(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let op = match n.attrs.str("mode")? {
        "update" => "TensorScatterUpdate",
        "add" => "TensorScatterAdd",
        "max" => "TensorScatterMax",
        "min" => "TensorScatterMin",
        other => fail!(Unsupported, "mode: expected update, add, max or min, found {other}"),
    };
    let (x, at, updates) = (e.x(n, 0)?, plain_indices(e, n, 1)?, e.x(n, 2)?);
    let attrs = [("T", A::Type(e.out(n).dtype)), ("Tindices", A::Type(DType::I64))];
    Ok(vec![e.node(op, &[&x, &at, &updates], &attrs, "output")?])
}

/// The greatest, or least, of the last axis; values and int32 indices.
fn top(e: &mut Emit<'_, '_>, x: &str, k: &str, dtype: DType, largest: bool) -> Result<(String, String)> {
    let inner = super::pointwise::inside(dtype, super::table::Kernels::Numbers);
    let mut x = e.cast(x, dtype, inner)?;
    if !largest {
        x = e.unary("Neg", &x, inner, "y")?;
    }
    let attrs = [("T", A::Type(inner)), ("Tk", A::Type(I32)), ("index_type", A::Type(I32))];
    let mut values = e.node("TopKV2", &[&x, k], &attrs, "values")?;
    let at = Emit::other(&values, "indices", 0);
    if !largest {
        values = e.unary("Neg", &values, inner, "y")?;
    }
    Ok((e.cast(&values, inner, dtype)?, at))
}

pub(super) fn top_k(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, k) = (e.x(n, 0)?, e.size(n.attrs.dim("k")?)?);
    let (values, at) = top(e, &x, &k, e.ty(n, 0)?.dtype, true)?;
    Ok(vec![values, at])
}

fn sorted(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<(String, String)> {
    let (axis, ty) = (n.attrs.size("axis")?, e.ty(n, 0)?);
    let k = e.size(axis_size(&ty.shape, axis)?)?;
    let mut x = e.x(n, 0)?;
    let order = with_last(ty.rank(), axis);
    let moved = axis + 1 < ty.rank();
    if moved {
        x = ordered(e, &x, &order, ty.dtype)?;
    }
    let (values, at) = top(e, &x, &k, ty.dtype, n.attrs.bool("descending")?)?;
    if !moved {
        return Ok((values, at));
    }
    Ok((ordered(e, &values, &order, ty.dtype)?, ordered(e, &at, &order, I32)?))
}

pub(super) fn sort(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    Ok(vec![sorted(e, n)?.0])
}

pub(super) fn argsort(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    Ok(vec![sorted(e, n)?.1])
}

pub(super) fn searchsorted(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let op = if n.attrs.bool("right")? { "UpperBound" } else { "LowerBound" };
    let (dtype, row, values) = (e.ty(n, 0)?.dtype, e.x(n, 0)?, e.x(n, 1)?);
    let inner = super::pointwise::inside(dtype, super::table::Kernels::Numbers);
    let (row, values) = (e.cast(&row, dtype, inner)?, e.cast(&values, dtype, inner)?);
    let one_row = e.ints(&[1, -1])?;
    let attrs = || [("T", A::Type(inner)), ("Tshape", A::Type(I32))];
    let row = e.node("Reshape", &[&row, &one_row], &attrs(), "output")?;
    let values = e.node("Reshape", &[&values, &one_row], &attrs(), "output")?;
    let found = e.node(op, &[&row, &values], &[("T", A::Type(inner)), ("out_type", A::Type(I32))], "output")?;
    Ok(vec![to_shape(e, &found, &e.out(n).shape, I32)?])
}

/// A table as a comparison with every key.
pub(super) fn lookup(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (keys, values, default) = (n.attrs.array("keys")?, n.attrs.array("values")?, n.attrs.array("default")?);
    let (x, key, dtype, buckets) = (e.x(n, 0)?, keys.dtype(), values.dtype(), n.attrs.int("buckets")?);
    let mut other = e.constant(default)?;
    if buckets > 0 {
        let bucket = if key == DType::Str {
            e.node("StringToHashBucketFast", &[&x], &[("num_buckets", A::Int(buckets))], "output")?
        } else {
            let by = e.number(DType::I64, buckets as f64)?;
            e.binary("FloorMod", &x, &by, DType::I64)?
        };
        other = e.binary("AddV2", &bucket, &other, DType::I64)?;
    }
    if keys.elements() == 0 {
        return Ok(vec![stretched(e, &other, &e.out(n).shape, dtype)?]);
    }
    let (all, last) = (e.constant(keys)?, e.int(-1)?);
    let column = e.node("ExpandDims", &[&x, &last], &[("T", A::Type(key)), ("Tdim", A::Type(I32))], "output")?;
    let same = e.binary("Equal", &column, &all, key)?;
    let found = e.node("Any", &[&same, &last], &[("Tidx", A::Type(I32))], "output")?;
    let same = e.cast(&same, DType::Bool, I32)?;
    let attrs = [("T", A::Type(I32)), ("Tidx", A::Type(I32)), ("output_type", A::Type(I32))];
    let at = e.node("ArgMax", &[&same, &last], &attrs, "output")?;
    let table: &Array = values;
    let table = e.constant(table)?;
    let value = gathered(e, &table, &at, 0, 0, [dtype, I32])?;
    Ok(vec![e.select(&found, &value, &other, dtype)?])
}
