//! Images moved, turned and distorted.
//!
//! Source: Keras 3.15.1, `keras.src.layers.preprocessing.image_preprocessing`.

use std::f64::consts::PI;

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_ops::image::{FillMode, WarpOptions};
use cornet_ops::nn::geometry::DataFormat;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};

use super::adjust::blurred;
use super::base::{Draw, ImageKind, ImageLayer, sizes};
use super::factor::{Factor, value_range};
use crate::arg::unknown;
use crate::saving::config::{Config, map};

/// How pixels between pixels, and those outside, are found.
#[derive(Clone, Debug)]
pub(super) struct Fill {
    pub interpolation: String,
    pub mode: String,
    pub value: f64,
}

impl Default for Fill {
    fn default() -> Self {
        Self { interpolation: "bilinear".into(), mode: "reflect".into(), value: 0.0 }
    }
}

impl Fill {
    fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            interpolation: config.text("interpolation", "bilinear")?.into(),
            mode: config.text("fill_mode", "reflect")?.into(),
            value: config.float("fill_value", 0.0)?,
        })
    }

    fn check(&self) -> Result<()> {
        if !["nearest", "bilinear"].contains(&self.interpolation.as_str()) {
            return Err(unknown("interpolation", &self.interpolation, &["nearest", "bilinear"]));
        }
        self.mode.parse::<FillMode>().map(|_| ())
    }

    fn options(&self) -> Result<WarpOptions> {
        let fill_mode = match self.mode.parse()? {
            FillMode::Constant(_) => FillMode::Constant(self.value),
            mode => mode,
        };
        Ok(WarpOptions { bilinear: self.interpolation != "nearest", fill_mode, data_format: DataFormat::ChannelsLast })
    }
}

macro_rules! fill_arguments {
    ($layer:ident) => {
        impl $layer {
            /// With what is outside of an image: `reflect` (the default), `wrap`, `constant` or `nearest`.
            #[must_use]
            pub fn fill_mode(mut self, mode: impl Into<String>) -> Self {
                self.kind.fill.mode = mode.into();
                self
            }

            /// With `bilinear` (the default) or `nearest` pixels.
            #[must_use]
            pub fn interpolation(mut self, interpolation: impl Into<String>) -> Self {
                self.kind.fill.interpolation = interpolation.into();
                self
            }

            /// With this value outside, with `constant`.
            #[must_use]
            pub fn fill_value(mut self, value: f64) -> Self {
                self.kind.fill.value = value;
                self
            }
        }
    };
}

/// Rows of a transformation, one an image: each of the eight is a column `[batch, 1]`.
fn rows(columns: [Tensor; 8]) -> Tensor {
    Tensor::concat(&columns.iter().collect::<Vec<_>>(), 1).cast(DType::F32)
}

fn column(batch: usize, value: f64) -> Tensor {
    Tensor::full([batch, 1], value, DType::F32)
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Flip {
    mode: String,
}

/// Mirrors images, each with a probability of one half.
///
/// # Source
/// Keras 3 `keras.layers.RandomFlip`.
pub type RandomFlip = ImageLayer<Flip>;

const MODES: &[&str] = &["horizontal", "vertical", "horizontal_and_vertical"];

impl Default for RandomFlip {
    fn default() -> Self {
        Self::new("horizontal_and_vertical")
    }
}

impl RandomFlip {
    /// A layer that mirrors `horizontal`, `vertical` or `horizontal_and_vertical`.
    pub fn new(mode: impl Into<String>) -> Self {
        Self::of(Flip { mode: mode.into() })
    }
}

impl ImageKind for Flip {
    const CLASS: &'static str = "RandomFlip";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        map(json!({"seed": seed, "mode": self.mode}))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { mode: config.text("mode", "horizontal_and_vertical")?.into() })
    }

    fn check(&self) -> Result<()> {
        if MODES.contains(&self.mode.as_str()) { Ok(()) } else { Err(unknown("mode", &self.mode, MODES)) }
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let chosen = draw.uniform([sizes(images)?[0], 1, 1, 1], (0.0, 1.0))?.less_equal(0.5);
        let flipped = |x: &Tensor, axis: isize| chosen.where_(x.flip(&[axis]), x);
        let x = if self.mode == "vertical" { images.clone() } else { flipped(images, 2) };
        Ok(if self.mode == "horizontal" { x } else { flipped(&x, 1) })
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Rotation {
    pub(super) factor: Factor,
    pub(super) fill: Fill,
}

const TURN: (f64, f64) = (-1.0, 1.0);

/// Turns images by an angle, a share of the full circle, counted against the clock.
///
/// # Source
/// Keras 3 `keras.layers.RandomRotation`.
pub type RandomRotation = ImageLayer<Rotation>;

impl RandomRotation {
    /// A layer whose angles are drawn from this range.
    pub fn new(factor: impl Into<Factor>) -> Self {
        Self::of(Rotation { factor: factor.into(), fill: Fill::default() })
    }
}
fill_arguments!(RandomRotation);

impl ImageKind for Rotation {
    const CLASS: &'static str = "RandomRotation";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        map(json!({
            "factor": self.factor.ends(TURN), "fill_mode": self.fill.mode, "fill_value": self.fill.value,
            "interpolation": self.fill.interpolation, "seed": seed,
        }))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { factor: Factor::from_config(config, "factor", 0.0)?, fill: Fill::from_config(config)? })
    }

    fn check(&self) -> Result<()> {
        self.factor.check("factor", TURN)?;
        self.fill.check()
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let [batch, height, width, _] = sizes(images)?;
        let (low, high) = self.factor.within(TURN);
        let angle = draw.uniform([batch, 1], (low * 360.0, high * 360.0))?.cast(DType::F32) * (PI / 180.0);
        let (cos, sin) = (angle.cos(), angle.sin());
        let (x, y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
        let to_x = x - &cos * x + &sin * y;
        let to_y = y - &sin * x - &cos * y;
        let zero = column(batch, 0.0);
        let turn = rows([cos.clone(), -&sin, to_x, sin, cos, to_y, zero.clone(), zero]);
        Ok(images.affine_transform(&turn, &self.fill.options()?))
    }
}

