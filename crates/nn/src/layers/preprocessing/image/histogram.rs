//! Histograms of images, made even.
//!
//! Source: Keras 3.15.1, `keras.src.layers.preprocessing.image_preprocessing`.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};

use super::base::{Draw, ImageKind, ImageLayer, rescaled, sizes};
use super::factor::value_range;
use crate::saving::config::{Config, map};

const BYTES: (f64, f64) = (0.0, 255.0);

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Stretch {
    pub(super) range: (f64, f64),
}

/// Stretches each channel of each image to the whole range of values.
///
/// # Source
/// Keras 3 `keras.layers.AutoContrast`.
pub type AutoContrast = ImageLayer<Stretch>;

impl Default for AutoContrast {
    fn default() -> Self {
        Self::new()
    }
}

impl AutoContrast {
    /// For pixels from 0 to 255.
    pub fn new() -> Self {
        Self::of(Stretch { range: BYTES })
    }

    /// With pixels of these least and greatest values.
    #[must_use]
    pub fn value_range(mut self, low: f64, high: f64) -> Self {
        self.kind.range = (low.min(high), low.max(high));
        self
    }
}

impl ImageKind for Stretch {
    const CLASS: &'static str = "AutoContrast";
    const IS_RANDOM: bool = false;
    const ALWAYS: bool = true;

    fn arguments(&self, _seed: Option<u64>) -> Map<String, Value> {
        map(json!({"value_range": [self.range.0, self.range.1]}))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let (low, high) = value_range(config)?;
        Ok(Self { range: (low.min(high), low.max(high)) })
    }

