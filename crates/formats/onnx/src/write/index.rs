//! Gathering, scattering, sorting.

use cornet_error::{Result, fail};
use cornet_export::OpenNode;
use cornet_tensor::DType;

use super::emit::{A, Emit};

/// Indices as int64.
fn indices(e: &mut Emit<'_, '_>, n: &OpenNode, i: usize) -> Result<String> {
    let x = e.x(n, i)?;
    if e.ty(n, i)?.dtype == DType::I64 { Ok(x) } else { e.cast(&x, DType::I64) }
}

pub(super) fn take(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, at) = (e.x(n, 0)?, indices(e, n, 1)?);
    Ok(vec![e.node("Gather", &[&x, &at], &[("axis", A::I(n.attrs.int("axis")?))])?])
}

pub(super) fn take_along_axis(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, at) = (e.x(n, 0)?, indices(e, n, 1)?);
    Ok(vec![e.node("GatherElements", &[&x, &at], &[("axis", A::I(n.attrs.int("axis")?))])?])
}

pub(super) fn gather_nd(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, at) = (e.x(n, 0)?, indices(e, n, 1)?);
    Ok(vec![e.node("GatherND", &[&x, &at], &[])?])
}

fn reduction(mode: &str) -> Result<&'static str> {
    Ok(match mode {
        "update" => "none",
        "add" => "add",
        "mul" => "mul",
        "max" => "max",
        "min" => "min",
        _ => fail!(Unsupported, "mode: expected update, add, mul, max or min, found {mode}"),
    })
}

pub(super) fn scatter_nd(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, at, updates) = (e.x(n, 0)?, indices(e, n, 1)?, e.x(n, 2)?);
    let mode = reduction(n.attrs.str("mode")?)?;
    Ok(vec![e.node("ScatterND", &[&x, &at, &updates], &[("reduction", A::S(mode))])?])
}

pub(super) fn put_along_axis(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, at, updates) = (e.x(n, 0)?, indices(e, n, 1)?, e.x(n, 2)?);
    let mode = reduction(n.attrs.str("mode")?)?;
    let attrs = [("axis", A::I(n.attrs.int("axis")?)), ("reduction", A::S(mode))];
    Ok(vec![e.node("ScatterElements", &[&x, &at, &updates], &attrs)?])
}

/// The dtype in which TopK has kernels.
fn sortable(dtype: DType) -> DType {
    match dtype {
        DType::F32 | DType::F64 | DType::I32 | DType::I64 => dtype,
        DType::F16 | DType::BF16 => DType::F32,
        DType::U32 | DType::U64 => DType::I64,
        _ => DType::I32,
    }
}

fn top(e: &mut Emit<'_, '_>, n: &OpenNode, k: &str, axis: i64, largest: bool) -> Result<(String, String)> {
    let dtype = e.ty(n, 0)?.dtype;
    let x = e.x(n, 0)?;
    let inside = sortable(dtype);
    let x = if inside == dtype { x } else { e.cast(&x, inside)? };
    let mut found = e.nodes("TopK", &[&x, k], &[("axis", A::I(axis)), ("largest", A::I(largest.into()))], 2)?;
    let (at, values) = (found.remove(1), found.remove(0));
    Ok((if inside == dtype { values } else { e.cast(&values, dtype)? }, e.cast(&at, DType::I32)?))
}

pub(super) fn top_k(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let k = e.size(n.attrs.dim("k")?)?;
    let (values, at) = top(e, n, &k, -1, true)?;
    Ok(vec![values, at])
}

fn sorted(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<(String, String)> {
    let axis = n.attrs.size("axis")?;
    let k = match e.ty(n, 0)?.shape.get(axis) {
        Some(dim) => e.size(dim)?,
        None => fail!(Unsupported, "axis: expected one of {}, found {axis}", e.ty(n, 0)?.rank()),
    };
    top(e, n, &k, axis as i64, n.attrs.bool("descending")?)
}

pub(super) fn sort(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    Ok(vec![sorted(e, n)?.0])
}

pub(super) fn argsort(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    Ok(vec![sorted(e, n)?.1])
}

/// How many of the sorted elements stand before each value.
pub(super) fn searchsorted(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (mut row, mut values) = (e.x(n, 0)?, e.x(n, 1)?);
    let (dtype, inside) = (e.ty(n, 0)?.dtype, sortable(e.ty(n, 0)?.dtype));
    if dtype != inside {
        (row, values) = (e.cast(&row, inside)?, e.cast(&values, inside)?);
    }
    let last = e.ints(&[-1])?;
    let column = e.node("Unsqueeze", &[&values, &last], &[])?;
    let op = if n.attrs.bool("right")? { "LessOrEqual" } else { "Less" };
    let before = e.node(op, &[&row, &column], &[])?;
    let before = e.cast(&before, DType::I32)?;
    Ok(vec![e.node("ReduceSum", &[&before, &last], &[("keepdims", A::I(0))])?])
}
