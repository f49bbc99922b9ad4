//! Constants, conversions and ranges.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::{Entry, one, value};
use crate::call::Call;
use crate::element::Element;
use crate::narrow::Narrow;
use crate::plan::value_of;
use crate::proto::Attribute;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    value("BitCast", bit_cast).since(26),
    value("Cast", |c| cast_to(c, Element::of(c.int_or("to", 1)?))),
    value("CastLike", cast_like).since(15),
    value("Constant", constant),
    value("ConstantOfShape", constant_of_shape).since(9),
    one("EyeLike", eye_like).since(9),
    one("Range", range).since(11),
];

fn constant(call: &Call<'_>) -> Result<Value> {
    let names = [
        "value",
        "sparse_value",
        "value_float",
        "value_floats",
        "value_int",
        "value_ints",
        "value_string",
        "value_strings",
    ];
    let found = names.iter().find_map(|name| call.attribute(name));
    let array = match found {
        Some(Attribute::Tensor(constant)) => return Ok(value_of(constant)),
        Some(Attribute::Float(x)) => Array::scalar(*x),
        Some(Attribute::Int(x)) => Array::scalar(*x),
        Some(Attribute::Floats(x)) => Array::from_slice(x, [x.len()])?,
        Some(Attribute::Ints(x)) => Array::from_slice(x, [x.len()])?,
        Some(Attribute::Text(x)) => Array::from_strings(vec![x.clone()], [])?,
        Some(Attribute::Texts(x)) => Array::from_strings(x.clone(), [x.len()])?,
        Some(Attribute::Empty) if call.attribute("value_floats").is_some() => Array::zeros(DType::F32, [0]),
        Some(Attribute::Empty) => Array::zeros(DType::I64, [0]),
        _ => fail!(InvalidArgument, "expected a value, found none"),
    };
    Ok(array.into())
}

fn constant_of_shape(call: &Call<'_>) -> Result<Value> {
    let dims = call.known_ints(0)?;
    let Some(constant) = call.constant("value")? else {
        return Ok(Array::try_zeros(DType::F32, call.admit_ints(&dims, DType::F32)?)?.into());
    };
    let array = &constant.array;
    let shape = call.admit_ints(&dims, array.dtype())?;
    if array.elements() != 1 {
        fail!(InvalidArgument, "value: expected one element, found {}", array.shape());
    }
    let one = Tensor::from(array.reshaped([])?);
    Ok(Value::of_parts(constant.narrow, one.broadcast_to(shape)))
}

fn eye_like(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let shape = x.shape()?;
    let [rows, columns] = shape[..] else { fail!(RankMismatch, "input: expected 2 axes, found {}", shape.rank()) };
    let dtype = call.int("dtype")?.map_or(x.dtype(), |code| Element::of(code).dtype())?;
    call.admit(&[rows, columns], dtype)?;
    let reach = (rows + columns) as i64;
    Ok(Tensor::eye(rows, columns, call.int_or("k", 0)?.clamp(-reach, reach), dtype))
}

fn range(call: &Call<'_>) -> Result<Tensor> {
    let (start, limit, step) = (call.known(0)?, call.known(1)?, call.known(2)?);
    let dtype = start.dtype();
    let one = |array: &Array| {
        array.to_f64()?.first().copied().ok_or_else(|| err!(InvalidArgument, "expected numbers, found nothing"))
    };
    let (a, b, s) = (one(&start)?, one(&limit)?, one(&step)?);
    if s == 0.0 || !(a.is_finite() && b.is_finite() && s.is_finite()) {
        fail!(InvalidArgument, "range: expected finite numbers and another step than 0, found {a}, {b}, {s}");
    }
    let count = ((b - a) / s).ceil().max(0.0);
    let shape = call.admit(&[if count >= 1e18 { usize::MAX } else { count as usize }], dtype)?;
    let n = shape.elements();
    let array = if dtype.is_int() {
        let (a, s) = (start.to_i64()?.first().copied().unwrap_or(0), step.to_i64()?.first().copied().unwrap_or(1));
        let values: Vec<i64> = (0..n as i64).map(|i| a.wrapping_add(i.wrapping_mul(s))).collect();
        Array::from_i64(dtype, shape, &values)?
    } else {
        Array::from_f64(dtype, shape, &(0..n).map(|i| a + i as f64 * s).collect::<Vec<_>>())?
    };
    Ok(array.into())
}