/// Layers with a factor for rows and one for columns.
macro_rules! pair_layers {
    ($($(#[$doc:meta])* $name:ident = $kind:ident, $first:literal $second:literal;)+) => { $(
        #[doc(hidden)]
        #[derive(Clone, Debug)]
        pub struct $kind {
            pub(super) first: Factor,
            pub(super) second: Option<Factor>,
            pub(super) fill: Fill,
        }

        $(#[$doc])*
        ///
        /// # Source
        #[doc = concat!("Keras 3 `keras.layers.", stringify!($name), "`.")]
        pub type $name = ImageLayer<$kind>;
        fill_arguments!($name);
    )+ };
}

pair_layers! {
    /// Moves images by shares of their height and width.
    RandomTranslation = Translation, "height_factor" "width_factor";
    /// Brings images nearer or farther: -0.2 shows them a fifth larger, 0.2 a fifth smaller.
    RandomZoom = Zoom, "height_factor" "width_factor";
    /// Shears images along both axes.
    RandomShear = Shear, "x_factor" "y_factor";
}

impl RandomTranslation {
    /// A layer that moves images by shares drawn from these ranges: down, and to the right.
    pub fn new(height_factor: impl Into<Factor>, width_factor: impl Into<Factor>) -> Self {
        Self::of(Translation { first: height_factor.into(), second: Some(width_factor.into()), fill: Fill::default() })
    }
}

impl RandomZoom {
    /// A layer whose zoom is drawn from this range, equal for both axes.
    pub fn new(height_factor: impl Into<Factor>) -> Self {
        Self::of(Zoom { first: height_factor.into(), second: None, fill: Fill::default() })
    }

    /// With a zoom of its own for the width.
    #[must_use]
    pub fn width_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.kind.second = Some(factor.into());
        self
    }
}

impl RandomShear {
    /// A layer that shears by factors drawn from these ranges.
    pub fn new(x_factor: impl Into<Factor>, y_factor: impl Into<Factor>) -> Self {
        Self::of(Shear { first: x_factor.into(), second: Some(y_factor.into()), fill: Fill::default() })
    }
}

const ANY: (f64, f64) = (f64::MIN, f64::MAX);

fn filled(mut config: Map<String, Value>, fill: &Fill, seed: Option<u64>) -> Map<String, Value> {
    config.extend(map(json!({
        "fill_mode": fill.mode, "interpolation": fill.interpolation, "seed": seed, "fill_value": fill.value,
    })));
    config
}

impl ImageKind for Translation {
    const CLASS: &'static str = "RandomTranslation";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        let width = self.second.map_or(Value::Null, Factor::as_given);
        filled(map(json!({"height_factor": self.first.as_given(), "width_factor": width})), &self.fill, seed)
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let factor = |key| Factor::from_config(config, key, 0.0);
        Ok(Self {
            first: factor("height_factor")?,
            second: Some(factor("width_factor")?),
            fill: Fill::from_config(config)?,
        })
    }

    fn check(&self) -> Result<()> {
        self.first.check("height_factor", TURN)?;
        self.second.map_or(Ok(()), |factor| factor.check("width_factor", TURN))?;
        self.fill.check()
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let [batch, height, width, _] = sizes(images)?;
        let part = |factor: Factor, size: usize| {
            Ok::<_, cornet_error::Error>(draw.uniform([batch, 1], factor.within(ANY))?.cast(DType::F32) * size as f64)
        };
        let down = part(self.first, height)?;
        let right = part(self.second.unwrap_or(self.first), width)?;
        let (one, zero) = (column(batch, 1.0), column(batch, 0.0));
        let moved = rows([one.clone(), zero.clone(), -right, zero.clone(), one, -down, zero.clone(), zero]);
        Ok(images.affine_transform(&moved, &self.fill.options()?))
    }
}

