//! Element-wise ops.

use cornet_error::Result;
use cornet_export::OpenNode;
use cornet_tensor::DType;

use super::emit::{A, Emit};
use super::table::Kernels;

/// The dtype to compute in, if it is another than `dtype`.
fn instead(dtype: DType, kernels: Kernels) -> Option<DType> {
    use DType::{BF16, Bool, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    match (kernels, dtype) {
        (Kernels::Any, _) | (_, F32) | (_, DType::Str | DType::C64) => None,
        (_, F16 | BF16) => Some(F32),
        (Kernels::Single, _) => Some(F32),
        (_, F64) => None,
        (Kernels::Floats, _) => Some(F32),
        (Kernels::Numbers, I32 | I64) => None,
        (Kernels::Numbers, Bool | I8 | I16 | U8 | U16) => Some(I32),
        (Kernels::Numbers, U32 | U64) => Some(I64),
    }
}

/// One node, in a dtype that there are kernels for.
pub(super) fn plain(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str, kernels: Kernels) -> Result<Vec<String>> {
    let (dtype, to) = (e.ty(n, 0)?.dtype, e.out(n).dtype);
    let x = e.all(n)?;
    let Some(other) = instead(dtype, kernels) else {
        return Ok(vec![e.node(op, &x.iter().map(String::as_str).collect::<Vec<_>>(), &[])?]);
    };
    let x = x.iter().map(|x| e.cast(x, other)).collect::<Result<Vec<_>>>()?;
    let y = e.node(op, &x.iter().map(String::as_str).collect::<Vec<_>>(), &[])?;
    Ok(vec![if to == DType::Bool && op.starts_with("Is") { y } else { e.cast(&y, to)? }])
}

/// A comparison: bool.
pub(super) fn compare(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str) -> Result<Vec<String>> {
    let dtype = e.ty(n, 0)?.dtype;
    let (mut a, mut b) = (e.x(n, 0)?, e.x(n, 1)?);
    let is_kept = op == "Equal" && matches!(dtype, DType::Bool | DType::Str);
    if let Some(other) = instead(dtype, Kernels::Numbers).filter(|_| !is_kept) {
        (a, b) = (e.cast(&a, other)?, e.cast(&b, other)?);
    }
    Ok(vec![e.node(op, &[&a, &b], &[])?])
}

pub(super) fn not_equal(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let equal = compare(e, n, "Equal")?;
    Ok(vec![e.node("Not", &[&equal[0]], &[])?])
}

pub(super) fn select(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (c, a, b) = (e.x(n, 0)?, e.x(n, 1)?, e.x(n, 2)?);
    let dtype = e.out(n).dtype;
    let other = match dtype {
        DType::Bool => Some(DType::U8),
        _ => instead(dtype, Kernels::Numbers),
    };
    let Some(other) = other else { return Ok(vec![e.node("Where", &[&c, &a, &b], &[])?]) };
    let (a, b) = (e.cast(&a, other)?, e.cast(&b, other)?);
    let y = e.node("Where", &[&c, &a, &b], &[])?;
    Ok(vec![e.cast(&y, dtype)?])
}

/// Ops on bits, which of bools are other nodes.
pub(super) fn bits(e: &mut Emit<'_, '_>, n: &OpenNode, of_bools: &str, of_integers: &str) -> Result<Vec<String>> {
    let op = if e.out(n).dtype == DType::Bool { of_bools } else { of_integers };
    plain(e, n, op, Kernels::Any)
}

/// Shifts of unsigned numbers; of signed ones through the unsigned numbers of the same bits, which casts keep.
pub(super) fn shift(e: &mut Emit<'_, '_>, n: &OpenNode, direction: &str) -> Result<Vec<String>> {
    let dtype = e.out(n).dtype;
    let (a, b) = (e.x(n, 0)?, e.x(n, 1)?);
    let (a, b) = (e.cast(&a, DType::U64)?, e.cast(&b, DType::U64)?);
    if direction == "RIGHT" && dtype.is_signed_int() {
        cornet_error::fail!(Unsupported, "expected an unsigned dtype, found {dtype}: ONNX shifts no signed numbers");
    }
    let y = e.node("BitShift", &[&a, &b], &[("direction", A::S(direction))])?;
    Ok(vec![e.cast(&y, dtype)?])
}

/// Computes in a dtype with kernels: `f` gets the inputs.
fn within(
    e: &mut Emit<'_, '_>,
    n: &OpenNode,
    kernels: Kernels,
    f: impl FnOnce(&mut Emit<'_, '_>, DType, &[&str]) -> Result<String>,
) -> Result<Vec<String>> {
    let (dtype, to) = (e.ty(n, 0)?.dtype, e.out(n).dtype);
    let x = e.all(n)?;
    match instead(dtype, kernels) {
        None => Ok(vec![f(e, dtype, &x.iter().map(String::as_str).collect::<Vec<_>>())?]),
        Some(other) => {
            let x = x.iter().map(|x| e.cast(x, other)).collect::<Result<Vec<_>>>()?;
            let y = f(e, other, &x.iter().map(String::as_str).collect::<Vec<_>>())?;
            Ok(vec![if to == DType::Bool { y } else { e.cast(&y, to)? }])
        }
    }
}

pub(super) fn relu(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Numbers, |e, dtype, x| match dtype {
        DType::F32 | DType::F64 => e.node("Relu", &[x[0]], &[]),
        _ => {
            let zero = e.number(dtype, 0.0)?;
            e.node("Max", &[x[0], &zero], &[])
        }
    })
}

