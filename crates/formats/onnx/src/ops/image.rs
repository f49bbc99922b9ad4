//! Images read at places between their pixels, boxes, and columns of patches.

use cornet_error::{Result, err, fail};
use cornet_ops::{ScatterMode, Tensor};
use cornet_tensor::{Array, DType};

use super::convolution::{add_bias, pad_pairs, per_axis, spatial};
use super::{Entry, one};
use crate::call::{Call, sizes};

pub(super) const OPS: &[Entry] = &[
    one("AffineGrid", affine_grid).since(20),
    one("Col2Im", col2im).since(18),
    one("DeformConv", deform_conv).since(19),
    one("GridSample", grid_sample).since(16),
    one("MaxRoiPool", max_roi_pool),
    one("NonMaxSuppression", non_max_suppression).since(10),
    one("RoiAlign", roi_align).since(10),
];

/// What lies outside of an image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outside {
    Zeros,
    Border,
    Reflection,
}

/// The images that places are read from: `[batch, channels, places]`, and their spatial sizes.
struct Images {
    flat: Tensor,
    sizes: Vec<usize>,
    outside: Outside,
    /// Whether the outermost places are those of the outermost pixels' centres.
    corners: bool,
}

impl Images {
    fn of(x: &Tensor, outside: Outside, corners: bool) -> Result<Self> {
        let (sizes, _) = spatial(x, None)?;
        let shape = x.shape()?;
        let count = sizes.iter().product();
        if sizes.len() > 4 {
            fail!(Unsupported, "input: expected at most 4 spatial axes, found {}", sizes.len());
        }
        if count == 0 {
            fail!(EmptyData, "input: expected pixels, found {shape}");
        }
        Ok(Self { flat: x.reshape([shape[0], shape[1], count]), sizes, outside, corners })
    }

    /// Mirrors places beyond the first and last one.
    fn reflect(&self, x: &Tensor, size: usize) -> Tensor {
        let (low, high) = if self.corners { (0.0, size as f64 - 1.0) } else { (-0.5, size as f64 - 0.5) };
        let span = high - low;
        if span <= 0.0 {
            return Tensor::zeros_like(x);
        }
        let along = (x - low).mod_(2.0 * span);
        along.greater(span).where_(along.negative() + 2.0 * span, &along) + low
    }

    /// Places brought inside as far as the mode does that before reading.
    fn settle(&self, x: &Tensor, axis: usize) -> Tensor {
        let size = self.sizes[axis];
        match self.outside {
            Outside::Zeros => x.clone(),
            Outside::Border => x.clip(0.0, size as f64 - 1.0),
            Outside::Reflection => self.reflect(x, size),
        }
    }

    /// The pixels at whole places, `[batch, points]` each: `[batch, channels, points]`.
    fn pixels(&self, places: &[Tensor]) -> Result<Tensor> {
        let shape = self.flat.shape()?;
        let (mut index, mut inside): (Option<Tensor>, Option<Tensor>) = (None, None);
        for (axis, place) in places.iter().enumerate() {
            let size = self.sizes[axis];
            let place = match self.outside {
                Outside::Reflection => self.reflect(place, size),
                _ => place.clone(),
            };
            let there = place.greater_equal(0.0).logical_and(place.less(size as f64));
            inside = Some(inside.map_or(there.clone(), |i| i.logical_and(&there)));
            let at = place.clip(0.0, size as f64 - 1.0).cast(DType::I64);
            index = Some(index.map_or(at.clone(), |i| i * size as i64 + at));
        }
        let (Some(index), Some(inside)) = (index, inside) else { fail!(RankMismatch, "input: expected spatial axes") };
        let points = index.shape()?[1];
        let index = index.expand_dims(&[1]).broadcast_to([shape[0], shape[1], points]);
        let found = self.flat.take_along_axis(&index, 2);
        Ok(match self.outside {
            Outside::Zeros => inside.expand_dims(&[1]).where_(&found, Tensor::zeros_like(&found)),
            _ => found,
        })
    }