impl ImageKind for Zoom {
    const CLASS: &'static str = "RandomZoom";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        let width = self.second.map_or(Value::Null, Factor::as_given);
        filled(map(json!({"height_factor": self.first.as_given(), "width_factor": width})), &self.fill, seed)
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let first = Factor::from_config(config, "height_factor", 0.0)?;
        Ok(Self { first, second: Factor::maybe(config, "width_factor")?, fill: Fill::from_config(config)? })
    }

    fn check(&self) -> Result<()> {
        self.first.check("height_factor", TURN)?;
        self.second.map_or(Ok(()), |factor| factor.check("width_factor", TURN))?;
        self.fill.check()
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let [batch, height, width, _] = sizes(images)?;
        let zoom = |factor: Factor| {
            let (low, high) = factor.within(ANY);
            Ok::<_, cornet_error::Error>(draw.uniform([batch, 1], (1.0 + low, 1.0 + high))?.cast(DType::F32))
        };
        let down = zoom(self.first)?;
        let across = match self.second {
            Some(factor) => zoom(factor)?,
            None => down.clone(),
        };
        let offset = |zoom: &Tensor, size: usize| (1.0 - zoom) * ((size as f64 - 1.0) / 2.0);
        let (to_x, to_y, zero) = (offset(&across, width), offset(&down, height), column(batch, 0.0));
        let zoomed = rows([across, zero.clone(), to_x, zero.clone(), down, to_y, zero.clone(), zero]);
        Ok(images.affine_transform(&zoomed, &self.fill.options()?))
    }
}

impl ImageKind for Shear {
    const CLASS: &'static str = "RandomShear";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        let y = self.second.map_or(Value::Null, |factor| factor.ends(TURN));
        filled(map(json!({"x_factor": self.first.ends(TURN), "y_factor": y})), &self.fill, seed)
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let factor = |key| Factor::from_config(config, key, 0.0);
        Ok(Self { first: factor("x_factor")?, second: Some(factor("y_factor")?), fill: Fill::from_config(config)? })
    }

    fn check(&self) -> Result<()> {
        self.first.check("x_factor", TURN)?;
        self.second.map_or(Ok(()), |factor| factor.check("y_factor", TURN))?;
        self.fill.check()
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let batch = sizes(images)?[0];
        let sign = draw.uniform([batch, 1], (0.0, 1.0))?.greater(0.5).where_(-1.0, 1.0).cast(DType::F32);
        let part = |factor: Factor| {
            Ok::<_, cornet_error::Error>(draw.uniform([batch, 1], factor.within(TURN))?.cast(DType::F32) * &sign)
        };
        let y = part(self.second.unwrap_or(self.first))?;
        let x = part(self.first)?;
        let (one, zero) = (column(batch, 1.0), column(batch, 0.0));
        let sheared = rows([one.clone(), x, zero.clone(), y, one, zero.clone(), zero.clone(), zero]);
        Ok(images.affine_transform(&sheared, &self.fill.options()?))
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Perspective {
    factor: Factor,
    scale: f64,
    fill: Fill,
}

const UNIT: (f64, f64) = (0.0, 1.0);

/// Shows images in a random perspective with a probability.
///
/// # Source
/// Keras 3 `keras.layers.RandomPerspective`.
pub type RandomPerspective = ImageLayer<Perspective>;

impl Default for RandomPerspective {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl RandomPerspective {
    /// A layer whose probability is drawn from this range.
    pub fn new(factor: impl Into<Factor>) -> Self {
        let fill = Fill { mode: "constant".into(), ..Fill::default() };
        Self::of(Perspective { factor: factor.into(), scale: 1.0, fill })
    }

    /// With corners moved by up to half of this share of their coordinates.
    #[must_use]
    pub fn scale(mut self, scale: f64) -> Self {
        self.kind.scale = scale;
        self
    }
}

impl ImageKind for Perspective {
    const CLASS: &'static str = "RandomPerspective";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        map(json!({
            "factor": self.factor.ends(UNIT), "scale": self.scale, "interpolation": self.fill.interpolation,
            "fill_value": self.fill.value, "seed": seed,
        }))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let fill = Fill { mode: "constant".into(), ..Fill::from_config(config)? };
        Ok(Self { factor: Factor::from_config(config, "factor", 1.0)?, scale: config.float("scale", 1.0)?, fill })
    }

    fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.scale) {
            return Err(err!(InvalidArgument, "scale: expected 0 to 1, found {}", self.scale));
        }
        self.factor.check("factor", UNIT)?;
        self.fill.check()
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let [batch, height, width, _] = sizes(images)?;
        let chosen = draw.chosen(batch, self.factor.within(UNIT))?;
        let (right, bottom) = (width as f32 - 1.0, height as f32 - 1.0);
        let corners = Tensor::of([[0.0_f32, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]]);
        let corners = corners.expand_dims(&[0]).broadcast_to([batch, 4, 2]);
        let moved = draw.uniform([batch, 4, 2], (-0.5 * self.scale, 0.5 * self.scale))?.cast(DType::F32);
        let seen = images.perspective_transform(&corners, &(&corners + &corners * moved), &self.fill.options()?);
        Ok(chosen.where_(seen, images))
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Elastic {
    factor: Factor,
    scale: Factor,
    fill: Fill,
    range: (f64, f64),
}

