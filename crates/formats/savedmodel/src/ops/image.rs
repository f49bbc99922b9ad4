//! Images as tensors: sizes, colours, patches.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_ops::image::{FillMode, Interpolation, WarpOptions};
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use cornet_tensor::{Array, DType};

use super::{Family, one};
use crate::interpret::{Call, sizes};
use crate::value::Value;

pub(super) static OPS: Family = &[
    ("AdjustContrastv2", |c| {
        let (x, factor) = (c.x(0)?, c.x(1)?);
        let mean = x.mean(&[-3, -2], true);
        one(((&x - &mean) * factor + mean).cast_like(&x))
    }),
    ("AdjustHue", |c| {
        let (x, delta) = (c.x(0)?, c.x(1)?);
        one(in_hsv(&x, |h, s, v| ((h + &delta).mod_(1.0), s.clone(), v.clone()))?)
    }),
    ("AdjustSaturation", |c| {
        let (x, scale) = (c.x(0)?, c.x(1)?);
        one(in_hsv(&x, |h, s, v| (h.clone(), (s * &scale).clip(0.0, 1.0), v.clone()))?)
    }),
    ("CropAndResize", crop_and_resize),
    ("DepthToSpace", |c| {
        let (format, block) = block(c)?;
        one(c.x(0)?.depth_to_space(block, format))
    }),
    ("ExtractImagePatches", extract_patches),
    ("ExtractVolumePatches", extract_patches),
    ("HSVToRGB", |c| one(c.x(0)?.hsv_to_rgb(DataFormat::ChannelsLast))),
    ("ImageProjectiveTransformV2", warp),
    ("ImageProjectiveTransformV3", warp),
    ("RGBToHSV", |c| one(c.x(0)?.rgb_to_hsv(DataFormat::ChannelsLast))),
    ("ResizeArea", |c| resize(c, Kernel::Area)),
    ("ResizeBicubic", |c| resize(c, Kernel::Bicubic)),
    ("ResizeBilinear", |c| resize(c, Kernel::Bilinear)),
    ("ResizeNearestNeighbor", nearest),
    ("ScaleAndTranslate", scale_and_translate),
    ("SpaceToDepth", |c| {
        let (format, block) = block(c)?;
        one(c.x(0)?.space_to_depth(block, format))
    }),
];

fn in_hsv(x: &Tensor, f: impl FnOnce(&Tensor, &Tensor, &Tensor) -> (Tensor, Tensor, Tensor)) -> Result<Tensor> {
    let parts = x.rgb_to_hsv(DataFormat::ChannelsLast).split(3, -1)?;
    let [h, s, v] = parts.as_slice() else { fail!(DimMismatch, "expected 3 channels, found {}", parts.len()) };
    let (h, s, v) = f(h, s, v);
    Ok(Tensor::concat(&[&h, &s, &v], -1).hsv_to_rgb(DataFormat::ChannelsLast))
}

fn block(call: &Call<'_, '_>) -> Result<(DataFormat, usize)> {
    let format = match call.attr_text("data_format", "NHWC").as_str() {
        "NHWC" => DataFormat::ChannelsLast,
        "NCHW" => DataFormat::ChannelsFirst,
        other => fail!(Unsupported, "images laid out as {other}"),
    };
    Ok((format, sizes(&[call.attr_int("block_size", 1)])?[0]))
}

fn extract_patches(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let inner = |all: Vec<i64>| -> Result<Vec<usize>> {
        let spatial = all.len().checked_sub(1).and_then(|last| all.get(1..last)).unwrap_or_default();
        sizes(spatial)
    };
    let (size, strides, rates) =
        (inner(call.attr_ints("ksizes"))?, inner(call.attr_ints("strides"))?, inner(call.attr_ints("rates"))?);
    let padding = if call.attr_text("padding", "VALID") == "SAME" { Padding::Same } else { Padding::Valid };
    let dilation_rate = if rates.is_empty() { vec![1; size.len()] } else { rates };
    let options = ConvOptions { padding, dilation_rate, ..ConvOptions::default() };
    let x = call.x(0)?;
    one(match size.len() {
        2 => x.extract_patches(&size, Some(&strides), &options),
        _ => x.extract_patches_3d(&size, Some(&strides), &options),
    })
}

fn interpolation(call: &Call<'_, '_>) -> bool {
    call.attr_text("interpolation", "NEAREST") == "BILINEAR"
}

fn warp(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, transforms, to) = (call.x(0)?, call.x(1)?, call.sizes(2)?);
    let shape = x.shape()?;
    if shape.get(1..3) != Some(&to[..]) {
        fail!(Unsupported, "a warp into images of another size");
    }
    let fill_mode = match call.attr_text("fill_mode", "CONSTANT").as_str() {
        "CONSTANT" => FillMode::Constant(if call.inputs.len() > 3 { call.float(3)? } else { 0.0 }),
        "REFLECT" => FillMode::Reflect,
        "WRAP" => FillMode::Wrap,
        "NEAREST" => FillMode::Nearest,
        other => fail!(Unsupported, "fill mode {other}"),
    };
    let options = WarpOptions { bilinear: interpolation(call), fill_mode, ..WarpOptions::default() };
    one(x.affine_transform(&transforms, &options))
}

