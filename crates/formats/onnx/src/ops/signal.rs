//! Windows and transforms of signals.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::{Entry, axis_of, one};
use crate::call::Call;
use crate::element::Element;

pub(super) const OPS: &[Entry] = &[
    one("BlackmanWindow", |c| window(c, &[0.42, -0.5, 0.08])).since(17),
    one("DFT", dft).since(17),
    one("HammingWindow", |c| window(c, &[25.0 / 46.0, -21.0 / 46.0])).since(17),
    one("HannWindow", |c| window(c, &[0.5, -0.5])).since(17),
    one("MelWeightMatrix", mel_weights).since(17),
    one("STFT", stft).since(17),
];

/// One number of an input.
fn number(call: &Call<'_>, i: usize) -> Result<f64> {
    let found = call.known(i)?.to_f64()?;
    found.first().copied().ok_or_else(|| err!(InvalidArgument, "input {i}: expected a number, found nothing"))
}

/// A size that an input gives.
fn size(call: &Call<'_>, i: usize) -> Result<usize> {
    let found = number(call, i)?;
    if (0.0..1e15).contains(&found) { Ok(found as usize) } else { fail!(InvalidArgument, "input {i}: found {found}") }
}

/// A sum of cosines over the length of a window.
fn window(call: &Call<'_>, coefficients: &[f64]) -> Result<Tensor> {
    let n = size(call, 0)?;
    let dtype = Element::of(call.int_or("output_datatype", 1)?).dtype()?;
    let shape = call.admit(&[n], DType::F64)?;
    let periods = if call.int_or("periodic", 1)? != 0 { n as f64 } else { (n as f64 - 1.0).max(1.0) };
    let at = |i: usize| {
        let angle = std::f64::consts::TAU * i as f64 / periods;
        coefficients.iter().enumerate().map(|(k, c)| c * (k as f64 * angle).cos()).sum::<f64>()
    };
    Ok(Array::from_f64(dtype, shape, &(0..n).map(at).collect::<Vec<_>>())?.into())
}

/// The last axis of `x` cut off or filled up with zeros.
fn fitted(x: &Tensor, length: usize) -> Result<Tensor> {
    let shape = x.shape()?;
    let last = shape.rank() - 1;
    if shape[last] >= length {
        return Ok(x.slice_axis(-1, 0, length));
    }
    let mut widths = vec![(0, 0); shape.rank()];
    widths[last].1 = length - shape[last];
    Ok(x.pad(&widths))
}

/// Real and imaginary parts of the last axis, one behind the other.
fn transform(re: &Tensor, im: &Tensor, length: usize, inverse: bool, one_sided: bool) -> Result<Tensor> {
    if inverse && one_sided {
        let half = length / 2 + 1;
        return Ok(fitted(re, half)?.irfft(&fitted(im, half)?, Some(length)).expand_dims(&[-1]));
    }
    let (re, im) = (fitted(re, length)?, fitted(im, length)?);
    let (re, im) = if inverse { re.ifft(&im) } else { re.fft(&im) };
    let kept = if one_sided { length / 2 + 1 } else { length };
    Ok(Tensor::stack(&[&re.slice_axis(-1, 0, kept), &im.slice_axis(-1, 0, kept)], -1))
}

fn dft(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let shape = x.shape()?;
    let axis = match (call.maybe(2), call.opset() >= 20) {
        (Some(_), _) => number(call, 2)? as i64,
        (None, true) => -2,
        (None, false) => call.int_or("axis", 1)?,
    };
    let axis = axis_of(axis, shape.rank())?;
    let parts = shape.last().copied().unwrap_or(0);
    if axis + 1 == shape.rank() || !(parts == 1 || parts == 2) {
        fail!(ShapeMismatch, "input: expected an axis of one or two parts behind the signal, found {shape}");
    }
    let (inverse, one_sided) = (call.flag("inverse")?, call.flag("onesided")?);
    let length = match call.maybe(1) {
        Some(_) => size(call, 1)?,
        None if inverse && one_sided => 2 * shape[axis].saturating_sub(1),
        None => shape[axis],
    };
    if length == 0 {
        fail!(InvalidArgument, "dft_length: expected at least 1, found 0");
    }
    call.admit(&[shape.elements() / shape[axis].max(1), length], DType::C64)?;
    // The signal's axis becomes the last of real and imaginary part.
    let last = shape.rank() as isize - 2;
    let part = |i: usize| x.slice_axis(-1, i, 1).squeeze(&[-1]).moveaxis(&[axis as isize], &[last]);
    let re = part(0);
    let im = if parts == 2 { part(1) } else { Tensor::zeros_like(&re) };
    let y = transform(&re, &im, length, inverse, one_sided)?;
    Ok(y.moveaxis(&[last], &[axis as isize]).cast(x.dtype()?))
}

