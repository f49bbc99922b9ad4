//! Quantised numbers.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;

use super::{Family, many, one};
use crate::attr::Attr;
use crate::interpret::Call;
use crate::value::Value;

pub(super) static OPS: Family = &[
    ("Dequantize", dequantize),
    ("FakeQuantWithMinMaxArgs", |c| {
        let (low, high) = (c.attr_float("min", -6.0), c.attr_float("max", 6.0));
        let scalar = |v: f64| Tensor::from(cornet_tensor::Array::scalar(v as f32));
        one(fake(c, &c.x(0)?, &scalar(low), &scalar(high)))
    }),
    ("FakeQuantWithMinMaxVars", |c| one(fake(c, &c.x(0)?, &c.x(1)?, &c.x(2)?))),
    ("FakeQuantWithMinMaxVarsPerChannel", |c| one(fake(c, &c.x(0)?, &c.x(1)?, &c.x(2)?))),
    ("QuantizeAndDequantizeV2", round_trip),
    ("QuantizeAndDequantizeV3", round_trip),
    ("QuantizeAndDequantizeV4", round_trip),
    ("QuantizeV2", quantize),
];

/// The least and the greatest number of a quantised dtype.
fn range(dtype: DType) -> Result<(f64, f64)> {
    Ok(match dtype {
        DType::U8 => (0.0, 255.0),
        DType::I8 => (-128.0, 127.0),
        DType::U16 => (0.0, 65535.0),
        DType::I16 => (-32768.0, 32767.0),
        DType::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        other => fail!(Unsupported, "quantised numbers of {other}"),
    })
}

/// Shapes what belongs to each place of an axis so that it meets x.
fn along(call: &Call<'_, '_>, x: &Tensor, w: Tensor) -> Result<Tensor> {
    let axis = call.attr_int("axis", -1);
    if axis < 0 || w.rank()? == 0 {
        return Ok(w.reshape_infer(&if w.shape()?.elements() == 1 { vec![] } else { vec![-1] }));
    }
    let mut to = vec![1; x.rank()?];
    let place = x.shape()?.axis(axis as isize)?;
    to[place] = w.shape()?.elements();
    Ok(w.reshape(to))
}

fn dequantize(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let x = call.x(0)?;
    let (low, high) = (along(call, &x, call.x(1)?)?, along(call, &x, call.x(2)?)?);
    let dtype = x.dtype()?;
    let (least, most) = range(dtype)?;
    let to = call.attr_dtype_or("dtype", DType::F32)?;
    let x = x.cast(DType::F32);
    let y = match call.attr_text("mode", "MIN_COMBINED").as_str() {
        "SCALED" => {
            let narrow = call.attr_bool("narrow_range", false);
            let least = if least < 0.0 && narrow { least + 1.0 } else { least };
            let scale = if least == 0.0 { &high / most } else { (&high / most).maximum(&low / least) };
            x * scale
        }
        "MIN_FIRST" => {
            let step = (&high - &low) / (most - least);
            let first = (&low / &step).round();
            (x - least + first) * step
        }
        _ => {
            let half = if least < 0.0 { (most - least + 1.0) / 2.0 } else { 0.0 };
            (x + half) * ((&high - &low) / (most - least)) + low
        }
    };
    one(y.cast(to))
}

fn quantize(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let x = call.x(0)?;
    let (low, high) = (call.x(1)?, call.x(2)?);
    let dtype = call.attr_dtype("T")?;
    let (least, most) = range(dtype)?;
    let (low_wide, high_wide) = (along(call, &x, low.clone())?, along(call, &x, high.clone())?);
    match call.attr_text("mode", "MIN_COMBINED").as_str() {
        "SCALED" => {
            let least = if least < 0.0 && call.attr_bool("narrow_range", false) { least + 1.0 } else { least };
            let factor = |low: &Tensor, high: &Tensor| {
                let by_high = high.greater(0).where_(most / high, f64::from(f32::MAX));
                if least == 0.0 {
                    return by_high;
                }
                low.less(0).where_(least / low, f64::from(f32::MAX)).minimum(by_high)
            };
            let y = (&x * factor(&low_wide, &high_wide)).round().clip(least, most).cast(dtype);
            let own = factor(&low, &high);
            many([y, least / &own, most / &own])
        }
        _ => {
            let span = (&high_wide - &low_wide).maximum(1e-6);
            let scale = (most - least) / &span;
            let y = (&x.clip(&low_wide, &high_wide) - &low_wide) * scale;
            let y = (y.round() + least).clip(least, most).cast(dtype);
            many([y, low, high])
        }
    }
}

/// Rounded to a grid of so many bits between two numbers, zero on the grid.
fn fake(call: &Call<'_, '_>, x: &Tensor, low: &Tensor, high: &Tensor) -> Tensor {
    let bits = call.attr_int("num_bits", 8).clamp(2, 16);
    let least = if call.attr_bool("narrow_range", false) { 1.0 } else { 0.0 };
    let most = ((1_i64 << bits) - 1) as f64;
    let scale = (high - low) / (most - least);
    let zero = least - low / &scale;
    let zero = (zero + 0.5).floor().clip(least, most);
    let (low, high) = ((least - &zero) * &scale, (most - &zero) * &scale);
    let shifted = (x.clip(&low, &high) - &low) / &scale;
    (shifted + 0.5).floor() * scale + low
}

/// Quantised and back, as training sees it.
fn round_trip(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let x = call.x(0)?;
    let bits = match call.inputs.get(3) {
        Some(_) => call.int(3)?,
        None => call.attr_int("num_bits", 8),
    }
    .clamp(2, 24);
    let signed = call.attr_bool("signed_input", true);
    let (mut least, most) = match signed {
        true => (-((1_i64 << (bits - 1)) as f64), ((1_i64 << (bits - 1)) - 1) as f64),
        false => (0.0, ((1_i64 << bits) - 1) as f64),
    };
    if signed && call.attr_bool("narrow_range", false) {
        least += 1.0;
    }
    let (low, high) = if call.attr_bool("range_given", false) {
        (along(call, &x, call.x(1)?)?, along(call, &x, call.x(2)?)?)
    } else if let Attr::Int(axis @ 0..) = call.attr("axis") {
        let axes: Vec<isize> = (0..x.rank()? as isize).filter(|a| *a != *axis as isize).collect();
        (x.min(&axes, true), x.max(&axes, true))
    } else {
        (x.min(&[], false), x.max(&[], false))
    };
    // The side that is wider decides the step.
    let by_high = most / &high;
    let by_low = if signed { least / &low } else { by_high.clone() };
    let (a, b) = (low.negative(), high.clone());
    let uses_low = if signed { (a / -least).greater(b / most) } else { Tensor::zeros_like(&high).cast(DType::Bool) };
    let scale = uses_low.where_(by_low, by_high);
    let (low, high) = (least / &scale, most / &scale);
    let scaled = x.clip(&low, &high) * &scale;
    let rounded = match call.attr_text("round_mode", "HALF_TO_EVEN").as_str() {
        "HALF_UP" => (scaled + 0.5).floor(),
        _ => scaled.round(),
    };
    one((rounded / scale).cast_like(&x))
}
