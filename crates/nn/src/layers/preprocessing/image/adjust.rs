//! Colours of images.
//!
//! Source: Keras 3.15.1, `keras.src.layers.preprocessing.image_preprocessing`.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use cornet_tensor::DType;
use serde_json::{Map, Value, json};

use super::base::{Draw, ImageKind, ImageLayer, rescaled, sizes};
use super::factor::{Factor, value_range};
use crate::saving::config::{Config, map};

const LAST: DataFormat = DataFormat::ChannelsLast;

/// The ends of a factor as Keras takes them: those of a count of bits must be integers.
fn written(class: &str, ends: Value) -> Value {
    let whole = |v: &Value| v.as_f64().filter(|v| v.fract() == 0.0).map_or(v.clone(), |v| json!(v as i64));
    match ends {
        Value::Array(ends) if class == "RandomPosterization" => ends.iter().map(whole).collect(),
        ends => ends,
    }
}

/// Layers with a factor and a range of values: their struct, their constructor, and their JSON.
macro_rules! factor_layers {
    ($($(#[$doc:meta])* $name:ident = $kind:ident, bounds $bounds:expr, default $default:expr, keys $keys:expr;)+) => { $(
        #[doc(hidden)]
        #[derive(Clone, Debug)]
        pub struct $kind {
            pub(super) factor: Factor,
            pub(super) range: (f64, f64),
        }

        $(#[$doc])*
        ///
        /// # Shapes
        /// `[batch, height, width, channels]`, or one image; as they come. Outside of training images pass unchanged.
        /// # Source
        #[doc = concat!("Keras 3 `keras.layers.", stringify!($name), "`.")]
        pub type $name = ImageLayer<$kind>;

        impl ImageLayer<$kind> {
            /// A layer whose strength is drawn from this range.
            pub fn new(factor: impl Into<Factor>) -> Self {
                Self::of($kind { factor: factor.into(), range: (0.0, 255.0) })
            }

            /// With pixels of these least and greatest values; by default 0 and 255.
            #[must_use]
            pub fn value_range(mut self, low: f64, high: f64) -> Self {
                self.kind.range = (low, high);
                self
            }
        }

        impl $kind {
            const BOUNDS: (f64, f64) = $bounds;

            fn ends(&self) -> (f64, f64) {
                self.factor.within(Self::BOUNDS)
            }
        }

        impl ImageKind for $kind {
            const CLASS: &'static str = stringify!($name);

            fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
                let all = [
                    ("factor", written(Self::CLASS, self.factor.ends(Self::BOUNDS))), ("value_range", json!([self.range.0, self.range.1])),
                    ("seed", json!(seed)),
                ];
                let keys: &[&str] = $keys;
                all.into_iter().filter(|(key, _)| keys.contains(key)).map(|(key, value)| (key.to_owned(), value)).collect()
            }

            fn from_config(config: &Config<'_>) -> Result<Self> {
                let factor = match $default {
                    Some(default) => Factor::from_config(config, "factor", default)?,
                    None => Factor::maybe(config, "factor")?.ok_or_else(|| err!(Corrupt, "{}.factor: found none", Self::CLASS))?,
                };
                Ok(Self { factor, range: value_range(config)? })
            }

            fn check(&self) -> Result<()> {
                self.factor.check("factor", Self::BOUNDS)
            }

            fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
                self.change(images, draw)
            }
        }
    )+ };
}

const ALL: &[&str] = &["factor", "value_range", "seed"];
const NO_DEFAULT: Option<f64> = None;

factor_layers! {
    /// Adds a share of the range of values to all pixels.
    RandomBrightness = Brightness, bounds (-1.0, 1.0), default NO_DEFAULT, keys ALL;
    /// Moves pixels towards the mean of their channel or away from it.
    RandomContrast = Contrast, bounds (0.0, 1.0), default NO_DEFAULT, keys ALL;
    /// Makes colours paler or richer: 0 leaves grey, 0.5 the image as it is.
    RandomSaturation = Saturation, bounds (-1.0, 1.0), default NO_DEFAULT, keys ALL;
    /// Turns the circle of colours.
    RandomHue = Hue, bounds (0.0, 1.0), default NO_DEFAULT, keys ALL;
    /// Mixes images with their grey selves.
    RandomColorDegeneration = Degeneration, bounds (-1.0, 1.0), default NO_DEFAULT, keys ALL;
    /// Blurs images, or sharpens them.
    RandomSharpness = Sharpness, bounds (0.0, 1.0), default NO_DEFAULT, keys ALL;
    /// Keeps so many of the eight bits of a pixel.
    RandomPosterization = Posterization, bounds (1.0, 8.0), default NO_DEFAULT, keys ALL;
    /// Turns images into their negatives with a probability.
    RandomInvert = Invert, bounds (0.0, 1.0), default Some(1.0), keys ALL;
}

