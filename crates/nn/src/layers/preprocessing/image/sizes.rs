//! Sizes and parts of images.
//!
//! Source: Keras 3.15.1, `keras.src.layers.preprocessing.image_preprocessing`.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_ops::image::{Aspect, ResizeOptions};
use cornet_tensor::DType;
use serde_json::{Map, Value, json};

use super::base::{Draw, ImageKind, ImageLayer, per_image, sizes};
use super::factor::{Factor, value_range};
use crate::saving::config::{Config, brief, map};

fn check_size(size: (usize, usize)) -> Result<()> {
    match size.0 == 0 || size.1 == 0 {
        true => fail!(InvalidArgument, "height, width: expected at least 1, found {} and {}", size.0, size.1),
        false => Ok(()),
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Resize {
    size: (usize, usize),
    interpolation: String,
    crop: bool,
    pad: bool,
    fill_mode: String,
    fill_value: f64,
    antialias: bool,
}

/// Images of one size.
///
/// # Shapes
/// `[batch, height, width, channels]`, or one image; the same with the new height and width, in the dtype of the input.
/// # Source
/// Keras 3 `keras.layers.Resizing`.
pub type Resizing = ImageLayer<Resize>;

impl Resizing {
    /// A layer that makes images of this height and width.
    pub fn new(height: usize, width: usize) -> Self {
        Self::of(Resize {
            size: (height, width),
            interpolation: "bilinear".into(),
            crop: false,
            pad: false,
            fill_mode: "constant".into(),
            fill_value: 0.0,
            antialias: false,
        })
    }

    /// With `bilinear` (the default), `nearest`, `bicubic`, `area`, `lanczos3` or `lanczos5`.
    #[must_use]
    pub fn interpolation(mut self, interpolation: impl Into<String>) -> Self {
        self.kind.interpolation = interpolation.into();
        self
    }

    /// Whether images are cropped to the new aspect first, instead of distorted.
    #[must_use]
    pub fn crop_to_aspect_ratio(mut self, crop: bool) -> Self {
        self.kind.crop = crop;
        self
    }

    /// Whether images are padded to the new aspect first, instead of distorted.
    #[must_use]
    pub fn pad_to_aspect_ratio(mut self, pad: bool) -> Self {
        self.kind.pad = pad;
        self
    }

    /// With this value as padding.
    #[must_use]
    pub fn fill_value(mut self, value: f64) -> Self {
        self.kind.fill_value = value;
        self
    }

    /// Whether details that are too fine for a smaller image are smoothed away.
    #[must_use]
    pub fn antialias(mut self, antialias: bool) -> Self {
        self.kind.antialias = antialias;
        self
    }
}

impl ImageKind for Resize {
    const CLASS: &'static str = "Resizing";
    const IS_RANDOM: bool = false;
    const ALWAYS: bool = true;
    const KEEPS_DTYPE: bool = true;

    fn arguments(&self, _seed: Option<u64>) -> Map<String, Value> {
        map(json!({
            "height": self.size.0, "width": self.size.1, "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop, "pad_to_aspect_ratio": self.pad, "fill_mode": self.fill_mode,
            "fill_value": self.fill_value, "antialias": self.antialias,
        }))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            size: (config.size("height")?, config.size("width")?),
            interpolation: config.text("interpolation", "bilinear")?.into(),
            crop: config.flag("crop_to_aspect_ratio", false)?,
            pad: config.flag("pad_to_aspect_ratio", false)?,
            fill_mode: config.text("fill_mode", "constant")?.into(),
            fill_value: config.float("fill_value", 0.0)?,
            antialias: config.flag("antialias", false)?,
        })
    }

    fn check(&self) -> Result<()> {
        check_size(self.size)?;
        if self.crop && self.pad {
            fail!(InvalidArgument, "crop_to_aspect_ratio, pad_to_aspect_ratio: expected one of them, found both");
        }
        if self.fill_mode != "constant" {
            fail!(InvalidArgument, "fill_mode: expected constant, found '{}'", self.fill_mode);
        }
        self.interpolation.parse::<cornet_ops::image::Interpolation>().map(|_| ())
    }

    fn transform(&self, images: &Tensor, _draw: &Draw<'_>) -> Result<Tensor> {
        let aspect = match (self.crop, self.pad) {
            (true, _) => Aspect::Crop,
            (_, true) => Aspect::Pad(self.fill_value),
            _ => Aspect::Stretch,
        };
        let interpolation = self.interpolation.parse()?;
        let options = ResizeOptions { interpolation, antialias: self.antialias, aspect, ..ResizeOptions::default() };
        let dtype = images.dtype()?;
        let y = images.resize_images(self.size.0, self.size.1, &options);
        Ok(match (y.dtype()? == dtype, dtype.is_int()) {
            (true, _) => y,
            (_, true) => y.round().saturate_cast(dtype),
            _ => y.saturate_cast(dtype),
        })
    }

    fn size(&self) -> Option<(usize, usize)> {
        Some(self.size)
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Center {
    size: (usize, usize),
}

/// The middle of images; smaller ones are enlarged first.
///
/// # Source
/// Keras 3 `keras.layers.CenterCrop`.
pub type CenterCrop = ImageLayer<Center>;

impl CenterCrop {
    /// A layer that leaves this height and width.
    pub fn new(height: usize, width: usize) -> Self {
        Self::of(Center { size: (height, width) })
    }
}

/// The largest part of the new aspect, resized: Keras's `smart_resize`.
fn smart_resize(images: &Tensor, size: (usize, usize)) -> Tensor {
    images.resize_images(size.0, size.1, &ResizeOptions { aspect: Aspect::Crop, ..ResizeOptions::default() })
}

impl ImageKind for Center {
    const CLASS: &'static str = "CenterCrop";
    const IS_RANDOM: bool = false;
    const ALWAYS: bool = true;

    fn arguments(&self, _seed: Option<u64>) -> Map<String, Value> {
        map(json!({"height": self.size.0, "width": self.size.1}))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { size: (config.size("height")?, config.size("width")?) })
    }

    fn check(&self) -> Result<()> {
        check_size(self.size)
    }

    fn transform(&self, images: &Tensor, _draw: &Draw<'_>) -> Result<Tensor> {
        let [_, height, width, _] = sizes(images)?;
        match (height.checked_sub(self.size.0), width.checked_sub(self.size.1)) {
            (Some(rows), Some(columns)) => {
                Ok(images.slice_axis(1, rows / 2, self.size.0).slice_axis(2, columns / 2, self.size.1))
            }
            _ => Ok(smart_resize(images, self.size)),
        }
    }

    fn size(&self) -> Option<(usize, usize)> {
        Some(self.size)
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Crop {
    size: (usize, usize),
}

/// A random part of images in training, the same for a batch; outside of it images pass as they are.
///
/// # Source
/// Keras 3 `keras.layers.RandomCrop`.
pub type RandomCrop = ImageLayer<Crop>;

impl RandomCrop {
    /// A layer that leaves this height and width.
    pub fn new(height: usize, width: usize) -> Self {
        Self::of(Crop { size: (height, width) })
    }
}

impl ImageKind for Crop {
    const CLASS: &'static str = "RandomCrop";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        map(json!({"height": self.size.0, "width": self.size.1, "seed": seed}))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { size: (config.size("height")?, config.size("width")?) })
    }

    fn check(&self) -> Result<()> {
        check_size(self.size)
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let [batch, height, width, channels] = sizes(images)?;
        let (rows, columns) = self.size;
        if height > rows && width > columns {
            let start = |size: usize, part: usize| -> Result<Tensor> {
                let drawn = draw.uniform([1], (0.0, (size - part + 1) as f64))?;
                Ok(drawn.cast(DType::I32).minimum((size - part) as i32))
            };
            let zero = Tensor::of([0_i32]);
            let at = Tensor::concat(&[&zero, &start(height, rows)?, &start(width, columns)?, &zero], 0);
            return Ok(images.dynamic_slice(&at, &[batch, rows, columns, channels]));
        }
        // A part of the new size from where the largest part of its aspect begins, resized if it is cut short.
        let high = (width * rows / columns).clamp(1, height);
        let wide = (height * columns / rows).clamp(1, width);
        let (top, left) = ((height - high) / 2, (width - wide) / 2);
        let part = images.slice_axis(1, top, rows.min(height - top)).slice_axis(2, left, columns.min(width - left));
        let [_, found_rows, found_columns, _] = sizes(&part)?;
        Ok(match (found_rows, found_columns) == self.size {
            true => part,
            false => part.resize_images(rows, columns, &ResizeOptions::default()),
        })
    }

    fn size(&self) -> Option<(usize, usize)> {
        Some(self.size)
    }

    fn at_rest(&self, images: &Tensor, _draw: &Draw<'_>) -> Result<Tensor> {
        Ok(images.clone())
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Erase {
    factor: Factor,
    scale: Factor,
    fill: Option<Vec<f64>>,
    is_list: bool,
    range: (f64, f64),
}

const UNIT: (f64, f64) = (0.0, 1.0);

/// Covers a random rectangle of images with noise or a value, with a probability.
///
/// # Source
/// Keras 3 `keras.layers.RandomErasing`; Zhong et al., "Random erasing data augmentation", 2017.
pub type RandomErasing = ImageLayer<Erase>;

impl Default for RandomErasing {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl RandomErasing {
    /// A layer whose probability is drawn from this range.
    pub fn new(factor: impl Into<Factor>) -> Self {
        let (factor, scale) = (factor.into(), (0.02, 0.33).into());
        Self::of(Erase { factor, scale, fill: None, is_list: false, range: (0.0, 255.0) })
    }

    /// With rectangles that cover shares of the image from this range.
    #[must_use]
    pub fn scale(mut self, scale: impl Into<Factor>) -> Self {
        self.kind.scale = scale.into();
        self
    }

    /// With this value instead of noise.
    #[must_use]
    pub fn fill_value(mut self, value: f64) -> Self {
        (self.kind.fill, self.kind.is_list) = (Some(vec![value]), false);
        self
    }

    /// With these values of the channels instead of noise.
    #[must_use]
    pub fn fill_values(mut self, values: impl Into<Vec<f64>>) -> Self {
        (self.kind.fill, self.kind.is_list) = (Some(values.into()), true);
        self
    }

    /// With pixels of these least and greatest values; by default 0 and 255.
    #[must_use]
    pub fn value_range(mut self, low: f64, high: f64) -> Self {
        self.kind.range = (low, high);
        self
    }
}

/// Where a random part of an axis begins and ends, for each image: `[batch, 1, 1, 1]`.
fn part(draw: &Draw<'_>, length: usize, share: &Tensor) -> Result<(Tensor, Tensor)> {
    let batch = share.shape()?.elements();
    let cut = per_image(share)? * length as f64;
    let start = draw.uniform([batch, 1, 1, 1], UNIT)? * (length as f64 - &cut);
    let end = &start + cut;
    Ok((start, end))
}

/// Which pixels are in rectangles that take these shares of width and height, and which share of the image that is.
pub(super) fn rectangles(images: &Tensor, draw: &Draw<'_>, across: &Tensor, down: &Tensor) -> Result<(Tensor, Tensor)> {
    let [_, height, width, _] = sizes(images)?;
    let (left, right) = part(draw, width, across)?;
    let (top, bottom) = part(draw, height, down)?;
    let x = Tensor::iota([1, 1, width, 1], 2, draw.dtype);
    let y = Tensor::iota([1, height, 1, 1], 1, draw.dtype);
    let inside = |at: &Tensor, from: &Tensor, to: &Tensor| at.greater_equal(from).logical_and(at.less(to));
    let share = (&right - &left) * (&bottom - &top) / (width * height) as f64;
    Ok((inside(&x, &left, &right).logical_and(inside(&y, &top, &bottom)), share))
}

impl ImageKind for Erase {
    const CLASS: &'static str = "RandomErasing";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        let fill = match (&self.fill, self.is_list) {
            (None, _) => Value::Null,
            (Some(values), true) => json!(values),
            (Some(values), false) => json!(values.first()),
        };
        map(json!({
            "factor": self.factor.ends(UNIT), "scale": self.scale.ends(UNIT), "fill_value": fill,
            "value_range": [self.range.0, self.range.1], "seed": seed,
        }))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let (fill, is_list) = match config.get("fill_value") {
            Value::Null => (None, false),
            Value::Array(list) => match list.iter().map(Value::as_f64).collect::<Option<Vec<_>>>() {
                Some(values) => (Some(values), true),
                None => fail!(Corrupt, "fill_value: expected numbers, found {}", brief(config.get("fill_value"))),
            },
            one => match one.as_f64() {
                Some(value) => (Some(vec![value]), false),
                None => fail!(Corrupt, "fill_value: expected a number, found {}", brief(one)),
            },
        };
        let factor = Factor::from_config(config, "factor", 1.0)?;
        let scale = Factor::from_config(config, "scale", (0.02, 0.33))?;
        Ok(Self { factor, scale, fill, is_list, range: value_range(config)? })
    }

    fn check(&self) -> Result<()> {
        self.factor.check("factor", UNIT)?;
        self.scale.check("scale", UNIT)
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let shape = sizes(images)?;
        let share = draw.uniform([shape[0], 2], self.scale.within(UNIT))?.sqrt();
        let (across, down) = (share.slice_axis(1, 0, 1), share.slice_axis(1, 1, 1));
        let (inside, _) = rectangles(images, draw, &across, &down)?;
        let chosen = draw.chosen(shape[0], self.factor.within(UNIT))?;
        let fill = match &self.fill {
            None => draw.normal(shape)? * self.range.1,
            Some(values) => {
                let values: Vec<f32> = values.iter().map(|&x| x as f32).collect();
                Tensor::from_slice(&values, [values.len()]).cast(draw.dtype)
            }
        };
        let fill = fill.clip(self.range.0, self.range.1);
        Ok(chosen.where_(inside.where_(fill, images), images))
    }
}
