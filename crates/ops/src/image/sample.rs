//! Reading images between pixels: coordinates, affine and perspective transformations, elastic distortion.

use std::str::FromStr;

use super::{as_float, back_to, batched};
use crate::core::prelude::*;
use crate::nn::geometry::DataFormat;

/// What lies outside of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FillMode {
    /// This value.
    Constant(f64),
    /// The nearest pixel.
    Nearest,
    /// The image again.
    Wrap,
    /// The image mirrored at its outermost pixels' centres: d c b | a b c d | c b a.
    Mirror,
    /// The image mirrored at its edge: c b a | a b c d | d c b.
    Reflect,
}

impl Default for FillMode {
    fn default() -> Self {
        FillMode::Constant(0.0)
    }
}

impl FromStr for FillMode {
    type Err = cornet_tensor::Error;
    fn from_str(word: &str) -> Result<Self> {
        Ok(match word {
            "constant" => FillMode::Constant(0.0),
            "nearest" => FillMode::Nearest,
            "wrap" => FillMode::Wrap,
            "mirror" => FillMode::Mirror,
            "reflect" => FillMode::Reflect,
            _ => {
                fail!(InvalidArgument, "fill_mode: expected constant, nearest, wrap, mirror or reflect, found '{word}'")
            }
        })
    }
}

/// Arguments of transformations; the defaults are Keras's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarpOptions {
    /// Whether values between pixels are interpolated, or the nearest pixel's.
    pub bilinear: bool,
    /// What lies outside.
    pub fill_mode: FillMode,
    /// Where the channels are.
    pub data_format: DataFormat,
}

impl Default for WarpOptions {
    fn default() -> Self {
        Self { bilinear: true, fill_mode: FillMode::default(), data_format: DataFormat::default() }
    }
}

/// An index of a tap along one axis: within the image, whether it was there, and its weight.
struct Tap {
    index: Tensor,
    inside: Option<Tensor>,
    weight: Option<Tensor>,
}

/// int32 remainder towards minus infinity.
fn wrapped(index: &Tensor, size: i32) -> Tensor {
    index.mod_(size)
}

/// Where an int32 index outside of an axis of `size` reads.
fn inside(index: &Tensor, size: usize, mode: FillMode) -> Tap {
    let size = size as i32;
    let mirror = |index: &Tensor, size: i32| {
        let s = size - 1;
        if s == 0 { Tensor::zeros_like(index) } else { (wrapped(&(index + s), 2 * s) - s).abs() }
    };
    let (index, inside) = match mode {
        FillMode::Constant(_) => {
            let there = index.greater_equal(0).logical_and(index.less(size));
            (index.clip(0, size - 1), Some(there))
        }
        FillMode::Nearest => (index.clip(0, size - 1), None),
        FillMode::Wrap => (wrapped(index, size), None),
        FillMode::Mirror => (mirror(index, size), None),
        FillMode::Reflect => ((mirror(&(index * 2 + 1), 2 * size + 1) - 1).floor_divide(2), None),
    };
    Tap { index, inside, weight: None }
}

/// The taps of coordinates along one axis.
fn taps(coordinate: &Tensor, size: usize, linear: bool, mode: FillMode) -> Vec<Tap> {
    if !linear {
        return vec![inside(&coordinate.round().cast(DType::I32), size, mode)];
    }
    let low = coordinate.floor();
    let above = coordinate - &low;
    let index = low.cast(DType::I32);
    let tap = |index: &Tensor, weight: Tensor| Tap { weight: Some(weight), ..inside(index, size, mode) };
    vec![tap(&index, 1.0 - &above), tap(&(&index + 1), above)]
}

