//! Images in other sizes.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::{Entry, axis_of, one};
use crate::call::Call;

pub(super) const OPS: &[Entry] = &[one("Resize", resize).since(10), one("Upsample", upsample)];

/// How one axis is resized.
struct Axis {
    input: usize,
    output: usize,
    /// Output size over input size, as it is stated.
    scale: f64,
    /// Begin and end of the part that is read, relative to the axis.
    roi: (f64, f64),
}

/// How places between elements are read.
struct Reading<'a> {
    mode: &'a str,
    nearest: &'a str,
    coordinates: &'a str,
    cubic: f64,
    antialias: bool,
    exclude_outside: bool,
    outside: f64,
}

impl Reading<'_> {
    /// Where the element `i` of the output lies on the input.
    fn place(&self, axis: &Axis, i: usize) -> Result<f64> {
        let (i, input) = (i as f64, axis.input as f64);
        let length = axis.scale * input;
        let last = input - 1.0;
        Ok(match self.coordinates {
            "align_corners" if length == 1.0 => 0.0,
            "align_corners" => i * last / (length - 1.0),
            "asymmetric" => i / axis.scale,
            "tf_crop_and_resize" => {
                let (start, end) = axis.roi;
                let inner =
                    if length > 1.0 { i * (end - start) * last / (length - 1.0) } else { (end - start) * last / 2.0 };
                inner + start * last
            }
            "tf_half_pixel_for_nn" => (i + 0.5) / axis.scale,
            "pytorch_half_pixel" if axis.output <= 1 => 0.0,
            "half_pixel" | "pytorch_half_pixel" => (i + 0.5) / axis.scale - 0.5,
            "half_pixel_symmetric" => {
                let offset = input / 2.0 * (1.0 - axis.output as f64 / length);
                offset + (i + 0.5) / axis.scale - 0.5
            }
            other => fail!(InvalidArgument, "coordinate_transformation_mode: found '{other}'"),
        })
    }

    /// The elements that a place is read from, and their weights.
    fn taps(&self, axis: &Axis, place: f64) -> Result<Vec<(i64, f64)>> {
        let floor = place.floor();
        let (low, rest) = (floor as i64, place - floor);
        let shrink = if self.antialias { axis.scale.min(1.0) } else { 1.0 };
        let mut taps = match self.mode {
            "nearest" => vec![(self.nearest(place)?, 1.0)],
            "linear" if shrink < 1.0 => wide(place, shrink, 1.0, |x| (1.0 - x.abs()).clamp(0.0, 1.0)),
            "linear" => vec![(low, 1.0 - rest), (low + 1, rest)],
            "cubic" => wide(place, shrink, 2.0, |x| cubic(x, self.cubic)),
            other => fail!(InvalidArgument, "mode: expected nearest, linear or cubic, found '{other}'"),
        };
        if self.exclude_outside {
            taps.retain(|(i, _)| (0..axis.input as i64).contains(i));
            let sum: f64 = taps.iter().map(|t| t.1).sum();
            taps.iter_mut().for_each(|t| t.1 /= sum);
        }
        Ok(taps)
    }

    fn nearest(&self, place: f64) -> Result<i64> {
        Ok(match self.nearest {
            "round_prefer_floor" => (place - 0.5).ceil(),
            "round_prefer_ceil" => (place + 0.5).floor(),
            "floor" => place.floor(),
            "ceil" => place.ceil(),
            other => fail!(InvalidArgument, "nearest_mode: found '{other}'"),
        } as i64)
    }
}

/// Keys's cubic of parameter `a`.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

/// Every element within `reach / shrink` of a place, weighted by a kernel whose weights then sum to one.
fn wide(place: f64, shrink: f64, reach: f64, kernel: impl Fn(f64) -> f64) -> Vec<(i64, f64)> {
    let radius = reach / shrink;
    let (first, last) = ((place - radius).floor() as i64, (place + radius).ceil() as i64);
    let taps: Vec<(i64, f64)> = (first..=last).map(|i| (i, kernel((i as f64 - place) * shrink))).collect();
    let taps: Vec<(i64, f64)> = taps.into_iter().filter(|t| t.1 != 0.0).collect();
    let sum: f64 = taps.iter().map(|t| t.1).sum();
    taps.into_iter().map(|(i, w)| (i, w / sum)).collect()
}