    fn transform(&self, images: &Tensor, _draw: &Draw<'_>) -> Result<Tensor> {
        let x = rescaled(images, self.range, BYTES);
        let (low, high) = (x.min(&[1, 2], true), x.max(&[1, 2], true));
        let scale = 255.0 / (high - &low);
        let y = (x * &scale - low * &scale).clip(0.0, 255.0);
        let y = rescaled(&y, BYTES, self.range);
        Ok(y.isnan().where_(images, &y))
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Equalize {
    pub(super) range: (f64, f64),
    pub(super) bins: usize,
}

/// Changes values so that each is about as frequent as any other, channel by channel over the batch.
///
/// # Source
/// Keras 3 `keras.layers.Equalization`.
pub type Equalization = ImageLayer<Equalize>;

impl Default for Equalization {
    fn default() -> Self {
        Self::new()
    }
}

impl Equalization {
    /// For pixels from 0 to 255, in 256 bins.
    pub fn new() -> Self {
        Self::of(Equalize { range: BYTES, bins: 256 })
    }

    /// With pixels of these least and greatest values.
    #[must_use]
    pub fn value_range(mut self, low: f64, high: f64) -> Self {
        self.kind.range = (low.min(high), low.max(high));
        self
    }

    /// With so many bins.
    #[must_use]
    pub fn bins(mut self, bins: usize) -> Self {
        self.kind.bins = bins;
        self
    }
}

impl Equalize {
    fn channel(&self, x: &Tensor) -> Result<Tensor> {
        let (count, last) = (x.shape()?.elements(), self.bins as f64 - 1.0);
        let places = (x * last / 255.0).cast(DType::I32).clip(0, self.bins as i32 - 1).reshape([count]);
        let counts = places.bincount_sized(None, self.bins).cast(DType::F32);
        let sums = counts.cumsum(Some(0));
        // The least sum that is not 0.
        let least = sums.greater(0.0).where_(&sums, f64::from(f32::MAX)).min(&[], false);
        let total = sums.slice_axis(0, self.bins - 1, 1).reshape(Vec::<usize>::new()) - &least;
        let total = total.equal(0.0).where_(1.0, &total);
        let table = ((sums - least) * 255.0 / total).round().clip(0.0, 255.0);
        let indices = (x / 255.0 * last).clip(0.0, last).cast(DType::I32);
        let even = table.take(&indices, 0).cast(x.dtype()?);
        let used = counts.greater(0.0).cast(DType::F32).sum(&[], false);
        Ok(used.less_equal(1.0).where_(x, even))
    }
}

impl ImageKind for Equalize {
    const CLASS: &'static str = "Equalization";
    const IS_RANDOM: bool = false;

    fn arguments(&self, _seed: Option<u64>) -> Map<String, Value> {
        map(json!({"bins": self.bins, "value_range": [self.range.0, self.range.1]}))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let (low, high) = value_range(config)?;
        let bins = config.optional("bins", "a positive integer", Value::as_u64)?.unwrap_or(256) as usize;
        Ok(Self { range: (low.min(high), low.max(high)), bins })
    }

    fn check(&self) -> Result<()> {
        match self.bins {
            1..=65536 => Ok(()),
            found => fail!(InvalidArgument, "bins: expected 1 to 65536, found {found}"),
        }
    }

    fn transform(&self, images: &Tensor, _draw: &Draw<'_>) -> Result<Tensor> {
        let x = rescaled(images, self.range, BYTES);
        let even: Vec<Tensor> =
            (0..sizes(images)?[3]).map(|c| self.channel(&x.slice_axis(3, c, 1))).collect::<Result<_>>()?;
        Ok(rescaled(&Tensor::concat(&even.iter().collect::<Vec<_>>(), -1), BYTES, self.range))
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Adaptive {
    range: (f64, f64),
    clip_limit: f64,
    grid: (usize, usize),
}

/// Equalizes the tiles of a grid each by itself, without letting any value become too frequent, and blends them.
///
/// # Source
/// Keras 3 `keras.layers.ContrastLimitedAdaptiveHistogramEqualization`; K. Zuiderveld in Graphics Gems IV, 1994.
pub type ContrastLimitedAdaptiveHistogramEqualization = ImageLayer<Adaptive>;

impl Default for ContrastLimitedAdaptiveHistogramEqualization {
    fn default() -> Self {
        Self::new()
    }
}

impl ContrastLimitedAdaptiveHistogramEqualization {
    /// For pixels from 0 to 255, a grid of 8 by 8, and a limit of 4.
    pub fn new() -> Self {
        Self::of(Adaptive { range: BYTES, clip_limit: 4.0, grid: (8, 8) })
    }

    /// With pixels of these least and greatest values.
    #[must_use]
    pub fn value_range(mut self, low: f64, high: f64) -> Self {
        self.kind.range = (low, high);
        self
    }

    /// With values at most so many times as frequent as when all are alike; 0 for no limit.
    #[must_use]
    pub fn clip_limit(mut self, limit: f64) -> Self {
        self.kind.clip_limit = limit;
        self
    }

    /// With a grid of so many rows and columns.
    #[must_use]
    pub fn tile_grid_size(mut self, rows: usize, columns: usize) -> Self {
        self.kind.grid = (rows, columns);
        self
    }
}

/// For each place along an axis the two neighbouring tiles, and how near the second one is.
fn neighbours(length: usize, tile: usize, tiles: usize) -> (Vec<i32>, Vec<i32>, Vec<f32>) {
    let at = |i: usize| (i as f32 - tile as f32 / 2.0) / tile as f32 + 1.0;
    let low: Vec<f32> = (0..length).map(|i| at(i).floor()).collect();
    let clip = |x: f32| (x as i32).clamp(0, tiles as i32 + 1);
    let weights = (0..length).map(|i| at(i) - low[i]).collect();
    (low.iter().map(|&x| clip(x)).collect(), low.iter().map(|&x| clip(x + 1.0)).collect(), weights)
}

impl Adaptive {
    /// The tables of the tiles, with those at the border twice: `[batch, rows + 2, columns + 2, channels, 256]`.
    fn tables(&self, padded: &Tensor, tile: (usize, usize)) -> Result<Tensor> {
        let [batch, _, _, channels] = sizes(padded)?;
        let (rows, columns) = self.grid;
        let area = tile.0 * tile.1;
        let tiles = padded.reshape([batch, rows, tile.0, columns, tile.1, channels]).transpose(&[0, 1, 3, 5, 2, 4]);
        let groups = batch * rows * columns * channels;
        let values = tiles.reshape([groups, area]).cast(DType::I32).clip(0, 255);
        let offsets = (Tensor::range(groups).cast(DType::I32) * 256).reshape([groups, 1]);
        let counts = (values + offsets).reshape([groups * area]).bincount_sized(None, groups * 256).cast(DType::F32);
        let mut counts = counts.reshape([groups, 256]);
        if self.clip_limit > 0.0 {
            let kept = counts.clip(0.0, self.clip_limit * area as f64 / 256.0);
            let excess = (&counts - &kept).sum(&[-1], true);
            counts = kept + excess / 256.0;
        }
        let sums = counts.cumsum(Some(-1));
        let least = sums.min(&[-1], true);
        let total = area as f64 - &least;
        let total = total.equal(0.0).where_(1.0, &total);
        let tables = ((sums - least) * 255.0 / total).clip(0.0, 255.0).reshape([batch, rows, columns, channels, 256]);
        let doubled = |x: Tensor, axis: isize, count: usize| {
            let (first, last) = (x.slice_axis(axis, 0, 1), x.slice_axis(axis, count - 1, 1));
            Tensor::concat(&[&first, &x, &last], axis)
        };
        Ok(doubled(doubled(tables, 1, rows), 2, columns))
    }
}

impl ImageKind for Adaptive {
    const CLASS: &'static str = "ContrastLimitedAdaptiveHistogramEqualization";
    const IS_RANDOM: bool = false;
    const ALWAYS: bool = true;

    fn arguments(&self, _seed: Option<u64>) -> Map<String, Value> {
        map(json!({
            "value_range": [self.range.0, self.range.1], "clip_limit": self.clip_limit,
            "tile_grid_size": [self.grid.0, self.grid.1],
        }))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let grid = match config.sizes("tile_grid_size")?.as_deref() {
            None => (8, 8),
            Some(&[rows, columns]) => (rows, columns),
            Some(other) => fail!(Corrupt, "tile_grid_size: expected 2 sizes, found {}", other.len()),
        };
        Ok(Self { range: value_range(config)?, clip_limit: config.float("clip_limit", 4.0)?, grid })
    }

    fn check(&self) -> Result<()> {
        match self.grid {
            (1..=4096, 1..=4096) => Ok(()),
            found => fail!(InvalidArgument, "tile_grid_size: expected 1 to 4096, found {found:?}"),
        }
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let x = rescaled(images, self.range, BYTES).cast(DType::F32);
        let [batch, height, width, channels] = sizes(&x)?;
        let (rows, columns) = self.grid;
        let tile = (height.div_ceil(rows), width.div_ceil(columns));
        let more = (tile.0 * rows - height, tile.1 * columns - width);
        let padded = match more {
            (0, 0) => x,
            _ => x.pad_mode(&[(0, 0), (0, more.0), (0, more.1), (0, 0)], cornet_ops::shape::PadMode::Symmetric),
        };
        let tables = self.tables(&padded, tile)?;
        let (rows_of, columns_of) =
            (neighbours(tile.0 * rows, tile.0, rows), neighbours(tile.1 * columns, tile.1, columns));
        let pixels = padded.clip(0.0, 255.0).cast(DType::I32);
        let stride = [(rows + 2) * (columns + 2) * channels * 256, (columns + 2) * channels * 256, channels * 256, 256];
        let along = |values: Vec<i32>, axis: usize, stride: usize| {
            let mut shape = [1; 4];
            shape[axis] = values.len();
            Tensor::from_slice(&values, [values.len()]).reshape(shape) * stride as i32
        };
        let counted = |n: usize| (0..n as i32).collect::<Vec<_>>();
        let base = along(counted(batch), 0, stride[0]) + along(counted(channels), 3, stride[3]) + pixels;
        let flat = tables.reshape([batch * stride[0]]);
        let value = |row: &[i32], column: &[i32]| {
            let at = &base + along(row.to_vec(), 1, stride[1]) + along(column.to_vec(), 2, stride[2]);
            flat.take(&at, 0)
        };
        let weight = |values: &[f32], axis: usize| {
            let mut shape = [1; 4];
            shape[axis] = values.len();
            Tensor::from_slice(values, [values.len()]).reshape(shape)
        };
        let (down, across) = (weight(&rows_of.2, 1), weight(&columns_of.2, 2));
        let blend = |row: &[i32]| value(row, &columns_of.0) * (1.0 - &across) + value(row, &columns_of.1) * &across;
        let y = blend(&rows_of.0) * (1.0 - &down) + blend(&rows_of.1) * &down;
        let y = y.slice_axis(1, 0, height).slice_axis(2, 0, width);
        Ok(rescaled(&y, BYTES, self.range).cast(draw.dtype))
    }
}