/// `x`, whose first axis joins the axes of `sizes`, read at coordinates along them: the result has the coordinates'
/// shape and then the rest of x's. Coordinates of an axis that has none are given as taps.
fn read(x: &Tensor, sizes: &[usize], taps: &[Vec<Tap>], mode: FillMode) -> Result<Tensor> {
    let trailing = x.rank()? - 1;
    let spread = |t: &Tensor| -> Result<Tensor> {
        Ok(t.expand_dims(&(0..trailing).map(|i| -1 - i as isize).collect::<Vec<_>>()))
    };
    let both = |a: Option<Tensor>, b: &Option<Tensor>, join: fn(Tensor, &Tensor) -> Tensor| match (a, b) {
        (Some(a), Some(b)) => Some(join(a, b)),
        (a, b) => a.or_else(|| b.clone()),
    };
    let mut sum: Option<Tensor> = None;
    let counts: Vec<usize> = taps.iter().map(Vec::len).collect();
    let mut combinations = Vec::new();
    for_each_index(&counts, |which| combinations.push(which.to_vec()));
    for which in combinations {
        let (mut flat, mut there, mut weight): (Option<Tensor>, Option<Tensor>, Option<Tensor>) = (None, None, None);
        for (axis, &i) in which.iter().enumerate() {
            let tap = &taps[axis][i];
            flat = Some(flat.map_or(tap.index.clone(), |f| f * sizes[axis] as i32 + &tap.index));
            there = both(there, &tap.inside, |a, b| a.logical_and(b));
            weight = both(weight, &tap.weight, |a, b| a * b);
        }
        let Some(flat) = flat else { fail!(RankMismatch, "coordinates: expected at least 1 axis") };
        let mut part = x.take(&flat, 0);
        if let (Some(there), FillMode::Constant(value)) = (&there, mode) {
            part = spread(there)?.where_(&part, value);
        }
        if let Some(weight) = &weight {
            part = part * spread(weight)?;
        }
        sum = Some(sum.map_or(part.clone(), |held| held + part));
    }
    sum.ok_or_else(|| err!(RankMismatch, "coordinates: expected at least 1 axis"))
}

/// Images `[batch, height, width, channels]` read at coordinates `[batch, rows, columns]`.
fn read_images(x: &Tensor, y_at: &Tensor, x_at: &Tensor, options: &WarpOptions) -> Result<Tensor> {
    let (x, dtype) = as_float(x)?;
    let shape = x.shape()?;
    let (batch, height, width) = (shape[0], shape[1], shape[2]);
    let at = y_at.shape()?.broadcast(&Shape::from([batch, 1, 1]))?;
    let image = Tensor::iota(&at, 0, DType::I32);
    let along = |t: &Tensor, size: usize| {
        let t = t.cast_like(&x).broadcast_to(&at);
        taps(&t, size, options.bilinear, options.fill_mode)
    };
    let taps = [vec![Tap { index: image, inside: None, weight: None }], along(y_at, height), along(x_at, width)];
    let flat = x.reshape([batch * height * width, shape[3]]);
    Ok(back_to(read(&flat, &[batch, height, width], &taps, options.fill_mode)?, dtype))
}

/// A coordinate brought within an axis as TensorFlow's projective transform does it: before interpolation.
fn folded(at: &Tensor, size: usize, mode: FillMode) -> Tensor {
    let (n, zero) = (size as f64, Tensor::zeros_like(at));
    let whole = |x: Tensor| x.trunc();
    let folded = match mode {
        FillMode::Constant(_) => return at.clone(),
        FillMode::Nearest => at.clone(),
        _ if size <= 1 => zero,
        FillMode::Wrap => {
            let under = at + (whole(-at / (n - 1.0)) + 1.0) * n;
            let over = at - whole(at / (n - 1.0)) * n;
            at.less(0.0).where_(&under, at.greater(n - 1.0).where_(&over, at))
        }
        FillMode::Reflect => {
            let near = at.less(-2.0 * n).where_(at, whole(-at / (2.0 * n)) * (2.0 * n) + at);
            let under = near.less(-n).where_(&near + 2.0 * n, -&near - 1.0);
            let rest = at - whole(at / (2.0 * n)) * (2.0 * n);
            let over = rest.greater_equal(n).where_(2.0 * n - &rest - 1.0, &rest);
            at.less(0.0).where_(&under, at.greater(n - 1.0).where_(&over, at))
        }
        FillMode::Mirror => {
            let s = n - 1.0;
            ((at + s).mod_(2.0 * s) - s).abs()
        }
    };
    folded.clip(0.0, n - 1.0)
}