/// What lies between pixels.
#[derive(Clone, Copy, PartialEq)]
enum Kernel {
    Bilinear,
    Bicubic,
    Area,
}

/// How output positions lie over input positions, in float32 as TensorFlow has it.
#[derive(Clone, Copy)]
struct Grid {
    align_corners: bool,
    half_pixels: bool,
}

impl Grid {
    fn of(call: &Call<'_, '_>) -> Self {
        Self {
            align_corners: call.attr_bool("align_corners", false),
            half_pixels: call.attr_bool("half_pixel_centers", false),
        }
    }

    fn scale(self, input: usize, output: usize) -> f32 {
        if self.align_corners && output > 1 {
            (input as f32 - 1.0) / (output as f32 - 1.0)
        } else {
            input as f32 / output as f32
        }
    }

    fn at(self, o: usize, scale: f32) -> f32 {
        if self.half_pixels { (o as f32 + 0.5) * scale - 0.5 } else { o as f32 * scale }
    }
}

/// What each input position weighs in each output position, `[outputs, inputs]`.
fn weights(kernel: Kernel, grid: Grid, input: usize, output: usize) -> Vec<f64> {
    let mut all = vec![0.0; input * output];
    let scale = grid.scale(input, output);
    let last = input as i64 - 1;
    for o in 0..output {
        let row = &mut all[o * input..(o + 1) * input];
        let mut add = |i: i64, w: f64| row[i.clamp(0, last) as usize] += w;
        match kernel {
            Kernel::Bilinear => {
                let at = grid.at(o, scale);
                let low = at.floor();
                let part = f64::from(at - low);
                add(low as i64, 1.0 - part);
                add(low as i64 + 1, part);
            }
            Kernel::Bicubic => cubic(grid, grid.at(o, scale), last, &mut add),
            Kernel::Area => {
                let (start, end) = (o as f32 * scale, (o + 1) as f32 * scale);
                let (first, stop) = (start.floor() as i64, end.ceil() as i64);
                for i in first..stop {
                    let covered = end.min((i + 1) as f32) - start.max(i as f32);
                    add(i, f64::from(covered) / f64::from(scale));
                }
            }
        }
    }
    all
}

/// Keys's cubic, its offset rounded to 1/1024 as TensorFlow's table has it.
fn cubic(grid: Grid, at: f32, last: i64, add: &mut impl FnMut(i64, f64)) {
    let a = if grid.half_pixels { -0.5 } else { -0.75 };
    let low = at.floor();
    let part = f64::from(((at - low) * 1024.0).round_ties_even()) / 1024.0;
    let near = |x: f64| ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    let taps = [far(part + 1.0), near(part), near(1.0 - part), far(2.0 - part)];
    let places = [-1, 0, 1, 2].map(|d| low as i64 + d);
    if !grid.half_pixels {
        places.iter().zip(taps).for_each(|(&i, w)| add(i, w));
        return;
    }
    // Beyond the edge nothing weighs.
    let inside = |i: i64| (0..=last).contains(&i);
    let sum: f64 = places.iter().zip(taps).filter(|(i, _)| inside(**i)).map(|(_, w)| w).sum();
    let sum = if sum.abs() < 1000.0 * f64::from(f32::MIN_POSITIVE) { 1.0 } else { sum };
    places.iter().zip(taps).filter(|(i, _)| inside(**i)).for_each(|(&i, w)| add(i, w / sum));
}

/// Images with their sizes and those asked for.
fn images(call: &Call<'_, '_>) -> Result<(Tensor, [usize; 2], [usize; 2])> {
    let (x, to) = (call.x(0)?, call.sizes(1)?);
    let shape = x.shape()?;
    match (shape.as_slice(), to.as_slice()) {
        (&[_, h, w, _], &[height, width]) if h * w > 0 && height * width > 0 => Ok((x, [h, w], [height, width])),
        _ => Err(err!(ShapeMismatch, "expected images and a size of two numbers, found {shape} and {to:?}")),
    }
}

fn resize(call: &mut Call<'_, '_>, kernel: Kernel) -> Result<Vec<Value>> {
    let (x, from, to) = images(call)?;
    let grid = Grid::of(call);
    let mut y = x.cast(DType::F32);
    for axis in 0..2 {
        let shape = y.shape()?;
        let (n, m) = (from[axis], to[axis]);
        cornet_error::Limits::check("resize: weights", n as u64 * m as u64, 1 << 28)?;
        let matrix = Array::from_f64(DType::F32, [m, n], &weights(kernel, grid, n, m))?;
        let lead: usize = shape[..axis + 1].iter().product();
        let tail: usize = shape[axis + 2..].iter().product();
        let mut last = shape.to_vec();
        last[axis + 1] = m;
        y = Tensor::from(matrix).matmul(y.reshape([lead, n, tail])).reshape(last);
    }
    one(y)
}