    /// Reads at places of each axis, `[batch, points]` each, by weights of `taps` around them.
    fn read(&self, places: &[Tensor], taps: &[(i64, fn(&Tensor) -> Tensor)]) -> Result<Tensor> {
        let axes = places.len();
        let floors: Vec<Tensor> = places.iter().map(Tensor::floor).collect();
        let rests: Vec<Tensor> = places.iter().zip(&floors).map(|(p, f)| p - f).collect();
        let mut sum: Option<Tensor> = None;
        for mut corner in 0..taps.len().pow(axes as u32) {
            let (mut weight, mut at): (Option<Tensor>, Vec<Tensor>) = (None, Vec::new());
            for axis in 0..axes {
                let (shift, kernel) = taps[corner % taps.len()];
                corner /= taps.len();
                at.push(&floors[axis] + shift as f64);
                let own = kernel(&rests[axis]);
                weight = Some(weight.map_or(own.clone(), |w| w * own));
            }
            let pixels = self.pixels(&at)?;
            let part = match weight {
                Some(weight) => &pixels * weight.expand_dims(&[1]).cast(pixels.dtype()?),
                None => pixels,
            };
            sum = Some(sum.map_or(part.clone(), |s| s + part));
        }
        sum.ok_or_else(|| err!(Internal, "no tap to read by"))
    }
}

const LINEAR: &[(i64, fn(&Tensor) -> Tensor)] = &[(0, |r| r.negative() + 1.0), (1, Tensor::clone)];

const CUBIC: &[(i64, fn(&Tensor) -> Tensor)] = &[
    (-1, |r| outer(&(r + 1.0))),
    (0, inner),
    (1, |r| inner(&(r.negative() + 1.0))),
    (2, |r| outer(&(r.negative() + 2.0))),
];

/// Keys's cubic of parameter -0.75 up to one away.
fn inner(x: &Tensor) -> Tensor {
    (x * 1.25 - 2.25) * x * x + 1.0
}

/// The same from one to two away.
fn outer(x: &Tensor) -> Tensor {
    ((x * -0.75 + 3.75) * x - 6.0) * x + 3.0
}

fn grid_sample(call: &Call<'_>) -> Result<Tensor> {
    let (x, grid) = (call.tensor(0)?, call.tensor(1)?);
    let corners = call.flag("align_corners")?;
    let outside = match call.text_or("padding_mode", "zeros")? {
        "zeros" => Outside::Zeros,
        "border" => Outside::Border,
        "reflection" => Outside::Reflection,
        other => fail!(InvalidArgument, "padding_mode: expected zeros, border or reflection, found '{other}'"),
    };
    let images = Images::of(x, outside, corners)?;
    let (shape, axes) = (grid.shape()?, images.sizes.len());
    if shape.rank() != axes + 2 || shape[axes + 1] != axes || shape[0] != x.shape()?[0] {
        fail!(ShapeMismatch, "grid: expected places of {axes} axes for each image, found {shape}");
    }
    let points: usize = shape[1..=axes].iter().product();
    let wide = x.dtype()?.accumulator();
    let grid = grid.cast(if wide == DType::F64 { wide } else { DType::F32 });
    // The last axis of an image comes first.
    let place = |axis: usize| {
        let n = grid.slice_axis(-1, axes - 1 - axis, 1).reshape([shape[0], points]);
        let size = images.sizes[axis] as f64;
        if corners { (n + 1.0) * ((size - 1.0) / 2.0) } else { ((n + 1.0) * size - 1.0) * 0.5 }
    };
    let places: Vec<Tensor> = (0..axes).map(place).collect();
    let y = match call.text_or("mode", "linear")? {
        "nearest" => {
            let settled: Vec<Tensor> =
                places.iter().enumerate().map(|(a, p)| images.settle(&p.round(), a).round()).collect();
            images.pixels(&settled)?
        }
        word @ ("linear" | "bilinear" | "cubic" | "bicubic") => {
            let taps = if word.ends_with("linear") { LINEAR } else { CUBIC };
            let settled: Vec<Tensor> = places.iter().enumerate().map(|(a, p)| images.settle(p, a)).collect();
            images.read(&settled, taps)?
        }
        other => fail!(InvalidArgument, "mode: expected nearest, linear or cubic, found '{other}'"),
    };
    let to: Vec<usize> = x.shape()?[..2].iter().chain(&shape[1..=axes]).copied().collect();
    Ok(y.reshape(to).cast(x.dtype()?))
}