/// Resizes one axis.
fn along(x: &Tensor, at: usize, axis: &Axis, reading: &Reading<'_>) -> Result<Tensor> {
    if axis.input == 0 {
        fail!(EmptyData, "resize: axis {at} has no elements");
    }
    let places = (0..axis.output).map(|i| reading.place(axis, i)).collect::<Result<Vec<_>>>()?;
    let taps = places.iter().map(|&p| reading.taps(axis, p)).collect::<Result<Vec<_>>>()?;
    let width = taps.iter().map(Vec::len).max().unwrap_or(0);
    let last = axis.input as i64 - 1;
    let mut dims = vec![1; x.rank()?];
    dims[at] = axis.output;
    let dtype = x.dtype()?;
    let mut sum: Option<Tensor> = None;
    for k in 0..width {
        let tap = |t: &Vec<(i64, f64)>| t.get(k).copied().unwrap_or((0, 0.0));
        let indices: Vec<i64> = taps.iter().map(|t| tap(t).0.clamp(0, last)).collect();
        let weights: Vec<f64> = taps.iter().map(|t| tap(t).1).collect();
        let read = x.take(&Tensor::from(Array::from_slice(&indices, [axis.output])?), at as isize);
        let part = if weights.iter().all(|&w| w == 1.0) {
            read
        } else {
            read * Tensor::from(Array::from_f64(dtype, dims.clone(), &weights)?)
        };
        sum = Some(match sum {
            Some(sum) => sum + part,
            None => part,
        });
    }
    let Some(sum) = sum else { return Ok(x.slice_axis(at as isize, 0, 0)) };
    if reading.coordinates != "tf_crop_and_resize" {
        return Ok(sum);
    }
    let inside: Vec<bool> = places.iter().map(|&p| (0.0..=axis.input as f64 - 1.0).contains(&p)).collect();
    if inside.iter().all(|&i| i) {
        return Ok(sum);
    }
    let inside = Tensor::from(Array::from_vec(inside, dims)?);
    Ok(inside.where_(&sum, Tensor::from(Array::full(dtype, [], reading.outside)?)))
}

/// Sizes and scales of the axes that are resized.
fn axes_of(call: &Call<'_>, shape: &[usize]) -> Result<Vec<(usize, Axis)>> {
    let inputs = if call.opset() >= 11 { [2, 3, 1] } else { [1, 3, 2] };
    let numbers = |i: usize| -> Result<Option<Vec<f64>>> {
        if call.maybe(i).is_none() {
            return Ok(None);
        }
        Ok(Some(call.known(i)?.to_f64()?).filter(|v| !v.is_empty()))
    };
    let (scales, sizes) = (numbers(inputs[0])?, if call.opset() >= 11 { numbers(inputs[1])? } else { None });
    let axes = match call.ints("axes")? {
        Some(axes) => axes.iter().map(|&a| axis_of(a, shape.len())).collect::<Result<Vec<_>>>()?,
        None => (0..shape.len()).collect(),
    };
    let roi = if call.opset() >= 11 { numbers(inputs[2])? } else { None };
    let wrong = |found: usize| err!(InvalidArgument, "scales or sizes: expected {}, found {found}", axes.len());
    let roi_of = |i: usize| match &roi {
        Some(roi) if roi.len() == 2 * axes.len() => (roi[i], roi[axes.len() + i]),
        _ => (0.0, 1.0),
    };
    let mut found = Vec::new();
    if let Some(sizes) = sizes {
        if sizes.len() != axes.len() {
            return Err(wrong(sizes.len()));
        }
        let ratio = |i: usize| sizes[i] / shape[axes[i]].max(1) as f64;
        let policy = call.text_or("keep_aspect_ratio_policy", "stretch")?;
        let ratios = (0..axes.len()).map(ratio);
        let common = match policy {
            "stretch" => None,
            "not_larger" => Some(ratios.fold(f64::INFINITY, f64::min)),
            "not_smaller" => Some(ratios.fold(0.0, f64::max)),
            other => fail!(InvalidArgument, "keep_aspect_ratio_policy: found '{other}'"),
        };
        for (i, &a) in axes.iter().enumerate() {
            let scale = common.unwrap_or(ratio(i));
            let output = common.map_or(sizes[i], |s| (s * shape[a] as f64 + 0.5).floor());
            found.push((a, Axis { input: shape[a], output: whole(output)?, scale, roi: roi_of(i) }));
        }
    } else if let Some(scales) = scales {
        if scales.len() != axes.len() {
            return Err(wrong(scales.len()));
        }
        for (i, &a) in axes.iter().enumerate() {
            let (start, end) = roi_of(i);
            let part = if call.text_or("coordinate_transformation_mode", "")? == "tf_crop_and_resize" {
                end - start
            } else {
                1.0
            };
            let output = whole((shape[a] as f64 * part * scales[i]).floor())?;
            found.push((a, Axis { input: shape[a], output, scale: scales[i], roi: (start, end) }));
        }
    } else {
        fail!(InvalidArgument, "scales or sizes: expected one of them, found none");
    }
    Ok(found)
}