fn nearest(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (mut x, from, to) = images(call)?;
    let grid = Grid::of(call);
    for axis in 0..2 {
        let scale = grid.scale(from[axis], to[axis]);
        let at = |o: usize| {
            let at = if grid.half_pixels { (o as f32 + 0.5) * scale } else { o as f32 * scale };
            let at = if grid.align_corners { at.round() } else { at.floor() };
            (at.max(0.0) as i64).min(from[axis] as i64 - 1)
        };
        let places: Vec<i64> = (0..to[axis]).map(at).collect();
        x = x.take(&super::slicing::vector(places)?, axis as isize + 1);
    }
    one(x)
}

fn scale_and_translate(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, to) = (call.x(0)?.cast(DType::F32), call.sizes(1)?);
    let (scale, translation) = (call.x(2)?.array()?.to_f64()?, call.x(3)?.array()?.to_f64()?);
    let kernel = match call.attr_text("kernel_type", "lanczos3").as_str() {
        "lanczos3" => Interpolation::Lanczos3,
        "lanczos5" => Interpolation::Lanczos5,
        "triangle" => Interpolation::Bilinear,
        "keyscubic" => Interpolation::Bicubic,
        other => fail!(Unsupported, "the kernel {other} is not supported"),
    };
    one(x.scale_and_translate(&[1, 2], &to, &scale, &translation, kernel, call.attr_bool("antialias", true)))
}

/// Boxes cut out of images, each resized.
fn crop_and_resize(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, boxes, which, to) = (call.x(0)?, call.x(1)?.cast(DType::F32), call.x(2)?, call.sizes(3)?);
    let shape = x.shape()?;
    let (&[_, h, w, depth], &[height, width]) = (shape.as_slice(), to.as_slice()) else {
        fail!(ShapeMismatch, "expected images and a size of two numbers, found {shape} and {to:?}");
    };
    let count = boxes.shape()?.first().copied().unwrap_or(0);
    let bilinear = call.attr_text("method", "bilinear") == "bilinear";
    let outside = call.attr_float("extrapolation_value", 0.0);
    let places = |low: isize, n: usize, size: usize| -> Result<Tensor> {
        let column = |i: isize| boxes.slice_axis(1, i as usize, 1);
        let (start, end) = (column(low), column(low + 2));
        let last = size.saturating_sub(1) as f64;
        if n < 2 {
            return Ok((start + end) * (0.5 * last));
        }
        let steps: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let step = (&end - &start) * (last / (n - 1) as f64);
        Ok(start * last + step * Tensor::from(Array::from_vec(steps, [1, n])?))
    };
    let (rows, columns) = (places(0, height, h)?, places(1, width, w)?);
    let pick = |at: &Tensor, size: usize| at.clip(0.0, size.saturating_sub(1) as f64).cast(DType::I32);
    let images = x.cast(DType::F32).take(&which, 0);
    let take = |y: &Tensor, x: &Tensor| {
        let wide = |t: &Tensor, axis: isize, n: usize| t.expand_dims(&[axis]).broadcast_to([count, height, n]);
        let flat = wide(y, 2, width) * (w as i32) + wide(x, 1, width);
        let index = flat.reshape([count, height * width, 1]).broadcast_to([count, height * width, depth]);
        images.reshape([count, h * w, depth]).take_along_axis(&index, 1).reshape([count, height, width, depth])
    };
    let inside =
        |at: &Tensor, size: usize| at.greater_equal(0.0).logical_and(at.less_equal(size.saturating_sub(1) as f64));
    let is_in = inside(&rows, h).expand_dims(&[2]).logical_and(inside(&columns, w).expand_dims(&[1]));
    let y = if bilinear {
        let (top, left) = (rows.floor(), columns.floor());
        let (dy, dx) =
            ((&rows - &top).reshape([count, height, 1, 1]), (&columns - &left).reshape([count, 1, width, 1]));
        let at = |y: &Tensor, x: &Tensor| take(&pick(y, h), &pick(x, w));
        let (low, right) = (rows.ceil(), columns.ceil());
        let upper = at(&top, &left) * (1.0 - &dx) + at(&top, &right) * &dx;
        let lower = at(&low, &left) * (1.0 - &dx) + at(&low, &right) * &dx;
        upper * (1.0 - &dy) + lower * dy
    } else {
        let round = |t: &Tensor| (t + 0.5).floor();
        take(&pick(&round(&rows), h), &pick(&round(&columns), w))
    };
    one(is_in.expand_dims(&[-1]).where_(y, outside).cast(DType::F32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_a_position_add_up_to_one() {
        for kernel in [Kernel::Bilinear, Kernel::Bicubic, Kernel::Area] {
            for half_pixels in [true, false] {
                let grid = Grid { align_corners: false, half_pixels };
                for (n, m) in [(5, 3), (3, 7), (1, 4), (4, 4)] {
                    for row in weights(kernel, grid, n, m).chunks(n) {
                        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{n} to {m}: {row:?}");
                    }
                }
            }
        }
    }
}