fn affine_grid(call: &Call<'_>) -> Result<Tensor> {
    let (theta, size) = (call.tensor(0)?, sizes(&call.known_ints(1)?)?);
    let corners = call.flag("align_corners")?;
    let Some(spatial) = size.get(2..).filter(|s| s.len() == 2 || s.len() == 3) else {
        fail!(InvalidArgument, "size: expected 4 or 5 numbers, found {}", size.len());
    };
    let axes = spatial.len();
    let mut dims = spatial.to_vec();
    dims.push(axes + 1);
    let shape = call.admit(&dims, DType::F64)?;
    let line = |n: usize, i: usize| {
        let (n, i) = (n as f64, i as f64);
        if corners { if n > 1.0 { 2.0 * i / (n - 1.0) - 1.0 } else { -1.0 } } else { (2.0 * i + 1.0) / n - 1.0 }
    };
    let points: usize = spatial.iter().product();
    let mut rows = Vec::with_capacity(shape.elements());
    for point in 0..points {
        let (mut rest, mut row) = (point, Vec::with_capacity(axes + 1));
        for &n in spatial.iter().rev() {
            row.push(line(n, rest % n));
            rest /= n;
        }
        row.push(1.0);
        rows.extend(row);
    }
    let grid = Tensor::from(Array::from_f64(theta.dtype()?, [points, axes + 1], &rows)?);
    let mut to = vec![theta.shape()?.first().copied().unwrap_or(0)];
    to.extend(spatial);
    to.push(axes);
    Ok(grid.matmul(theta.swap_last()).reshape(to))
}

fn deform_conv(call: &Call<'_>) -> Result<Tensor> {
    let (x, kernel, offset) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let (input, taps) = spatial(x, Some(kernel))?;
    let axes = input.len();
    let (strides, dilations) = (per_axis(call, "strides", axes, 1, 1)?, per_axis(call, "dilations", axes, 1, 1)?);
    let pads = pad_pairs(call, axes)?;
    let count =
        |name: &str| Ok::<usize, cornet_error::Error>(usize::try_from(call.int_or(name, 1)?).unwrap_or(0).max(1));
    let (groups, offset_groups) = (count("group")?, count("offset_group")?);
    let (shape, at) = (x.shape()?, offset.shape()?);
    let (batch, channels, k) = (shape[0], shape[1], taps.iter().product::<usize>());
    let output: Vec<usize> = at.get(2..).unwrap_or_default().to_vec();
    let points: usize = output.iter().product();
    let outputs = kernel.shape()?[0];
    let fits = groups.max(offset_groups) <= channels
        && output.len() == axes
        && at[1] == offset_groups * k * axes
        && channels % offset_groups == 0
        && channels % groups == 0
        && outputs % groups == 0;
    if !fits {
        fail!(ShapeMismatch, "offset: expected {k} places of {axes} axes in {offset_groups} groups, found {at}");
    }
    // Where each tap of each window lies without offsets, `[taps, points]` for each axis.
    let base = |axis: usize| -> Result<Tensor> {
        let index = |mut flat: usize, dims: &[usize]| {
            let mut found = 0;
            for a in (axis..dims.len()).rev() {
                found = flat % dims[a].max(1);
                flat /= dims[a].max(1);
            }
            found
        };
        let place = |tap: usize, point: usize| {
            (index(point, &output) * strides[axis] + index(tap, &taps) * dilations[axis]) as f64 - pads[axis].0 as f64
        };
        let all: Vec<f64> = (0..k).flat_map(|t| (0..points).map(move |p| (t, p))).map(|(t, p)| place(t, p)).collect();
        Ok(Array::from_f64(x.dtype()?, [1, k, points], &all)?.into())
    };
    let offsets = offset.reshape([batch, offset_groups, k, axes, points]);
    let each = channels / offset_groups;
    let mut columns = Vec::new();
    for g in 0..offset_groups {
        let own = offsets.slice_axis(1, g, 1);
        let mut places = Vec::new();
        for axis in 0..axes {
            let shift = own.slice_axis(3, axis, 1).reshape([batch, k, points]);
            places.push((shift + base(axis)?).reshape([batch, k * points]));
        }
        let images = Images::of(&x.slice_axis(1, g * each, each), Outside::Zeros, true)?;
        let mut read = images.read(&places, LINEAR)?.reshape([batch, each, k, points]);
        if let Some(mask) = call.maybe_tensor(4)? {
            read = read * mask.slice_axis(1, g * k, k).reshape([batch, 1, k, points]);
        }
        columns.push(read);
    }
    let columns = Tensor::concat(&columns.iter().collect::<Vec<_>>(), 1);
    let columns = columns.reshape([batch, groups, channels / groups * k, points]);
    let kernel = kernel.reshape([1, groups, outputs / groups, channels / groups * k]);
    let mut to = vec![batch, outputs];
    to.extend(&output);
    add_bias(&kernel.matmul(columns).reshape(to), call.maybe_tensor(3)?)
}

