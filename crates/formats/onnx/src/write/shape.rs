//! Ops that move elements.

use cornet_error::{Result, fail};
use cornet_export::{Dim, OpenNode};
use cornet_tensor::{Array, DType};

use super::emit::{A, Emit};
use super::numbers::code;

/// The end of an axis, whatever its size.
const END: i64 = i64::MAX;
/// Before the first element, for steps backwards.
const BEFORE: i64 = i64::MIN + 1;

pub(super) fn size(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let size = e.size(n.attrs.dim("value")?)?;
    let none = e.ints(&[])?;
    let scalar = e.node("Reshape", &[&size, &none], &[])?;
    Ok(vec![e.cast(&scalar, n.attrs.dtype("dtype")?)?])
}

/// Sizes that the input has already are 1 in the target, so that they need not be known.
pub(super) fn broadcast_to(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, from, to) = (e.x(n, 0)?, &e.ty(n, 0)?.shape, &e.out(n).shape);
    let skip = to.len() - from.len().min(to.len());
    let target: Vec<Dim> = to
        .iter()
        .enumerate()
        .map(|(i, d)| if i >= skip && from[i - skip] == *d { Dim::fixed(1) } else { d.clone() })
        .collect();
    let target = e.sizes(&target)?;
    Ok(vec![e.node("Expand", &[&x, &target], &[])?])
}

pub(super) fn cast(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, from, to) = (e.x(n, 0)?, e.ty(n, 0)?.dtype, n.attrs.dtype("dtype")?);
    if from == DType::C64 || to == DType::C64 {
        fail!(Unsupported, "cast from {from} to {to}: ONNX has no complex numbers");
    }
    Ok(vec![e.node("Cast", &[&x], &[("to", A::I(code(to)))])?])
}

pub(super) fn concat(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let x = e.all(n)?;
    let x: Vec<&str> = x.iter().map(String::as_str).collect();
    Ok(vec![e.node("Concat", &x, &[("axis", A::I(n.attrs.int("axis")?))])?])
}

pub(super) fn flip(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, axes) = (e.x(n, 0)?, n.attrs.ints("axes")?);
    let count = axes.len();
    let (starts, ends) = (e.ints(&vec![-1; count])?, e.ints(&vec![BEFORE; count])?);
    let (axes, steps) = (e.ints(&axes)?, e.ints(&vec![-1; count])?);
    Ok(vec![e.node("Slice", &[&x, &starts, &ends, &axes, &steps], &[])?])
}

pub(super) fn iota(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (dims, axis, dtype) = (n.attrs.dims("shape")?, n.attrs.size("axis")?, n.attrs.dtype("dtype")?);
    let (Some(length), rank) = (dims.get(axis), dims.len()) else {
        fail!(Unsupported, "axis: expected one of {}, found {axis}", dims.len());
    };
    let (length, none) = (e.size(length)?, e.ints(&[])?);
    let limit = e.node("Reshape", &[&length, &none], &[])?;
    let (zero, one) = (e.number(DType::I64, 0.0)?, e.number(DType::I64, 1.0)?);
    let range = e.node("Range", &[&zero, &limit, &one], &[])?;
    let range = if dtype == DType::I64 { range } else { e.cast(&range, dtype)? };
    if rank == 1 {
        return Ok(vec![range]);
    }
    let mut column = vec![1; rank];
    column[axis] = -1;
    let column = e.ints(&column)?;
    let column = e.node("Reshape", &[&range, &column], &[])?;
    let mut target = dims.to_vec();
    target[axis] = Dim::fixed(1);
    let target = e.sizes(&target)?;
    Ok(vec![e.node("Expand", &[&column, &target], &[])?])
}