fn whole(x: f64) -> Result<usize> {
    if x.is_finite() && (0.0..1e15).contains(&x) { Ok(x as usize) } else { fail!(InvalidArgument, "sizes: found {x}") }
}

fn resized(call: &Call<'_>, axes: Vec<(usize, Axis)>, reading: &Reading<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let dtype = x.dtype()?;
    let mut to = x.shape()?.to_vec();
    axes.iter().for_each(|(a, axis)| to[*a] = axis.output);
    call.admit(&to, dtype)?;
    if axes.iter().any(|(_, axis)| axis.scale <= 0.0 || !axis.scale.is_finite()) && to.iter().all(|&d| d > 0) {
        fail!(InvalidArgument, "scales: expected numbers above zero");
    }
    // What only picks elements takes any dtype; the rest is computed in floats.
    let picks = reading.mode == "nearest" && reading.coordinates != "tf_crop_and_resize";
    let mut y = if picks || dtype.is_float() { x.clone() } else { x.cast(DType::F64) };
    for (a, axis) in &axes {
        let same = axis.input == axis.output && axis.scale == 1.0 && axis.roi == (0.0, 1.0);
        if !same {
            y = along(&y, *a, axis, reading)?;
        }
    }
    Ok(if picks || dtype.is_float() { y } else { y.round().cast(dtype) })
}

fn resize(call: &Call<'_>) -> Result<Tensor> {
    let axes = axes_of(call, &call.tensor(0)?.shape()?)?;
    let old = call.opset() < 11;
    let reading = Reading {
        mode: call.text_or("mode", "nearest")?,
        nearest: call.text_or("nearest_mode", if old { "floor" } else { "round_prefer_floor" })?,
        coordinates: call.text_or("coordinate_transformation_mode", if old { "asymmetric" } else { "half_pixel" })?,
        cubic: call.float_or("cubic_coeff_a", -0.75)?,
        antialias: call.flag("antialias")?,
        exclude_outside: call.flag("exclude_outside")?,
        outside: call.float_or("extrapolation_value", 0.0)?,
    };
    resized(call, axes, &reading)
}

fn upsample(call: &Call<'_>) -> Result<Tensor> {
    let shape = call.tensor(0)?.shape()?;
    let scales: Vec<f64> = match (call.maybe(1), call.floats("scales")?) {
        (Some(_), _) => call.known(1)?.to_f64()?,
        (None, Some(scales)) => scales.iter().map(|&s| f64::from(s)).collect(),
        (None, None) => {
            let side = |name: &str| call.float_or(name, 1.0);
            vec![1.0, 1.0, side("height_scale")?, side("width_scale")?]
        }
    };
    if scales.len() != shape.rank() {
        fail!(InvalidArgument, "scales: expected {}, found {}", shape.rank(), scales.len());
    }
    let mut axes = Vec::new();
    for (a, (&input, &scale)) in shape.iter().zip(&scales).enumerate() {
        axes.push((a, Axis { input, output: whole((input as f64 * scale).floor())?, scale, roi: (0.0, 1.0) }));
    }
    let mode = call.text_or("mode", "nearest")?;
    let reading = Reading {
        mode: if mode == "bilinear" { "linear" } else { mode },
        nearest: "floor",
        coordinates: "asymmetric",
        cubic: -0.75,
        antialias: false,
        exclude_outside: false,
        outside: 0.0,
    };
    resized(call, axes, &reading)
}