fn col2im(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let (image, block) = (sizes(&call.known_ints(1)?)?, sizes(&call.known_ints(2)?)?);
    let axes = image.len();
    let (strides, dilations) = (per_axis(call, "strides", axes, 1, 1)?, per_axis(call, "dilations", axes, 1, 1)?);
    let pads = pad_pairs(call, axes)?;
    let [batch, depth, length] = x.shape()?[..] else { fail!(RankMismatch, "input: expected 3 axes") };
    let taps =
        block.iter().try_fold(1_usize, |n, &b| n.checked_mul(b)).filter(|&t| t > 0 && depth >= t && depth % t == 0);
    let (Some(taps), true) = (taps, block.len() == axes) else {
        fail!(DimMismatch, "block_shape: expected a part of {depth} channels, found {block:?}");
    };
    let windows: Option<Vec<usize>> = (0..axes)
        .map(|a| {
            let reach = block[a].checked_sub(1)?.checked_mul(dilations[a])?.checked_add(1)?;
            let room = image[a].checked_add(pads[a].0)?.checked_add(pads[a].1)?.checked_sub(reach)?;
            Some(room / strides[a] + 1)
        })
        .collect();
    let windows = windows.filter(|w| w.iter().try_fold(1_usize, |n, &d| n.checked_mul(d)) == Some(length));
    let windows =
        windows.ok_or_else(|| err!(DimMismatch, "input: expected a column for each block, found {length}"))?;
    let channels = depth / taps;
    let mut to = vec![batch, channels];
    to.extend(&image);
    call.admit(&to, x.dtype()?)?;
    let places: usize = image.iter().product();
    // The place of every tap of every window; one behind the last for what lies outside.
    let mut targets = Vec::with_capacity(taps * length);
    for tap in 0..taps {
        for window in 0..length {
            let (mut tap, mut window, mut flat, mut step) = (tap, window, Some(0_usize), 1);
            for a in (0..axes).rev() {
                let at = (window % windows[a] * strides[a] + tap % block[a] * dilations[a]).checked_sub(pads[a].0);
                flat = flat.zip(at.filter(|&at| at < image[a])).map(|(f, at)| f + at * step);
                step *= image[a];
                (tap, window) = (tap / block[a], window / windows[a]);
            }
            targets.push(flat.unwrap_or(places) as i64);
        }
    }
    let count = targets.len();
    let columns = x.reshape([batch * channels, count]).transpose(&[1, 0]);
    let zeros = Tensor::from(Array::try_zeros(x.dtype()?, [places + 1, batch * channels])?);
    let at = Tensor::from(Array::from_slice(&targets, [count, 1])?);
    let sums = zeros.scatter_nd(&at, &columns, ScatterMode::Add).slice_axis(0, 0, places);
    Ok(sums.transpose(&[1, 0]).reshape(to))
}

/// Where a box reads an axis: the first place, the size of a bin, and samples of a bin.
struct Bins {
    start: f64,
    size: f64,
    samples: usize,
}