/// Reshapes to sizes of which one may be open without being computed.
pub(super) fn to_shape(e: &mut Emit<'_, '_>, x: &str, dims: &[Dim]) -> Result<String> {
    let open = dims.iter().filter(|d| !d.is_fixed()).count();
    let has_zero = dims.iter().any(|d| d.known() == Some(0));
    let target = if open == 1 && !has_zero {
        e.ints(&dims.iter().map(|d| d.known().unwrap_or(-1)).collect::<Vec<_>>())?
    } else {
        e.sizes(dims)?
    };
    let attrs: &[(&str, A<'_>)] = if has_zero { &[("allowzero", A::I(1))] } else { &[] };
    e.node("Reshape", &[x, &target], attrs)
}

pub(super) fn reshape(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let x = e.x(n, 0)?;
    Ok(vec![to_shape(e, &x, &e.out(n).shape)?])
}

pub(super) fn transpose(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, axes) = (e.x(n, 0)?, n.attrs.ints("axes")?);
    Ok(vec![e.node("Transpose", &[&x], &[("perm", A::Ints(axes))])?])
}

/// A place on an axis of this size: as it is, or counted from the end if only that is fixed.
fn place(at: &Dim, size: &Dim, e: &Emit<'_, '_>, is_end: bool) -> Option<i64> {
    if let Some(at) = at.known() {
        // Before the first element.
        return Some(if is_end && at < 0 { BEFORE } else { at });
    }
    match at.with(size, e.samples(), |at, size| at - size).known() {
        Some(back) if back >= 0 => Some(END),
        back => back,
    }
}

pub(super) fn slice(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, from) = (e.x(n, 0)?, &e.ty(n, 0)?.shape);
    let (start, size, step) = (n.attrs.dims("start")?, n.attrs.dims("size")?, n.attrs.ints("step")?);
    let (mut axes, mut starts, mut ends, mut steps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for axis in 0..from.len().min(start.len()).min(size.len()).min(step.len()) {
        if start[axis].known() == Some(0) && step[axis] == 1 && size[axis] == from[axis] {
            continue;
        }
        let way = size[axis].with(&Dim::fixed(step[axis]), e.samples(), |n, step| n.saturating_mul(step));
        let end = start[axis].with(&way, e.samples(), i64::saturating_add);
        axes.push(axis as i64);
        starts.push(place(&start[axis], &from[axis], e, false).map_or(start[axis].clone(), Dim::fixed));
        ends.push(place(&end, &from[axis], e, true).map_or(end, Dim::fixed));
        steps.push(step[axis]);
    }
    if axes.is_empty() {
        return Ok(vec![e.node("Identity", &[&x], &[])?]);
    }
    let (starts, ends, axes, steps) = (e.sizes(&starts)?, e.sizes(&ends)?, e.ints(&axes)?, e.ints(&steps)?);
    Ok(vec![e.node("Slice", &[&x, &starts, &ends, &axes, &steps], &[])?])
}

pub(super) fn dynamic_slice(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, start) = (e.x(n, 0)?, e.x(n, 1)?);
    let start = e.cast(&start, DType::I64)?;
    let size = e.sizes(n.attrs.dims("size")?)?;
    let end = e.node("Add", &[&start, &size], &[])?;
    Ok(vec![e.node("Slice", &[&x, &start, &end], &[])?])
}

/// What stands before the box, the box, what stands behind it, along the one axis that the box does not fill.
pub(super) fn dynamic_update_slice(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, update, start) = (e.x(n, 0)?, e.x(n, 1)?, e.x(n, 2)?);
    let (whole, part) = (&e.ty(n, 0)?.shape, &e.ty(n, 1)?.shape);
    let mut open = (0..whole.len()).filter(|&i| whole[i] != part[i]);
    let (axis, None) = (open.next(), open.next()) else {
        fail!(Unsupported, "update: expected the sizes of x but for one axis, found {part:?} in {whole:?}");
    };
    let Some(axis) = axis else { return Ok(vec![e.node("Identity", &[&update], &[])?]) };
    let (at, next) = (e.ints(&[axis as i64])?, e.ints(&[axis as i64 + 1])?);
    let start = e.cast(&start, DType::I64)?;
    let start = e.node("Slice", &[&start, &at, &next], &[])?;
    let size = e.size(&part[axis])?;
    let end = e.node("Add", &[&start, &size], &[])?;
    let (zero, last) = (e.ints(&[0])?, e.ints(&[END])?);
    let before = e.node("Slice", &[&x, &zero, &start, &at], &[])?;
    let behind = e.node("Slice", &[&x, &end, &last, &at], &[])?;
    Ok(vec![e.node("Concat", &[&before, &update, &behind], &[("axis", A::I(axis as i64))])?])
}