/// Distorts images as if they were drawn on rubber, with a probability.
///
/// # Source
/// Keras 3 `keras.layers.RandomElasticTransform`; Simard, Steinkraus, Platt, "Best practices for convolutional neural
/// networks", 2003. The displacement along the two axes is drawn from two sources, as in the paper; Keras draws both
/// from one seed, so that images move along the diagonal alone.
pub type RandomElasticTransform = ImageLayer<Elastic>;

impl Default for RandomElasticTransform {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl RandomElasticTransform {
    /// A layer whose probability is drawn from this range.
    pub fn new(factor: impl Into<Factor>) -> Self {
        Self::of(Elastic { factor: factor.into(), scale: 1.0.into(), fill: Fill::default(), range: (0.0, 255.0) })
    }

    /// With a strength from this range.
    #[must_use]
    pub fn scale(mut self, scale: impl Into<Factor>) -> Self {
        self.kind.scale = scale.into();
        self
    }

    /// With pixels of these least and greatest values; by default 0 and 255.
    #[must_use]
    pub fn value_range(mut self, low: f64, high: f64) -> Self {
        self.kind.range = (low, high);
        self
    }
}
fill_arguments!(RandomElasticTransform);

impl Elastic {
    /// Images read at places that noise has moved.
    fn distorted(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let [batch, height, width, channels] = sizes(images)?;
        let (low, high) = self.scale.within(UNIT);
        let strength = draw.uniform([1], (low, high))?.cast(DType::F32);
        let alpha = &strength * (0.1 * height.max(width) as f64);
        let sigma = (&strength * (0.05 * height.min(width) as f64)).maximum(1e-3);
        // As wide as the widest bell needs.
        let reach = (6.0 * 0.05 * height.min(width) as f64 * high) as usize | 1;
        let moved = || -> Result<Tensor> {
            let noise = draw.normal([batch, height, width, 1])?.cast(DType::F32) * &sigma;
            Ok(blurred(&noise, (reach, reach), (&sigma, &sigma))? * &alpha)
        };
        let (across, down) = (moved()?, moved()?);
        let full = [batch, height, width, channels];
        let place = |axis: isize, moved: Option<Tensor>| {
            let own = Tensor::iota(full, axis, DType::F32);
            moved.map_or(own.clone(), |moved| own + moved)
        };
        let at = [place(0, None), place(1, Some(down)), place(2, Some(across)), place(3, None)];
        let coordinates = Tensor::stack(&at.iter().collect::<Vec<_>>(), 0);
        let order = usize::from(self.fill.interpolation != "nearest");
        Ok(images
            .cast(DType::F32)
            .map_coordinates(&coordinates, order, self.fill.options()?.fill_mode)
            .cast(draw.dtype))
    }
}

impl ImageKind for Elastic {
    const CLASS: &'static str = "RandomElasticTransform";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        map(json!({
            "factor": self.factor.ends(UNIT), "scale": self.scale.ends(UNIT), "interpolation": self.fill.interpolation,
            "fill_mode": self.fill.mode, "fill_value": self.fill.value,
            "value_range": [self.range.0, self.range.1], "seed": seed,
        }))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let factor = |key| Factor::from_config(config, key, 1.0);
        let (factor, scale) = (factor("factor")?, factor("scale")?);
        Ok(Self { factor, scale, fill: Fill::from_config(config)?, range: value_range(config)? })
    }

    fn check(&self) -> Result<()> {
        self.factor.check("factor", UNIT)?;
        self.scale.check("scale", UNIT)?;
        self.fill.check()
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        if self.scale.within(UNIT).1 == 0.0 || self.factor.within(UNIT).1 == 0.0 {
            return Ok(images.clone());
        }
        let chosen = draw.chosen(sizes(images)?[0], self.factor.within(UNIT))?;
        Ok(chosen.where_(self.distorted(images, draw)?, images).clip(self.range.0, self.range.1))
    }
}