fn roi_align(call: &Call<'_>) -> Result<Tensor> {
    let (x, rois, of) = (call.known(0)?, call.known(1)?, call.known_ints(2)?);
    let ([batch, channels, h, w], [count, 4]) = (&x.shape()[..], &rois.shape()[..]) else {
        fail!(
            ShapeMismatch,
            "expected images of 4 axes and boxes of 4 numbers, found {} and {}",
            x.shape(),
            rois.shape()
        );
    };
    let size = |name: &str| Ok::<usize, cornet_error::Error>(usize::try_from(call.int_or(name, 1)?).unwrap_or(0));
    let (rows, columns, ratio) = (size("output_height")?, size("output_width")?, call.int_or("sampling_ratio", 0)?);
    let ratio = usize::try_from(ratio).unwrap_or(0);
    let scale = call.float_or("spatial_scale", 1.0)?;
    let word = call.text_or("coordinate_transformation_mode", "half_pixel")?;
    let half = call.opset() >= 16 && word == "half_pixel";
    let best = call.text_or("mode", "avg")? == "max";
    let to = call.admit(&[*count, *channels, rows, columns], DType::F64)?;
    let (pixels, boxes) = (x.to_f64()?, rois.to_f64()?);
    let offset = if half { 0.5 } else { 0.0 };
    let mut results = Vec::with_capacity(to.elements());
    for (i, corners) in boxes.chunks_exact(4).enumerate() {
        let image = of.get(i).and_then(|&b| usize::try_from(b).ok()).filter(|b| b < batch);
        let image = image.ok_or_else(|| err!(OutOfRange, "batch_indices: expected one of {batch} images"))?;
        let bins = |from: f64, to: f64, n: usize| -> Result<Bins> {
            let (start, end) = (from * scale - offset, to * scale - offset);
            let length = if half { end - start } else { (end - start).max(1.0) };
            let size = length / n.max(1) as f64;
            let samples = whole_samples(if ratio > 0 { ratio as f64 } else { size })?;
            Ok(Bins { start, size, samples })
        };
        let (across, down) = (bins(corners[0], corners[2], columns)?, bins(corners[1], corners[3], rows)?);
        for c in 0..*channels {
            let plane = &pixels[(image * channels + c) * h * w..(image * channels + c + 1) * h * w];
            for r in 0..rows {
                for column in 0..columns {
                    results.push(bin_value(plane, (*h, *w), (&down, r), (&across, column), best));
                }
            }
        }
    }
    Ok(Array::from_f64(x.dtype(), to, &results)?.into())
}

fn whole_samples(size: f64) -> Result<usize> {
    let count = size.ceil().max(0.0);
    if count <= 4096.0 { Ok(count as usize) } else { fail!(LimitExceeded, "rois: a bin of {size} pixels is too large") }
}

/// The mean of a bin's samples, or the greatest of the weighted pixels they are read from.
fn bin_value(
    plane: &[f64],
    (h, w): (usize, usize),
    (down, r): (&Bins, usize),
    (across, c): (&Bins, usize),
    best: bool,
) -> f64 {
    let place = |b: &Bins, bin: usize, i: usize| b.start + (bin as f64 + (i as f64 + 0.5) / b.samples as f64) * b.size;
    // The lower pixel, the upper one, and how far the place is from the lower.
    let between = |at: f64, n: usize| {
        let at = at.max(0.0);
        let low = at as usize;
        if low + 1 >= n { (n.saturating_sub(1), n.saturating_sub(1), 0.0) } else { (low, low + 1, at - low as f64) }
    };
    let (mut sum, mut greatest) = (0.0, f64::NEG_INFINITY);
    for i in 0..down.samples {
        for j in 0..across.samples {
            let (y, x) = (place(down, r, i), place(across, c, j));
            let outside = y < -1.0 || y > h as f64 || x < -1.0 || x > w as f64;
            if outside || plane.is_empty() {
                greatest = greatest.max(0.0);
                continue;
            }
            let ((y0, y1, dy), (x0, x1, dx)) = (between(y, h), between(x, w));
            let at = |y: usize, x: usize| plane[y * w + x];
            let parts = [
                (1.0 - dy) * (1.0 - dx) * at(y0, x0),
                (1.0 - dy) * dx * at(y0, x1),
                dy * (1.0 - dx) * at(y1, x0),
                dy * dx * at(y1, x1),
            ];
            sum += parts.iter().sum::<f64>();
            greatest = parts.into_iter().fold(greatest, f64::max);
        }
    }
    match best {
        true if greatest == f64::NEG_INFINITY => 0.0,
        true => greatest,
        false => sum / (down.samples * across.samples).max(1) as f64,
    }
}