pub(super) fn square(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Numbers, |e, _, x| e.node("Mul", &[x[0], x[0]], &[]))
}

pub(super) fn silu(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, _, x| {
        let gate = e.node("Sigmoid", &[x[0]], &[])?;
        e.node("Mul", &[x[0], &gate], &[])
    })
}

pub(super) fn rsqrt(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, _, x| {
        let root = e.node("Sqrt", &[x[0]], &[])?;
        e.node("Reciprocal", &[&root], &[])
    })
}

pub(super) fn cbrt(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, dtype, x| {
        let (sign, size, third) =
            (e.node("Sign", &[x[0]], &[])?, e.node("Abs", &[x[0]], &[])?, e.number(dtype, 1.0 / 3.0)?);
        let root = e.node("Pow", &[&size, &third], &[])?;
        e.node("Mul", &[&sign, &root], &[])
    })
}

pub(super) fn trunc(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, _, x| {
        let (sign, size) = (e.node("Sign", &[x[0]], &[])?, e.node("Abs", &[x[0]], &[])?);
        let whole = e.node("Floor", &[&size], &[])?;
        e.node("Mul", &[&sign, &whole], &[])
    })
}

pub(super) fn gelu_tanh(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Single, |e, _, x| e.node("Gelu", &[x[0]], &[("approximate", A::S("tanh"))]))
}

pub(super) fn clip(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Numbers, |e, _, x| {
        let low = e.node("Max", &[x[0], x[1]], &[])?;
        e.node("Min", &[&low, x[2]], &[])
    })
}

/// A logarithm to a base.
pub(super) fn log(e: &mut Emit<'_, '_>, n: &OpenNode, base: f64) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, dtype, x| {
        let (log, by) = (e.node("Log", &[x[0]], &[])?, e.number(dtype, base)?);
        e.node("Div", &[&log, &by], &[])
    })
}

/// `near` where |x| < 1/2, `far` elsewhere.
fn by_size(e: &mut Emit<'_, '_>, dtype: DType, x: &str, near: &str, far: &str) -> Result<String> {
    let (size, half) = (e.node("Abs", &[x], &[])?, e.number(dtype, 0.5)?);
    let is_near = e.node("Less", &[&size, &half], &[])?;
    e.node("Where", &[&is_near, near, far], &[])
}

/// Near zero 2 t / (1 - t) with t = tanh(x / 2), since eˣ - 1 loses its digits there.
pub(super) fn expm1(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, dtype, x| {
        let (one, two) = (e.number(dtype, 1.0)?, e.number(dtype, 2.0)?);
        let exp = e.node("Exp", &[x[0]], &[])?;
        let far = e.node("Sub", &[&exp, &one], &[])?;
        let half = e.node("Div", &[x[0], &two], &[])?;
        let t = e.node("Tanh", &[&half], &[])?;
        let (over, under) = (e.node("Mul", &[&t, &two], &[])?, e.node("Sub", &[&one, &t], &[])?);
        let near = e.node("Div", &[&over, &under], &[])?;
        by_size(e, dtype, x[0], &near, &far)
    })
}

/// Near zero ln(u) · x / (u - 1) with u the rounded 1 + x, and x itself where u is 1.
pub(super) fn log1p(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, dtype, x| {
        let one = e.number(dtype, 1.0)?;
        let u = e.node("Add", &[x[0], &one], &[])?;
        let far = e.node("Log", &[&u], &[])?;
        let rest = e.node("Sub", &[&u, &one], &[])?;
        let is_one = e.node("Equal", &[&u, &one], &[])?;
        let by = e.node("Where", &[&is_one, &one, &rest], &[])?;
        let product = e.node("Mul", &[&far, x[0]], &[])?;
        let near = e.node("Div", &[&product, &by], &[])?;
        let near = e.node("Where", &[&is_one, x[0], &near], &[])?;
        by_size(e, dtype, x[0], &near, &far)
    })
}

pub(super) fn erfc(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Single, |e, dtype, x| {
        let (one, erf) = (e.number(dtype, 1.0)?, e.node("Erf", &[x[0]], &[])?);
        e.node("Sub", &[&one, &erf], &[])
    })
}