/// Images read at (a0 x + a1 y + a2, b0 x + b1 y + b2) / (c0 x + c1 y + 1), the eight numbers of each in a row.
fn project(x: &Tensor, rows: &Tensor, options: &WarpOptions) -> Result<Tensor> {
    let shape = x.shape()?;
    let (batch, height, width) = (shape[0], shape[1], shape[2]);
    let found = rows.shape()?;
    if found.rank() != 2 || found[1] != 8 || found[0] != batch && found[0] != 1 {
        fail!(ShapeMismatch, "transform: expected [{batch}, 8] or [8], found {found}");
    }
    let rows = rows.cast(DType::F32);
    let number = |i: usize| rows.slice_axis(1, i, 1).expand_dims(&[-1]);
    let (columns, lines) = (Tensor::iota([1, 1, width], 2, DType::F32), Tensor::iota([1, height, 1], 1, DType::F32));
    let line = |i: usize| number(i) * &columns + number(i + 1) * &lines;
    let below = line(6) + 1.0;
    let fold = |at: Tensor, size: usize| folded(&at, size, options.fill_mode);
    let mut x_at = fold((line(0) + number(2)) / &below, width);
    let mut y_at = fold((line(3) + number(5)) / &below, height);
    if !options.bilinear {
        // Halves go away from zero here.
        let away = |at: &Tensor| (at.abs() + 0.5).floor() * at.sign();
        (x_at, y_at) = (away(&x_at), away(&y_at));
    }
    // Folding has left neighbours at most one pixel outside: those are the nearest ones.
    let fill_mode = match options.fill_mode {
        FillMode::Constant(value) => FillMode::Constant(value),
        _ => FillMode::Nearest,
    };
    read_images(x, &y_at, &x_at, &WarpOptions { fill_mode, ..*options })
}

/// The eight numbers that take each end point to its start point.
fn homography(start: &Tensor, end: &Tensor) -> Result<Tensor> {
    let shape = start.shape()?;
    if shape != end.shape()? || !matches!(shape.as_slice(), [4, 2] | [_, 4, 2]) {
        fail!(ShapeMismatch, "points: expected [4, 2] or [batch, 4, 2] for both, found {shape} and {}", end.shape()?);
    }
    let batch = if shape.rank() == 3 { shape[0] } else { 1 };
    let columns = |t: &Tensor| {
        let t = t.cast(DType::F32).reshape([batch, 4, 2]);
        (t.slice_axis(2, 0, 1), t.slice_axis(2, 1, 1))
    };
    let ((sx, sy), (ex, ey)) = (columns(start), columns(end));
    let (one, zero) = (Tensor::ones_like(&ex), Tensor::zeros_like(&ex));
    let of_x = [&ex, &ey, &one, &zero, &zero, &zero, &(-&sx * &ex), &(-&sx * &ey)];
    let of_y = [&zero, &zero, &zero, &ex, &ey, &one, &(-&sy * &ex), &(-&sy * &ey)];
    let matrix = Tensor::concat(&[&Tensor::concat(&of_x, 2), &Tensor::concat(&of_y, 2)], 1);
    let target = Tensor::concat(&[&sx, &sy], 1);
    Ok(matrix.solve(&target).reshape([batch, 8]))
}

impl Tensor {
    /// An array read at coordinates between its elements: `order` 0 takes the nearest, 1 interpolates linearly.
    /// Integers are rounded.
    ///
    /// # Shapes
    /// `self` of n axes, `coordinates` `[n, …]`; the result `[…]`.
    ///
    /// # Errors
    /// `shape_mismatch` unless there is a coordinate for each axis; `invalid_argument` for another order.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.map_coordinates`; SciPy `scipy.ndimage.map_coordinates`.
    #[track_caller]
    pub fn map_coordinates(&self, coordinates: &Tensor, order: usize, fill_mode: FillMode) -> Tensor {
        Tensor::lift(|| {
            let (shape, at) = (self.shape()?, coordinates.shape()?);
            if at.rank() < 2 || at[0] != shape.rank() || shape.elements() == 0 {
                fail!(ShapeMismatch, "coordinates: expected [{}, …] for {shape}, found {at}", shape.rank());
            }
            if order > 1 {
                fail!(InvalidArgument, "order: expected 0 or 1, found {order}");
            }
            let (x, dtype) = as_float(self)?;
            let coordinates =
                if coordinates.dtype()?.is_float() { coordinates.clone() } else { coordinates.cast_like(&x) };
            let along = |a: usize| {
                let one = coordinates.slice_axis(0, a, 1).squeeze(&[0]);
                taps(&one, shape[a], order == 1, fill_mode)
            };
            let taps: Vec<Vec<Tap>> = (0..shape.rank()).map(along).collect();
            let y = read(&x.reshape([shape.elements()]), &shape, &taps, fill_mode)?;
            Ok(back_to(y, dtype))
        })
    }