fn max_roi_pool(call: &Call<'_>) -> Result<Tensor> {
    let (x, rois) = (call.known(0)?, call.known(1)?);
    let ([batch, channels, h, w], [count, 5]) = (&x.shape()[..], &rois.shape()[..]) else {
        fail!(
            ShapeMismatch,
            "expected images of 4 axes and boxes of 5 numbers, found {} and {}",
            x.shape(),
            rois.shape()
        );
    };
    let pooled = call.ints("pooled_shape")?.map(sizes).transpose()?;
    let Some([rows, columns]) = pooled.as_deref() else { fail!(InvalidArgument, "pooled_shape: expected 2 sizes") };
    let scale = call.float_or("spatial_scale", 1.0)?;
    let to = call.admit(&[*count, *channels, *rows, *columns], DType::F64)?;
    let (pixels, boxes) = (x.to_f64()?, rois.to_f64()?);
    let mut results = Vec::with_capacity(to.elements());
    for corners in boxes.chunks_exact(5) {
        let image = corners[0] as usize;
        if corners[0] < 0.0 || image >= *batch {
            fail!(OutOfRange, "rois: expected one of {batch} images, found {}", corners[0]);
        }
        let at = |i: usize| (corners[i] * scale).round();
        let range = |low: f64, high: f64, bin: usize, bins: usize, n: usize| {
            let size = (high - low + 1.0).max(1.0) / bins as f64;
            let cut = |v: f64| (v + low).clamp(0.0, n as f64) as usize;
            (cut((bin as f64 * size).floor()), cut(((bin + 1) as f64 * size).ceil()))
        };
        for c in 0..*channels {
            let plane = &pixels[(image * channels + c) * h * w..(image * channels + c + 1) * h * w];
            for r in 0..*rows {
                for column in 0..*columns {
                    let (top, bottom) = range(at(2), at(4), r, *rows, *h);
                    let (left, right) = range(at(1), at(3), column, *columns, *w);
                    let inside = (top..bottom).flat_map(|y| (left..right).map(move |x| y * w + x));
                    let best = inside.map(|i| plane[i]).fold(f64::NEG_INFINITY, f64::max);
                    results.push(if best == f64::NEG_INFINITY { 0.0 } else { best });
                }
            }
        }
    }
    Ok(Array::from_f64(x.dtype(), to, &results)?.into())
}

/// Corners of a box in ascending order: top, left, bottom, right.
fn corners(b: &[f64], centre: bool) -> [f64; 4] {
    if centre {
        let (x, y, w, h) = (b[0], b[1], b[2] / 2.0, b[3] / 2.0);
        return [y - h, x - w, y + h, x + w];
    }
    [b[0].min(b[2]), b[1].min(b[3]), b[0].max(b[2]), b[1].max(b[3])]
}

fn overlap(a: [f64; 4], b: [f64; 4]) -> f64 {
    let area = |c: [f64; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    let (height, width) = (a[2].min(b[2]) - a[0].max(b[0]), a[3].min(b[3]) - a[1].max(b[1]));
    if height <= 0.0 || width <= 0.0 || area(a) <= 0.0 || area(b) <= 0.0 {
        return 0.0;
    }
    height * width / (area(a) + area(b) - height * width)
}

fn non_max_suppression(call: &Call<'_>) -> Result<Tensor> {
    let (boxes, scores) = (call.known(0)?, call.known(1)?);
    let ([batch, count, 4], [own, classes, n]) = (&boxes.shape()[..], &scores.shape()[..]) else {
        fail!(
            ShapeMismatch,
            "expected boxes [n, b, 4] and scores [n, c, b], found {} and {}",
            boxes.shape(),
            scores.shape()
        );
    };
    if own != batch || n != count {
        fail!(ShapeMismatch, "scores: expected [{batch}, classes, {count}], found {}", scores.shape());
    }
    let number = |i: usize| -> Result<Option<f64>> {
        Ok(if call.maybe(i).is_some() { call.known(i)?.to_f64()?.first().copied() } else { None })
    };
    let most = number(2)?.unwrap_or(0.0).max(0.0) as usize;
    let (limit, least) = (number(3)?.unwrap_or(0.0), number(4)?);
    let centre = call.flag("center_point_box")?;
    let (places, scores) = (boxes.to_f64()?, scores.to_f64()?);
    let mut picked: Vec<i64> = Vec::new();
    for b in 0..*batch {
        let at = |i: usize| corners(&places[(b * count + i) * 4..(b * count + i) * 4 + 4], centre);
        for c in 0..*classes {
            let own = &scores[(b * classes + c) * count..(b * classes + c + 1) * count];
            let mut order: Vec<usize> = (0..*count).filter(|&i| least.is_none_or(|l| own[i] > l)).collect();
            order.sort_by(|&i, &j| own[j].total_cmp(&own[i]).then(i.cmp(&j)));
            let mut kept: Vec<usize> = Vec::new();
            for i in order {
                if kept.len() >= most {
                    break;
                }
                if kept.iter().all(|&k| overlap(at(i), at(k)) <= limit) {
                    kept.push(i);
                    picked.extend([b as i64, c as i64, i as i64]);
                }
            }
        }
    }
    Ok(Array::from_slice(&picked, [picked.len() / 3, 3])?.into())
}