impl Brightness {
    fn change(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let (low, high) = (self.range.0.min(self.range.1), self.range.0.max(self.range.1));
        let delta = draw.uniform([sizes(images)?[0], 1, 1, 1], self.ends())? * (high - low);
        Ok((images + delta).clip(low, high))
    }
}

impl Contrast {
    fn change(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let (low, high) = self.ends();
        let factor = draw.uniform([sizes(images)?[0], 1, 1, 1], (1.0 - low, 1.0 + high))?;
        let mean = images.mean(&[1], true).mean(&[2], true);
        Ok(((images - &mean) * factor + mean).clip(self.range.0, self.range.1))
    }
}

/// Images with a function applied to one channel of their hue, saturation and value.
fn in_hsv(images: &Tensor, channel: usize, change: impl Fn(Tensor) -> Tensor) -> Result<Tensor> {
    let hsv = images.rgb_to_hsv(LAST);
    let parts: Vec<Tensor> = (0..3)
        .map(|i| {
            let part = hsv.slice_axis(3, i, 1);
            if i == channel { change(part) } else { part }
        })
        .collect();
    Ok(Tensor::concat(&parts.iter().collect::<Vec<_>>(), -1).hsv_to_rgb(LAST))
}

impl Saturation {
    fn change(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let factor = draw.uniform([sizes(images)?[0], 1, 1, 1], self.ends())?;
        let factor = &factor / ((1.0 - &factor) + 1e-7);
        in_hsv(images, 1, |saturation| (saturation * &factor).clip(self.range.0, self.range.1))
    }
}

impl Hue {
    fn change(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let batch = sizes(images)?[0];
        let sign = draw.uniform([batch, 1, 1, 1], (0.0, 1.0))?.greater(0.5).where_(-1.0, 1.0).cast(draw.dtype);
        let turn = sign * draw.uniform([batch, 1, 1, 1], self.ends())? * 0.5;
        let unit = rescaled(images, self.range, (0.0, 1.0));
        let turned = in_hsv(&unit, 0, |hue| {
            let hue = hue + &turn;
            let hue = hue.greater(1.0).where_(&hue - 1.0, &hue);
            hue.less(0.0).where_(&hue + 1.0, &hue)
        })?;
        Ok(rescaled(&turned.clip(0.0, 1.0), (0.0, 1.0), self.range))
    }
}

impl Degeneration {
    fn change(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let factor = draw.uniform([sizes(images)?[0], 1, 1, 1], self.ends())?;
        let grey = images.rgb_to_grayscale(LAST);
        Ok((images + factor * (grey - images)).clip(self.range.0, self.range.1))
    }
}

/// A kernel of its own for each channel, all alike.
fn per_channel(kernel: &Tensor, channels: usize) -> Result<Tensor> {
    let shape = kernel.shape()?;
    Ok(kernel.reshape([shape[0], shape[1], 1, 1]).broadcast_to([shape[0], shape[1], channels, 1]))
}

fn filtered(images: &Tensor, kernel: &Tensor) -> Result<Tensor> {
    let kernel = per_channel(kernel, sizes(images)?[3])?.cast(images.dtype()?);
    Ok(images.depthwise_conv(&kernel, &ConvOptions { padding: Padding::Same, ..ConvOptions::default() }))
}

impl Sharpness {
    fn change(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let factor = draw.uniform([sizes(images)?[0], 1, 1, 1], self.ends())? * 2.0;
        let (a, b) = (1.0_f32 / 13.0, 5.0_f32 / 13.0);
        let smooth = filtered(images, &Tensor::of([[a, a, a], [a, b, a], [a, a, a]]))?;
        let (low, high) = (self.range.0.min(self.range.1), self.range.0.max(self.range.1));
        Ok((images + (1.0 - factor) * (smooth - images)).clip(low, high))
    }
}