pub(super) fn isfinite(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Floats, |e, _, x| {
        let (nan, inf) = (e.node("IsNaN", &[x[0]], &[])?, e.node("IsInf", &[x[0]], &[])?);
        let either = e.node("Or", &[&nan, &inf], &[])?;
        e.node("Not", &[&either], &[])
    })
}

pub(super) fn signbit(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Numbers, |e, dtype, x| {
        let zero = e.number(dtype, 0.0)?;
        let below = e.node("Less", &[x[0], &zero], &[])?;
        if dtype.is_int() {
            return Ok(below);
        }
        // 1 / -0 is below zero.
        let inverse = e.node("Reciprocal", &[x[0]], &[])?;
        let inverse = e.node("Less", &[&inverse, &zero], &[])?;
        e.node("Or", &[&below, &inverse], &[])
    })
}

/// `divide(a, b)` of integers with 1 in place of a zero, and whether `b` is zero.
fn guarded(e: &mut Emit<'_, '_>, dtype: DType, b: &str) -> Result<(String, String)> {
    let (zero, one) = (e.number(dtype, 0.0)?, e.number(dtype, 1.0)?);
    let is_zero = e.node("Equal", &[b, &zero], &[])?;
    Ok((e.node("Where", &[&is_zero, &one, b], &[])?, is_zero))
}

pub(super) fn floor_divide(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Numbers, |e, dtype, x| {
        if dtype.is_float() {
            let quotient = e.node("Div", &[x[0], x[1]], &[])?;
            return e.node("Floor", &[&quotient], &[]);
        }
        let (by, is_zero) = guarded(e, dtype, x[1])?;
        // What the remainder, of the divisor's sign, leaves is divisible.
        let rest = e.node("Mod", &[x[0], &by], &[])?;
        let whole = e.node("Sub", &[x[0], &rest], &[])?;
        let (quotient, zero) = (e.node("Div", &[&whole, &by], &[])?, e.number(dtype, 0.0)?);
        e.node("Where", &[&is_zero, &zero, &quotient], &[])
    })
}

/// `Mod` with the sign of the first.
fn c_mod(e: &mut Emit<'_, '_>, dtype: DType, x: &[&str]) -> Result<String> {
    if dtype.is_float() {
        return e.node("Mod", &[x[0], x[1]], &[("fmod", A::I(1))]);
    }
    let (by, is_zero) = guarded(e, dtype, x[1])?;
    let (rest, zero) = (e.node("Mod", &[x[0], &by], &[("fmod", A::I(1))])?, e.number(dtype, 0.0)?);
    e.node("Where", &[&is_zero, &zero, &rest], &[])
}

pub(super) fn fmod(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Numbers, c_mod)
}

pub(super) fn modulo(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Numbers, |e, dtype, x| {
        let rest = c_mod(e, dtype, x)?;
        let zero = e.number(dtype, 0.0)?;
        let (low, negative) = (e.node("Less", &[&rest, &zero], &[])?, e.node("Less", &[x[1], &zero], &[])?);
        let other_sign = e.node("Xor", &[&low, &negative], &[])?;
        let is_zero = e.node("Equal", &[&rest, &zero], &[])?;
        let some = e.node("Not", &[&is_zero], &[])?;
        let moves = e.node("And", &[&other_sign, &some], &[])?;
        let moved = e.node("Add", &[&rest, x[1]], &[])?;
        e.node("Where", &[&moves, &moved, &rest], &[])
    })
}

/// atan(y / x), moved by π where x is negative.
pub(super) fn arctan2(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    within(e, n, Kernels::Single, |e, dtype, x| {
        let (zero, pi, half) = (
            e.number(dtype, 0.0)?,
            e.number(dtype, std::f64::consts::PI)?,
            e.number(dtype, std::f64::consts::FRAC_PI_2)?,
        );
        let (y, x) = (x[0], x[1]);
        let slope = e.node("Div", &[y, x], &[])?;
        let angle = e.node("Atan", &[&slope], &[])?;
        let below = e.node("Less", &[y, &zero], &[])?;
        let minus = e.node("Neg", &[&pi], &[])?;
        let way = e.node("Where", &[&below, &minus, &pi], &[])?;
        let moved = e.node("Add", &[&angle, &way], &[])?;
        let left = e.node("Less", &[x, &zero], &[])?;
        let angle = e.node("Where", &[&left, &moved, &angle], &[])?;
        // On the axis x = 0 the angle is the sign of y times π / 2.
        let sign = e.node("Sign", &[y], &[])?;
        let upright = e.node("Mul", &[&sign, &half], &[])?;
        let on_axis = e.node("Equal", &[x, &zero], &[])?;
        e.node("Where", &[&on_axis, &upright, &angle], &[])
    })
}
