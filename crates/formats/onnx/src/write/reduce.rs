//! Reductions.

use cornet_error::Result;
use cornet_export::OpenNode;
use cornet_tensor::DType;

use super::emit::{A, Emit};

/// The dtype in which reductions have kernels.
fn reducible(dtype: DType) -> DType {
    match dtype {
        DType::F32 | DType::F64 | DType::I32 | DType::I64 => dtype,
        DType::F16 | DType::BF16 => DType::F32,
        DType::U32 | DType::U64 => DType::I64,
        _ => DType::I32,
    }
}

/// A reduction over the attribute `axes`.
pub(super) fn reduce(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str) -> Result<Vec<String>> {
    let dtype = e.out(n).dtype;
    let (axes, keepdims) = (n.attrs.ints("axes")?, n.attrs.bool("keepdims")?);
    let x = e.x(n, 0)?;
    if axes.is_empty() {
        return Ok(vec![e.node("Identity", &[&x], &[])?]);
    }
    let inside = reducible(dtype);
    let x = if inside == dtype { x } else { e.cast(&x, inside)? };
    let axes = e.ints(&axes)?;
    let y = e.node(op, &[&x, &axes], &[("keepdims", A::I(keepdims.into()))])?;
    Ok(vec![if inside == dtype { y } else { e.cast(&y, dtype)? }])
}

pub(super) fn all(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    reduce(e, n, "ReduceMin")
}

pub(super) fn any(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    reduce(e, n, "ReduceMax")
}

pub(super) fn argmax(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    place(e, n, "ArgMax")
}

pub(super) fn argmin(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    place(e, n, "ArgMin")
}

fn place(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str) -> Result<Vec<String>> {
    let x = e.x(n, 0)?;
    let inside = match e.ty(n, 0)?.dtype {
        DType::I64 | DType::U32 | DType::U64 => DType::F64,
        other => reducible(other),
    };
    let x = if inside == e.ty(n, 0)?.dtype { x } else { e.cast(&x, inside)? };
    let attrs = [("axis", A::I(n.attrs.int("axis")?)), ("keepdims", A::I(n.attrs.bool("keepdims")?.into()))];
    let at = e.node(op, &[&x], &attrs)?;
    Ok(vec![e.cast(&at, DType::I32)?])
}

pub(super) fn cumsum(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let dtype = e.out(n).dtype;
    let inside = reducible(dtype);
    let x = e.x(n, 0)?;
    let x = if inside == dtype { x } else { e.cast(&x, inside)? };
    let axis = e.number(DType::I64, n.attrs.int("axis")? as f64)?;
    let attrs =
        [("exclusive", A::I(n.attrs.bool("exclusive")?.into())), ("reverse", A::I(n.attrs.bool("reverse")?.into()))];
    let y = e.node("CumSum", &[&x, &axis], &attrs)?;
    Ok(vec![if inside == dtype { y } else { e.cast(&y, dtype)? }])
}