pub(super) fn pad(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let dtype = e.out(n).dtype;
    let (low, high) = (n.attrs.dims("low")?.to_vec(), n.attrs.dims("high")?.to_vec());
    let (interior, value) = (n.attrs.ints("interior")?, n.attrs.float("value")?);
    let mut x = e.x(n, 0)?;
    let inside = match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        DType::I16 | DType::U16 => DType::I32,
        DType::Bool => DType::U8,
        other => other,
    };
    if inside != dtype {
        x = e.cast(&x, inside)?;
    }
    let mut shape = e.ty(n, 0)?.shape.clone();
    for axis in (0..shape.len()).filter(|&axis| interior.get(axis).is_some_and(|&i| i > 0)) {
        x = spread(e, &x, &mut shape, axis, interior[axis], inside, value)?;
    }
    if low.iter().chain(&high).any(|d| d.known() != Some(0)) {
        let pads: Vec<Dim> = low.into_iter().chain(high).collect();
        let (pads, value) = (e.sizes(&pads)?, e.number(inside, value)?);
        x = e.node("Pad", &[&x, &pads, &value], &[])?;
    }
    Ok(vec![if inside == dtype { x } else { e.cast(&x, dtype)? }])
}

/// `between` copies of a value between neighbours along an axis.
fn spread(
    e: &mut Emit<'_, '_>,
    x: &str,
    shape: &mut [Dim],
    axis: usize,
    between: i64,
    dtype: DType,
    value: f64,
) -> Result<String> {
    let rank = shape.len();
    let behind = e.ints(&[axis as i64 + 1])?;
    let column = e.node("Unsqueeze", &[x, &behind], &[])?;
    let mut pads = vec![0; 2 * (rank + 1)];
    pads[rank + 1 + axis + 1] = between;
    let (pads, value) = (e.ints(&pads)?, e.number(dtype, value)?);
    let wide = e.node("Pad", &[&column, &pads, &value], &[])?;
    let by = Dim::fixed(between);
    let spread = shape[axis].with(&by, e.samples(), |n, by| n.saturating_mul(by.saturating_add(1)));
    shape[axis] = spread.clone();
    let flat = to_shape(e, &wide, shape)?;
    shape[axis] = spread.with(&by, e.samples(), |n, by| (n - by).max(0));
    let (zero, end, at) = (e.ints(&[0])?, e.ints(&[-between])?, e.ints(&[axis as i64])?);
    e.node("Slice", &[&flat, &zero, &end, &at], &[])
}

/// An array with its axes in another order.
pub(super) fn transposed(array: &Array, axes: &[usize]) -> Result<Array> {
    let (shape, width) = (array.shape(), array.dtype().size());
    let strides = shape.strides();
    let to: Vec<usize> = axes.iter().map(|&a| shape[a]).collect();
    let by: Vec<usize> = axes.iter().map(|&a| strides[a]).collect();
    let mut bytes = Vec::with_capacity(array.bytes().len());
    let mut at = vec![0_usize; to.len()];
    for _ in 0..array.elements() {
        let from: usize = at.iter().zip(&by).map(|(i, s)| i * s).sum();
        bytes.extend_from_slice(&array.bytes()[from * width..(from + 1) * width]);
        for axis in (0..at.len()).rev() {
            at[axis] += 1;
            if at[axis] < to[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
    Array::from_bytes(array.dtype(), to, &bytes)
}