fn stft(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let shape = x.shape()?;
    let signal = match shape[..] {
        [_, _] => x.expand_dims(&[-1]),
        [_, _, 1 | 2] => x.clone(),
        _ => fail!(ShapeMismatch, "signal: expected [batch, time] or [batch, time, parts], found {shape}"),
    };
    let step = size(call, 1)?;
    let window = call.maybe_tensor(2)?;
    let length = match (call.maybe(3), window) {
        (Some(_), _) => size(call, 3)?,
        (None, Some(window)) => window.shape()?.elements(),
        (None, None) => shape[1],
    };
    if step == 0 || length == 0 || length > shape[1] {
        fail!(
            InvalidArgument,
            "frames: expected a step above zero and at most {} long, found {step} and {length}",
            shape[1]
        );
    }
    let count = (shape[1] - length) / step + 1;
    let parts = signal.shape()?[2];
    call.admit(&[shape[0], count, length, 2], DType::F64)?;
    let places: Vec<i64> = (0..count).flat_map(|f| (0..length).map(move |i| (f * step + i) as i64)).collect();
    let places = Tensor::from(Array::from_slice(&places, [count, length])?);
    let frame = |i: usize| {
        let frames = signal.slice_axis(-1, i, 1).squeeze(&[-1]).take(&places, 1);
        window.map_or(frames.clone(), |w| frames * w)
    };
    let re = frame(0);
    let im = if parts == 2 { frame(1) } else { Tensor::zeros_like(&re) };
    let one_sided = call.int_or("onesided", 1)? != 0;
    Ok(transform(&re, &im, length, false, one_sided)?.cast(x.dtype()?))
}

fn mel_weights(call: &Call<'_>) -> Result<Tensor> {
    let (bins, length) = (size(call, 0)?, size(call, 1)?);
    let (rate, low, high) = (number(call, 2)?, number(call, 3)?, number(call, 4)?);
    let dtype = Element::of(call.int_or("output_datatype", 1)?).dtype()?;
    let rows = length / 2 + 1;
    let shape = call.admit(&[rows, bins], DType::F64)?;
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let step = (mel(high) - mel(low)) / (bins as f64 + 2.0);
    let edge = |i: usize| {
        let hertz = 700.0 * (10_f64.powf((mel(low) + step * i as f64) / 2595.0) - 1.0);
        ((length as f64 + 1.0) * hertz / rate).floor()
    };
    let edges: Vec<f64> = (0..bins + 2).map(edge).collect();
    if edges.iter().any(|e| !(0.0..=rows as f64).contains(e)) {
        fail!(InvalidArgument, "edges: expected frequencies up to half of {rate}, found {low} to {high}");
    }
    let mut weights = vec![0.0; shape.elements()];
    for bin in 0..bins {
        let (left, centre, right) = (edges[bin], edges[bin + 1], edges[bin + 2]);
        for row in 0..rows {
            let at = row as f64;
            let weight = if at < right && at >= centre && right > centre {
                Some((right - at) / (right - centre))
            } else if centre == left {
                (at == centre).then_some(1.0)
            } else {
                (at >= left && at <= centre).then(|| (at - left) / (centre - left))
            };
            weights[row * bins + bin] = weight.unwrap_or(0.0);
        }
    }
    Ok(Array::from_f64(dtype, shape, &weights)?.into())
}