    /// Images read at (a0 x + a1 y + a2, b0 x + b1 y + b2) for each pixel (x, y), divided by c0 x + c1 y + 1: `transform`
    /// holds a0, a1, a2, b0, b1, b2, c0, c1, once or for each image.
    ///
    /// # Errors
    /// `rank_mismatch` unless 3 or 4 axes; `shape_mismatch` for another transform.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.affine_transform`; TensorFlow `ImageProjectiveTransformV3`.
    #[track_caller]
    pub fn affine_transform(&self, transform: &Tensor, options: &WarpOptions) -> Tensor {
        Tensor::lift(|| {
            let rows = if transform.rank()? == 1 { transform.expand_dims(&[0]) } else { transform.clone() };
            batched(self, options.data_format, |x| project(x, &rows, options))
        })
    }

    /// Images seen in perspective: what is at the four `start_points` (x, y) comes to the `end_points`.
    ///
    /// # Shapes
    /// Points `[4, 2]`, or `[batch, 4, 2]` for each image.
    ///
    /// # Errors
    /// As [`Tensor::affine_transform`]; `invalid_argument` for three points in a line.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.perspective_transform`.
    #[track_caller]
    pub fn perspective_transform(&self, start_points: &Tensor, end_points: &Tensor, options: &WarpOptions) -> Tensor {
        Tensor::lift(|| {
            let rows = homography(start_points, end_points)?;
            batched(self, options.data_format, |x| project(x, &rows, options))
        })
    }

    /// Images whose pixels are moved by `alpha` times noise blurred with a bell of deviation `sigma` (and scaled by it).
    ///
    /// # Shapes
    /// `noise` `[2, batch, height, width]`, normally distributed: for x, then for y. Keras draws both from one seed, so
    /// that they are equal.
    ///
    /// # Errors
    /// `rank_mismatch` unless 3 or 4 axes; `shape_mismatch` for other noise; `invalid_argument` for a deviation that is
    /// not positive.
    ///
    /// # Source
    /// Keras 3 `keras.ops.image.elastic_transform`.
    #[track_caller]
    pub fn elastic_transform(&self, noise: &Tensor, alpha: f64, sigma: f64, options: &WarpOptions) -> Tensor {
        Tensor::lift(|| {
            if sigma.is_nan() || sigma <= 0.0 || sigma > 1e4 {
                fail!(InvalidArgument, "sigma: expected a positive number, found {sigma}");
            }
            let size = (6 * sigma as usize) | 1;
            batched(self, options.data_format, |x| {
                let shape = x.shape()?;
                let (batch, height, width) = (shape[0], shape[1], shape[2]);
                if *noise.shape()? != [2, batch, height, width] {
                    fail!(ShapeMismatch, "noise: expected [2, {batch}, {height}, {width}], found {}", noise.shape()?);
                }
                let moved = |i: usize| {
                    let one = noise.slice_axis(0, i, 1).reshape([batch, height, width, 1]) * sigma;
                    let blurred = one.gaussian_blur((size, size), (sigma, sigma), DataFormat::ChannelsLast);
                    blurred.reshape([batch, height, width]) * alpha
                };
                let x_at = Tensor::iota([1, 1, width], 2, DType::F32) + moved(0);
                let y_at = Tensor::iota([1, height, 1], 1, DType::F32) + moved(1);
                read_images(x, &y_at, &x_at, options)
            })
        })
    }
}