/// The numbers of a narrow tensor as float32.
pub(super) fn decoded(narrow: Narrow, codes: &Tensor) -> Result<Tensor> {
    if narrow.is_int() {
        return Ok(codes.cast(DType::F32));
    }
    let table = narrow.table();
    Ok(Tensor::from_slice(&table, [table.len()]).take(&codes.cast(DType::I32), 0))
}

/// Converts a value to an element type.
pub(super) fn convert(value: &Value, to: Element, saturate: bool) -> Result<Value> {
    let (narrow, x) = value.parts()?;
    if narrow.map(Element::Narrow) == Some(to) {
        return Ok(value.clone());
    }
    let x = match narrow {
        Some(narrow) => decoded(narrow, x)?,
        None => x.clone(),
    };
    match to {
        Element::Narrow(narrow) => {
            let x = if x.dtype()? == DType::Str { x.string_to_number(DType::F32) } else { x };
            let codes = narrow.encode(&x.array()?, saturate && !narrow.is_int())?;
            Ok(Value::Narrow(narrow, codes.into()))
        }
        Element::Plain(dtype) => Ok(plain(&x, dtype)?.into()),
        other => other.dtype().map(|_| value.clone()),
    }
}

fn plain(x: &Tensor, dtype: DType) -> Result<Tensor> {
    let from = x.dtype()?;
    Ok(match (from, dtype) {
        (DType::Str, DType::Str) => x.clone(),
        (DType::Str, DType::Bool) => x.string_to_number(DType::I64).cast(DType::Bool),
        (DType::Str, to) if to.is_int() => x.string_to_number(DType::I64).cast(to),
        (DType::Str, DType::F64) => x.string_to_number(DType::F64),
        (DType::Str, to) => x.string_to_number(DType::F32).cast(to),
        (_, DType::Str) => Tensor::from(super::text::written(&x.array()?)?),
        _ => x.cast(dtype),
    })
}

fn cast_to(call: &Call<'_>, to: Element) -> Result<Value> {
    let value = call.value(0)?;
    if let Element::Narrow(narrow) = to
        && narrow.code() == 24
    {
        let x = call.value(0)?.parts()?;
        let x = x.0.map_or_else(|| Ok(x.1.clone()), |n| decoded(n, x.1))?;
        let mode = call.text_or("round_mode", "up")?;
        return Ok(Value::Narrow(
            narrow,
            narrow.encode_scale(&x.array()?, call.int_or("saturate", 1)? != 0, mode)?.into(),
        ));
    }
    convert(value, to, call.int_or("saturate", 1)? != 0)
}

fn cast_like(call: &Call<'_>) -> Result<Value> {
    let (narrow, like) = call.value(1)?.parts()?;
    let to = narrow.map_or(Element::Plain(like.dtype()?), Element::Narrow);
    cast_to(call, to)
}

fn bit_cast(call: &Call<'_>) -> Result<Value> {
    let to = Element::of(call.int_or("to", 0)?);
    let (narrow, x) = call.value(0)?.parts()?;
    match (narrow, to) {
        (None, Element::Plain(dtype)) => Ok(x.view(dtype).into()),
        (Some(from), Element::Narrow(to)) if from.bits() == to.bits() => {
            let codes = x.array()?;
            let mask = if to.bits() == 8 { 0xff } else { (1_u8 << to.bits()) - 1 };
            let sign = |code: u8| {
                let negative = matches!(to, Narrow::Int(_)) && code >> (to.bits() - 1) & 1 == 1;
                if negative { code | !mask } else { code }
            };
            let bytes: Vec<u8> = codes.bytes().iter().map(|&code| sign(code & mask)).collect();
            Ok(Value::Narrow(to, Array::from_bytes(to.codes(), codes.shape(), &bytes)?.into()))
        }
        (Some(from), Element::Plain(dtype)) if from.bits() == 8 && dtype.size() == 1 => Ok(x.view(dtype).into()),
        (None, Element::Narrow(to)) if to.bits() == 8 => Ok(Value::Narrow(to, x.view(DType::U8))),
        _ => fail!(DtypeMismatch, "bit cast: expected types of one width"),
    }
}
