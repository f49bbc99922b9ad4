//! Reductions.

use cornet_error::Result;
use cornet_export::OpenNode;
use cornet_tensor::DType;

use super::emit::Emit;
use super::pointwise::inside;
use super::proto::A;
use super::table::Kernels;

/// A reduction over the attribute `axes`.
pub(super) fn reduce(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str) -> Result<Vec<String>> {
    let dtype = e.out(n).dtype;
    let (axes, keepdims) = (n.attrs.ints("axes")?, n.attrs.bool("keepdims")?);
    let x = e.x(n, 0)?;
    let is_bool = matches!(op, "All" | "Any");
    let inner = if is_bool { dtype } else { inside(dtype, Kernels::Numbers) };
    let (x, axes) = (e.cast(&x, dtype, inner)?, e.ints(&axes)?);
    let mut attrs = vec![("Tidx", A::Type(DType::I32)), ("keep_dims", A::Bool(keepdims))];
    if !is_bool {
        attrs.push(("T", A::Type(inner)));
    }
    let y = e.node(op, &[&x, &axes], &attrs, "output")?;
    Ok(vec![e.cast(&y, inner, dtype)?])
}

pub(super) fn place(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str) -> Result<Vec<String>> {
    let dtype = e.ty(n, 0)?.dtype;
    let inner = inside(dtype, Kernels::Numbers);
    let (x, axis) = (e.x(n, 0)?, e.int(n.attrs.int("axis")?)?);
    let x = e.cast(&x, dtype, inner)?;
    let attrs = [("T", A::Type(inner)), ("Tidx", A::Type(DType::I32)), ("output_type", A::Type(DType::I32))];
    let at = e.node(op, &[&x, &axis], &attrs, "output")?;
    if !n.attrs.bool("keepdims")? {
        return Ok(vec![at]);
    }
    Ok(vec![e.node(
        "ExpandDims",
        &[&at, &axis],
        &[("T", A::Type(DType::I32)), ("Tdim", A::Type(DType::I32))],
        "output",
    )?])
}

/// A running sum or product.
pub(super) fn running(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str) -> Result<Vec<String>> {
    let dtype = e.out(n).dtype;
    let inner = inside(dtype, Kernels::Numbers);
    let (x, axis) = (e.x(n, 0)?, e.int(n.attrs.int("axis")?)?);
    let x = e.cast(&x, dtype, inner)?;
    let attrs = [
        ("T", A::Type(inner)),
        ("Tidx", A::Type(DType::I32)),
        ("exclusive", A::Bool(n.attrs.bool("exclusive")?)),
        ("reverse", A::Bool(n.attrs.bool("reverse")?)),
    ];
    let y = e.node(op, &[&x, &axis], &attrs, "out")?;
    Ok(vec![e.cast(&y, inner, dtype)?])
}
