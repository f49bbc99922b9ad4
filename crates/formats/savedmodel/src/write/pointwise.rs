//! Element-wise ops.

use cornet_error::{Result, fail};
use cornet_export::OpenNode;
use cornet_tensor::DType;

use super::emit::Emit;
use super::proto::A;
use super::table::Kernels;

/// The dtype to compute in.
pub(super) fn inside(dtype: DType, kernels: Kernels) -> DType {
    use DType::{BF16, Bool, F16, F32, I8, I16, I32, I64, U8, U16, U32, U64};
    match (kernels, dtype) {
        (Kernels::Any, _) => dtype,
        (_, F16 | BF16) => F32,
        (Kernels::Floats, other) if other.is_int() || other == Bool => F32,
        (Kernels::Numbers, Bool | I8 | I16 | U8 | U16) => I32,
        (Kernels::Numbers, U32 | U64) => I64,
        (_, other @ (I32 | I64)) => other,
        (_, other) => other,
    }
}

/// Computes in a dtype with kernels: `f` gets the inputs.
pub(super) fn within(
    e: &mut Emit<'_, '_>,
    n: &OpenNode,
    kernels: Kernels,
    f: impl FnOnce(&mut Emit<'_, '_>, DType, &[String]) -> Result<String>,
) -> Result<Vec<String>> {
    let (dtype, to) = (e.ty(n, 0)?.dtype, e.out(n).dtype);
    let other = inside(dtype, kernels);
    let x = e.all(n)?.iter().map(|x| e.cast(x, dtype, other)).collect::<Result<Vec<_>>>()?;
    let y = f(e, other, &x)?;
    Ok(vec![if to == dtype { e.cast(&y, other, to)? } else { y }])
}

pub(super) fn unary(
    e: &mut Emit<'_, '_>,
    n: &OpenNode,
    op: &str,
    kernels: Kernels,
    output: &str,
) -> Result<Vec<String>> {
    within(e, n, kernels, |e, dtype, x| e.unary(op, &x[0], dtype, output))
}

pub(super) fn binary(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str, kernels: Kernels) -> Result<Vec<String>> {
    within(e, n, kernels, |e, dtype, x| e.binary(op, &x[0], &x[1], dtype))
}

/// `op` of bools is another, without a dtype.
pub(super) fn bits(e: &mut Emit<'_, '_>, n: &OpenNode, of_bools: &str, op: &str) -> Result<Vec<String>> {
    if e.out(n).dtype != DType::Bool {
        return binary(e, n, op, Kernels::Any);
    }
    let x = e.all(n)?;
    let attrs: &[_] = if of_bools == "NotEqual" { &[("T", A::Type(DType::Bool))] } else { &[] };
    Ok(vec![e.node(of_bools, &[&x[0], &x[1]], attrs, "z")?])
}

pub(super) fn logical_not(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let x = e.x(n, 0)?;
    Ok(vec![e.node("LogicalNot", &[&x], &[], "y")?])
}

pub(super) fn select(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, dtype) = (e.all(n)?, e.out(n).dtype);
    Ok(vec![e.select(&x[0], &x[1], &x[2], dtype)?])
}

pub(super) fn silu(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, dtype, x| {
        let gate = e.unary("Sigmoid", &x[0], dtype, "y")?;
        e.binary("Mul", &x[0], &gate, dtype)
    })
}

/// x / 2 · erfc(-x / √2).
pub(super) fn gelu(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, dtype, x| {
        let (half, root) = (e.number(dtype, 0.5)?, e.number(dtype, -std::f64::consts::FRAC_1_SQRT_2)?);
        let scaled = e.binary("Mul", &x[0], &root, dtype)?;
        let tail = e.unary("Erfc", &scaled, dtype, "y")?;
        let half = e.binary("Mul", &x[0], &half, dtype)?;
        e.binary("Mul", &half, &tail, dtype)
    })
}

