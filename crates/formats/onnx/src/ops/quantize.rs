//! Quantised operators.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::elements::decoded;
use super::reduce::end_of;
use super::{Entry, axis_of, many, one, value};
use crate::call::Call;
use crate::element::Element;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    one("ConvInteger", conv_integer).since(10),
    value("DequantizeLinear", dequantize).since(10),
    many("DynamicQuantizeLinear", dynamic).since(11),
    one("MatMulInteger", matmul_integer).since(10),
    one("QLinearConv", qlinear_conv).since(10),
    one("QLinearMatMul", qlinear_matmul).since(10),
    value("QuantizeLinear", quantize).since(10),
];

/// A scale or zero point laid out to meet `x`: one for all, one a slice of `axis`, or one a block of it.
fn spread(call: &Call<'_>, scale: &Tensor, x: &Tensor) -> Result<Tensor> {
    let (shape, own) = (x.shape()?, scale.shape()?);
    if own.elements() == 1 && own.rank() <= 1 {
        return Ok(scale.reshape([]));
    }
    let axis = axis_of(call.int_or("axis", 1)?, shape.rank())?;
    let block = usize::try_from(call.int_or("block_size", 0)?).unwrap_or(0);
    if block == 0 {
        if own.rank() != 1 || own[0] != shape[axis] {
            fail!(ShapeMismatch, "scale: expected [{}], found {own}", shape[axis]);
        }
        let mut dims = vec![1; shape.rank()];
        dims[axis] = shape[axis];
        return Ok(scale.reshape(dims));
    }
    if own.rank() != shape.rank() || own[axis].saturating_mul(block) < shape[axis] {
        fail!(ShapeMismatch, "scale: expected blocks of {block} over axis {axis} of {shape}, found {own}");
    }
    let places: Vec<i64> = (0..shape[axis]).map(|i| (i / block) as i64).collect();
    Ok(scale.take(&Tensor::from(Array::from_slice(&places, [places.len()])?), axis as isize))
}

/// A tensor of numbers, of whatever element type, as floats.
fn numbers(value: &Value, dtype: DType) -> Result<Tensor> {
    let (narrow, x) = value.parts()?;
    Ok(match narrow {
        Some(narrow) => decoded(narrow, x)?.cast(dtype),
        None => x.cast(dtype),
    })
}

/// The element type that a node quantises to.
fn target(call: &Call<'_>) -> Result<Element> {
    if let Some(zero) = call.maybe(2) {
        let (narrow, zero) = zero.parts()?;
        return Ok(narrow.map_or(Element::Plain(zero.dtype()?), Element::Narrow));
    }
    Ok(match call.int_or("output_dtype", 0)? {
        0 => Element::Plain(DType::U8),
        code => Element::of(code),
    })
}

/// Rounds to whole numbers between the ends of a dtype.
fn settled(x: &Tensor, dtype: DType) -> Result<Tensor> {
    let end = |least| Ok::<f64, cornet_error::Error>(end_of(dtype, least)?.to_f64()?.first().copied().unwrap_or(0.0));
    Ok(x.clip(end(true)?, end(false)?).cast(dtype))
}

fn quantize(call: &Call<'_>) -> Result<Value> {
    let x = call.tensor(0)?;
    let scale = numbers(call.value(1)?, x.dtype()?)?;
    let precision = call.int_or("precision", 0)?;
    let wide = if precision == 0 { x.dtype()? } else { Element::of(precision).dtype()? };
    let wide = if wide.is_float() { wide } else { DType::F32 };
    let ratio =
        (x.cast(wide) / spread(call, &scale.cast(wide), x)?).cast(if wide == DType::F64 { wide } else { DType::F32 });
    let zero = match call.maybe(2) {
        Some(zero) => Some(spread(call, &numbers(zero, ratio.dtype()?)?, x)?),
        None => None,
    };
    let shifted = |rounded: Tensor| zero.as_ref().map_or(rounded.clone(), |z| rounded + z);
    match target(call)? {
        Element::Plain(dtype) if dtype.is_int() => Ok(settled(&shifted(ratio.round()), dtype)?.into()),
        Element::Narrow(narrow) => {
            let values = if narrow.is_int() { shifted(ratio.round()) } else { ratio };
            let saturate = narrow.is_int() || call.int_or("saturate", 1)? != 0;
            Ok(Value::Narrow(narrow, narrow.encode(&values.array()?, saturate)?.into()))
        }
        other => fail!(DtypeMismatch, "quantise: expected whole numbers or floats of 8 bits, found {other:?}"),
    }
}