impl Posterization {
    fn change(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let (batch, (low, high)) = (sizes(images)?[0], self.ends());
        let bits = match low == high {
            true => Tensor::full([batch, 1, 1, 1], low.trunc(), DType::I32),
            false => draw.integers([batch, 1, 1, 1], low as i64, high as i64)?,
        };
        let shift = 8 - bits;
        let bytes = rescaled(images, self.range, (0.0, 255.0)).cast(DType::U8).cast(DType::I32);
        let kept = bytes.right_shift(&shift).left_shift(&shift).cast(draw.dtype);
        Ok(rescaled(&kept, (0.0, 255.0), self.range))
    }
}

impl Invert {
    fn change(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let chosen = draw.chosen(sizes(images)?[0], self.ends())?;
        Ok(chosen.where_(self.range.1 - images, images))
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Grayscale {
    factor: f64,
}

/// Turns images grey with this probability.
///
/// # Source
/// Keras 3 `keras.layers.RandomGrayscale`.
pub type RandomGrayscale = ImageLayer<Grayscale>;

impl Default for RandomGrayscale {
    fn default() -> Self {
        Self::new(0.5)
    }
}

impl RandomGrayscale {
    /// A layer with this probability.
    pub fn new(factor: f64) -> Self {
        Self::of(Grayscale { factor })
    }
}

impl ImageKind for Grayscale {
    const CLASS: &'static str = "RandomGrayscale";

    fn arguments(&self, _seed: Option<u64>) -> Map<String, Value> {
        map(json!({"factor": self.factor}))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { factor: config.float("factor", 0.5)? })
    }

    fn check(&self) -> Result<()> {
        Factor::from((self.factor, self.factor)).check("factor", (0.0, 1.0))
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let chosen = draw.chosen(sizes(images)?[0], (self.factor, self.factor))?;
        Ok(chosen.where_(images.rgb_to_grayscale(LAST), images))
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Solarize {
    pub(super) addition: Factor,
    pub(super) threshold: Factor,
    pub(super) range: (f64, f64),
}

/// Adds to pixels, and inverts those that are above a threshold.
///
/// # Source
/// Keras 3 `keras.layers.Solarization`.
pub type Solarization = ImageLayer<Solarize>;

impl Default for Solarization {
    fn default() -> Self {
        Self::new()
    }
}

impl Solarization {
    /// A layer that adds nothing and inverts everything.
    pub fn new() -> Self {
        Self::of(Solarize { addition: 0.0.into(), threshold: 0.0.into(), range: (0.0, 255.0) })
    }

    /// Adding a share of 255 from this range.
    #[must_use]
    pub fn addition_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.kind.addition = factor.into();
        self
    }

    /// With a threshold that is a share of 255 from this range.
    #[must_use]
    pub fn threshold_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.kind.threshold = factor.into();
        self
    }

    /// With pixels of these least and greatest values; by default 0 and 255.
    #[must_use]
    pub fn value_range(mut self, low: f64, high: f64) -> Self {
        self.kind.range = (low, high);
        self
    }
}

const UNIT: (f64, f64) = (0.0, 1.0);

impl ImageKind for Solarize {
    const CLASS: &'static str = "Solarization";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        map(json!({
            "value_range": [self.range.0, self.range.1], "addition_factor": self.addition.ends(UNIT),
            "threshold_factor": self.threshold.ends(UNIT), "seed": seed,
        }))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let factor = |key| Factor::from_config(config, key, 0.0);
        Ok(Self {
            addition: factor("addition_factor")?,
            threshold: factor("threshold_factor")?,
            range: value_range(config)?,
        })
    }

    fn check(&self) -> Result<()> {
        self.addition.check("addition_factor", UNIT)?;
        self.threshold.check("threshold_factor", UNIT)
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let batch = sizes(images)?[0];
        // Keras scales the upper end alone.
        let part = |factor: Factor| {
            let (low, high) = factor.within(UNIT);
            draw.uniform([batch, 1, 1, 1], (low, high * 255.0))
        };
        let (additions, thresholds) = (part(self.addition)?, part(self.threshold)?);
        let x = (rescaled(images, self.range, (0.0, 255.0)) + additions).clip(0.0, 255.0);
        let y = x.less(thresholds).where_(&x, 255.0 - &x);
        Ok(rescaled(&y, (0.0, 255.0), self.range))
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Blur {
    factor: Factor,
    kernel: (usize, usize),
    sigma: Factor,
    range: (f64, f64),
}

/// Blurs images by a Gaussian bell with a probability.
///
/// # Source
/// Keras 3 `keras.layers.RandomGaussianBlur`.
pub type RandomGaussianBlur = ImageLayer<Blur>;

impl Default for RandomGaussianBlur {
    fn default() -> Self {
        Self::new()
    }
}

impl RandomGaussianBlur {
    /// A layer of Keras's defaults: a kernel of 3 pixels, deviations up to 1.
    pub fn new() -> Self {
        Self::of(Blur { factor: 1.0.into(), kernel: (3, 3), sigma: 1.0.into(), range: (0.0, 255.0) })
    }

    /// With a probability from this range.
    #[must_use]
    pub fn factor(mut self, factor: impl Into<Factor>) -> Self {
        self.kind.factor = factor.into();
        self
    }

    /// With a kernel of this height and width, both odd.
    #[must_use]
    pub fn kernel_size(mut self, height: usize, width: usize) -> Self {
        self.kind.kernel = (height, width);
        self
    }

    /// With deviations from this range.
    #[must_use]
    pub fn sigma(mut self, sigma: impl Into<Factor>) -> Self {
        self.kind.sigma = sigma.into();
        self
    }

    /// With pixels of these least and greatest values; by default 0 and 255.
    #[must_use]
    pub fn value_range(mut self, low: f64, high: f64) -> Self {
        self.kind.range = (low, high);
        self
    }
}

/// The bell of a deviation over so many pixels, summing to 1.
pub(super) fn bell(size: usize, sigma: &Tensor) -> Tensor {
    let middle = (size as f64 - 1.0) / 2.0;
    let at = Tensor::range(size).cast(DType::F32) - middle;
    let heights = (at.square() / (sigma.square() * -2.0)).exp();
    &heights / heights.sum(&[], false)
}

/// Images blurred by bells of these deviations: horizontal, vertical.
pub(super) fn blurred(images: &Tensor, size: (usize, usize), sigma: (&Tensor, &Tensor)) -> Result<Tensor> {
    let (vertical, horizontal) = (bell(size.0, sigma.1), bell(size.1, sigma.0));
    filtered(images, &(vertical.reshape([size.0, 1]) * horizontal.reshape([1, size.1])))
}

impl ImageKind for Blur {
    const CLASS: &'static str = "RandomGaussianBlur";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        map(json!({
            "factor": self.factor.ends(UNIT), "kernel_size": [self.kernel.0, self.kernel.1],
            "sigma": self.sigma.ends((0.0, f64::MAX)), "value_range": [self.range.0, self.range.1], "seed": seed,
        }))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let sizes = config.sizes("kernel_size")?.unwrap_or_else(|| vec![3]);
        let kernel = match sizes[..] {
            [one] => (one, one),
            [height, width] => (height, width),
            _ => return Err(err!(Corrupt, "kernel_size: expected one or two sizes, found {}", sizes.len())),
        };
        let factor = |key| Factor::from_config(config, key, 1.0);
        Ok(Self { factor: factor("factor")?, kernel, sigma: factor("sigma")?, range: value_range(config)? })
    }

    fn check(&self) -> Result<()> {
        let is_odd = |n: usize| n % 2 == 1 && n < 1000;
        if !is_odd(self.kernel.0) || !is_odd(self.kernel.1) {
            return Err(err!(InvalidArgument, "kernel_size: expected odd sizes below 1000, found {:?}", self.kernel));
        }
        self.factor.check("factor", UNIT)?;
        self.sigma.check("sigma", (0.0, 1e6))
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let chosen = draw.chosen(sizes(images)?[0], self.factor.within(UNIT))?;
        let sigma = draw.uniform([2], self.sigma.within((0.0, f64::MAX)))?.cast(DType::F32) + 1e-6;
        let (across, down) = (sigma.slice_axis(0, 0, 1), sigma.slice_axis(0, 1, 1));
        let soft = blurred(images, self.kernel, (&across, &down))?;
        Ok(chosen.where_(soft, images).clip(self.range.0, self.range.1))
    }
}