pub(super) fn gelu_tanh(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, dtype, x| {
        let (c, root) = (e.number(dtype, 0.044_715)?, e.number(dtype, (2.0 / std::f64::consts::PI).sqrt())?);
        let (half, one) = (e.number(dtype, 0.5)?, e.number(dtype, 1.0)?);
        let square = e.binary("Mul", &x[0], &x[0], dtype)?;
        let cube = e.binary("Mul", &square, &x[0], dtype)?;
        let cube = e.binary("Mul", &cube, &c, dtype)?;
        let sum = e.binary("AddV2", &x[0], &cube, dtype)?;
        let sum = e.binary("Mul", &sum, &root, dtype)?;
        let tanh = e.unary("Tanh", &sum, dtype, "y")?;
        let gate = e.binary("AddV2", &tanh, &one, dtype)?;
        let half = e.binary("Mul", &x[0], &half, dtype)?;
        e.binary("Mul", &half, &gate, dtype)
    })
}

pub(super) fn cbrt(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, dtype, x| {
        let (sign, size) = (e.unary("Sign", &x[0], dtype, "y")?, e.unary("Abs", &x[0], dtype, "y")?);
        let third = e.number(dtype, 1.0 / 3.0)?;
        let root = e.binary("Pow", &size, &third, dtype)?;
        e.binary("Mul", &sign, &root, dtype)
    })
}

pub(super) fn trunc(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, dtype, x| {
        let (sign, size) = (e.unary("Sign", &x[0], dtype, "y")?, e.unary("Abs", &x[0], dtype, "y")?);
        let whole = e.unary("Floor", &size, dtype, "y")?;
        e.binary("Mul", &sign, &whole, dtype)
    })
}

/// A logarithm to a base whose natural logarithm this is.
pub(super) fn log(e: &mut Emit<'_, '_>, n: &OpenNode, base: f64) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, dtype, x| {
        let (log, base) = (e.unary("Log", &x[0], dtype, "y")?, e.number(dtype, base)?);
        e.binary("RealDiv", &log, &base, dtype)
    })
}

pub(super) fn clip(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Numbers, |e, dtype, x| {
        let low = e.binary("Maximum", &x[0], &x[1], dtype)?;
        e.binary("Minimum", &low, &x[2], dtype)
    })
}

pub(super) fn relu(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    unary(e, n, "Relu", Kernels::Numbers, "activations")
}

pub(super) fn fmod(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Numbers, |e, dtype, x| {
        e.binary(if dtype.is_float() { "Mod" } else { "TruncateMod" }, &x[0], &x[1], dtype)
    })
}

pub(super) fn trigamma(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, dtype, x| {
        let one = e.number(dtype, 1.0)?;
        e.binary("Polygamma", &one, &x[0], dtype)
    })
}

/// Below zero, or zero with an inverse below zero.
pub(super) fn signbit(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Numbers, |e, dtype, x| {
        let zero = e.number(dtype, 0.0)?;
        let below = e.binary("Less", &x[0], &zero, dtype)?;
        if dtype.is_int() {
            return Ok(below);
        }
        let inverse = e.unary("Reciprocal", &x[0], dtype, "y")?;
        let inverse = e.binary("Less", &inverse, &zero, dtype)?;
        e.node("LogicalOr", &[&below, &inverse], &[], "z")
    })
}

/// Parts of complex numbers.
pub(super) fn part(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str) -> Result<Vec<String>> {
    let x = e.x(n, 0)?;
    Ok(vec![e.node(op, &[&x], &[("T", A::Type(DType::C64)), ("Tout", A::Type(DType::F32))], "output")?])
}

pub(super) fn complex(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let x = e.all(n)?;
    let attrs = [("T", A::Type(DType::F32)), ("Tout", A::Type(DType::C64))];
    Ok(vec![e.node("Complex", &[&x[0], &x[1]], &attrs, "out")?])
}

/// The same bytes in another dtype; of another size where the last axis goes or comes.
pub(super) fn bitcast(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (from, to) = (e.ty(n, 0)?, e.out(n));
    let is_complex = from.dtype == DType::C64 || to.dtype == DType::C64;
    if from.dtype.size() != to.dtype.size() && !is_complex {
        fail!(Unsupported, "view: expected a dtype of the size of {}, found {}", from.dtype, to.dtype);
    }
    let x = e.x(n, 0)?;
    Ok(vec![e.node("Bitcast", &[&x], &[("T", A::Type(from.dtype)), ("type", A::Type(to.dtype))], "output")?])
}