fn dequantize(call: &Call<'_>) -> Result<Value> {
    let scale = call.tensor(1)?;
    let stated = call.int_or("output_dtype", 0)?;
    let to = if stated == 0 { scale.dtype()? } else { Element::of(stated).dtype()? };
    let x = numbers(call.value(0)?, DType::F32)?;
    // Whole numbers of 32 bits are subtracted as such.
    let exact = call.value(0)?.parts()?.1.dtype()? == DType::I32;
    let x = if exact { call.tensor(0)?.cast(DType::F64) } else { x };
    let shifted = match call.maybe(2) {
        Some(zero) => &x - &spread(call, &numbers(zero, x.dtype()?)?, &x)?,
        None => x.clone(),
    };
    Ok((shifted * spread(call, &scale.cast(x.dtype()?), &x)?).cast(to).into())
}

fn dynamic(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.tensor(0)?;
    let (high, low) = (x.max(&[], false).maximum(0.0), x.min(&[], false).minimum(0.0));
    let span = &high - &low;
    let scale = span.equal(0.0).where_(Tensor::ones_like(&span), span) / 255.0;
    let zero = (low.negative() / &scale).clip(0.0, 255.0).round();
    let y = ((x / &scale).round() + &zero).clip(0.0, 255.0).cast(DType::U8);
    Ok(vec![y.into(), scale.into(), zero.cast(DType::U8).into()])
}

/// Numbers less their zero point, as float64: sums of products of them are exact.
fn centred(x: &Value, zero: Option<&Value>, axis: usize) -> Result<Tensor> {
    let x = numbers(x, DType::F64)?;
    let Some(zero) = zero else { return Ok(x) };
    let zero = numbers(zero, DType::F64)?;
    let (rank, own) = (x.rank()?, zero.shape()?);
    if own.rank() == 1 && own.elements() > 1 && axis < rank {
        let mut dims = vec![1; rank];
        dims[axis] = own.elements();
        return Ok(x - zero.reshape(dims));
    }
    Ok(x - if own.elements() == 1 { zero.reshape([]) } else { zero })
}

fn matmul_integer(call: &Call<'_>) -> Result<Tensor> {
    let rank = call.tensor(0)?.rank()?;
    let columns = call.tensor(1)?.rank()?.saturating_sub(1);
    let a = centred(call.value(0)?, call.maybe(2), rank.saturating_sub(2))?;
    let b = centred(call.value(1)?, call.maybe(3), columns)?;
    Ok(a.matmul(b).cast(DType::I32))
}

fn conv_integer(call: &Call<'_>) -> Result<Tensor> {
    let x = centred(call.value(0)?, call.maybe(2), usize::MAX)?;
    let w = centred(call.value(1)?, call.maybe(3), 0)?;
    Ok(super::convolution::convolve(call, &x, &w, None)?.cast(DType::I32))
}

/// A product of quantised numbers in the scale of the result.
fn rescaled(
    product: &Tensor,
    scales: [&Tensor; 3],
    axis: Option<usize>,
    zero: Option<&Tensor>,
    to: DType,
) -> Result<Tensor> {
    let wide = |t: &Tensor| t.cast(DType::F64);
    let [a, b, y] = scales;
    let rank = product.rank()?;
    let lay = |t: &Tensor| -> Result<Tensor> {
        let n = t.shape()?.elements();
        Ok(match axis {
            _ if n == 1 => wide(t).reshape([]),
            Some(axis) => {
                let mut dims = vec![1; rank];
                dims[axis] = n;
                wide(t).reshape(dims)
            }
            None => wide(t),
        })
    };
    let factor = lay(a)? * lay(b)? / lay(y)?;
    let scaled = (product * &factor).round();
    let shifted = match zero {
        Some(zero) => scaled + lay(zero)?,
        None => scaled,
    };
    settled(&shifted, to)
}

fn qlinear_conv(call: &Call<'_>) -> Result<Tensor> {
    let x = centred(call.value(0)?, call.maybe(2), usize::MAX)?;
    let w = centred(call.value(3)?, call.maybe(5), 0)?;
    let bias = call.maybe_tensor(8)?.map(|b| b.cast(DType::F64));
    let product = super::convolution::convolve(call, &x, &w, bias.as_ref())?;
    let zero = call.maybe_tensor(7)?;
    let to = zero.map_or(call.tensor(0)?.dtype(), Tensor::dtype)?;
    rescaled(&product, [call.tensor(1)?, call.tensor(4)?, call.tensor(6)?], Some(1), zero, to)
}

fn qlinear_matmul(call: &Call<'_>) -> Result<Tensor> {
    let rank = call.tensor(0)?.rank()?;
    let columns = call.tensor(3)?.rank()?.saturating_sub(1);
    let a = centred(call.value(0)?, call.maybe(2), rank.saturating_sub(2))?;
    let b = centred(call.value(3)?, call.maybe(5), columns)?;
    let zero = call.maybe_tensor(7)?;
    let to = zero.map_or(call.tensor(0)?.dtype(), Tensor::dtype)?;
    rescaled(&a.matmul(b), [call.tensor(1)?, call.tensor(4)?, call.tensor(6)?], None, zero, to)
}
