//! Images mixed with each other, and changes mixed with changes.
//!
//! Source: Keras 3.15.1, `keras.src.layers.preprocessing.image_preprocessing`.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::adjust::{Brightness, Contrast, Degeneration, Hue, Posterization, Saturation, Sharpness, Solarize};
use super::base::{Draw, ImageKind, ImageLayer, per_image, sizes};
use super::factor::{Factor, value_range};
use super::histogram::{Equalize, Stretch};
use super::sizes::rectangles;
use super::warp::{Fill, Rotation, Shear, Translation};
use crate::saving::config::{Config, map};

const UNIT: (f64, f64) = (0.0, 1.0);

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Mixed {
    alpha: f64,
}

/// Mixes each image of a batch with another one, in shares of the Beta distribution.
///
/// Images alone: labels, which Keras mixes in the same shares where it is given a dictionary with them, stay as they are.
///
/// # Source
/// Keras 3 `keras.layers.MixUp`; Zhang et al., "mixup: beyond empirical risk minimization", 2017.
pub type MixUp = ImageLayer<Mixed>;

impl Default for MixUp {
    fn default() -> Self {
        Self::new(0.2)
    }
}

impl MixUp {
    /// A layer with this parameter of the Beta distribution.
    pub fn new(alpha: f64) -> Self {
        Self::of(Mixed { alpha })
    }
}

impl ImageKind for Mixed {
    const CLASS: &'static str = "MixUp";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        map(json!({"alpha": self.alpha, "seed": seed}))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { alpha: config.float("alpha", 0.2)? })
    }

    fn check(&self) -> Result<()> {
        match self.alpha > 0.0 && self.alpha.is_finite() {
            true => Ok(()),
            false => fail!(InvalidArgument, "alpha: expected a positive number, found {}", self.alpha),
        }
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let batch = sizes(images)?[0];
        let others = images.take(&draw.permutation(batch)?, 0);
        let share = per_image(&draw.beta([batch], self.alpha)?)?;
        Ok(&share * images + (1.0 - &share) * others)
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Cut {
    factor: Factor,
}

/// Replaces a rectangle of each image of a batch by the same part of another one.
///
/// Images alone: labels, which Keras mixes in the same shares where it is given a dictionary with them, stay as they are.
///
/// # Source
/// Keras 3 `keras.layers.CutMix`; Yun et al., "CutMix", 2019.
pub type CutMix = ImageLayer<Cut>;

impl Default for CutMix {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl CutMix {
    /// A layer whose parameter of the Beta distribution is drawn from this range.
    pub fn new(factor: impl Into<Factor>) -> Self {
        Self::of(Cut { factor: factor.into() })
    }
}

impl ImageKind for Cut {
    const CLASS: &'static str = "CutMix";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        map(json!({"factor": self.factor.ends(UNIT), "seed": seed}))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { factor: Factor::from_config(config, "factor", 1.0)? })
    }

    fn check(&self) -> Result<()> {
        self.factor.check("factor", UNIT)
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let batch = sizes(images)?[0];
        let alpha = draw.uniform(Vec::<usize>::new(), self.factor.within(UNIT))?.cast(cornet_tensor::DType::F32) + 1e-6;
        let side = (1.0 - draw.beta([batch], &alpha)?).sqrt();
        let (inside, _) = rectangles(images, draw, &side, &side)?;
        Ok(inside.where_(images.take(&draw.permutation(batch)?, 0), images))
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Jitter {
    range: (f64, f64),
    brightness: Option<Factor>,
    contrast: Option<Factor>,
    saturation: Option<Factor>,
    hue: Option<Factor>,
}

/// Changes brightness, contrast, saturation and hue of images, one after the other.
///
/// # Source
/// Keras 3 `keras.layers.RandomColorJitter`.
pub type RandomColorJitter = ImageLayer<Jitter>;

impl Default for RandomColorJitter {
    fn default() -> Self {
        Self::new()
    }
}

impl RandomColorJitter {
    /// A layer that changes nothing yet.
    pub fn new() -> Self {
        Self::of(Jitter { range: (0.0, 255.0), brightness: None, contrast: None, saturation: None, hue: None })
    }

    /// With pixels of these least and greatest values; by default 0 and 255.
    #[must_use]
    pub fn value_range(mut self, low: f64, high: f64) -> Self {
        self.kind.range = (low, high);
        self
    }

    /// With a change of brightness from this range.
    #[must_use]
    pub fn brightness_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.kind.brightness = Some(factor.into());
        self
    }

    /// With a change of contrast from this range.
    #[must_use]
    pub fn contrast_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.kind.contrast = Some(factor.into());
        self
    }

    /// With a change of saturation from this range.
    #[must_use]
    pub fn saturation_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.kind.saturation = Some(factor.into());
        self
    }

    /// With a change of hue from this range.
    #[must_use]
    pub fn hue_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.kind.hue = Some(factor.into());
        self
    }
}

impl ImageKind for Jitter {
    const CLASS: &'static str = "RandomColorJitter";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        let given = |factor: Option<Factor>| factor.map_or(Value::Null, Factor::as_given);
        map(json!({
            "value_range": [self.range.0, self.range.1], "brightness_factor": given(self.brightness),
            "contrast_factor": given(self.contrast), "saturation_factor": given(self.saturation),
            "hue_factor": given(self.hue), "seed": seed,
        }))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let factor = |key| Factor::maybe(config, key);
        let (brightness, contrast) = (factor("brightness_factor")?, factor("contrast_factor")?);
        let (saturation, hue) = (factor("saturation_factor")?, factor("hue_factor")?);
        Ok(Self { range: value_range(config)?, brightness, contrast, saturation, hue })
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let (mut x, range) = (images.clone(), self.range);
        if let Some(factor) = self.brightness {
            x = Brightness { factor, range }.transform(&x, draw)?;
        }
        if let Some(factor) = self.contrast {
            x = Contrast { factor, range }.transform(&x, draw)?;
        }
        if let Some(factor) = self.saturation {
            x = Saturation { factor, range }.transform(&x, draw)?;
        }
        if let Some(factor) = self.hue {
            x = Hue { factor, range }.transform(&x, draw)?;
        }
        Ok(x)
    }
}

/// The changes that two layers choose from, of one strength, in Keras's order.
#[derive(Clone, Debug)]
struct Changes {
    factor: (f64, f64),
    range: (f64, f64),
    interpolation: String,
}

/// The changes of shape, and then those of colour.
const SHAPES: usize = 3;
const CHANGES: usize = 11;

impl Changes {
    /// Change number `which`.
    fn apply(&self, which: usize, x: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let (factor, range): (Factor, _) = (self.factor.into(), self.range);
        let fill = Fill { interpolation: self.interpolation.clone(), ..Fill::default() };
        match which {
            0 => Shear { first: factor, second: Some(factor), fill }.transform(x, draw),
            1 => Translation { first: factor, second: Some(factor), fill }.transform(x, draw),
            2 => Rotation { factor, fill }.transform(x, draw),
            3 => Brightness { factor, range }.transform(x, draw),
            4 => Degeneration { factor, range }.transform(x, draw),
            5 => Contrast { factor, range }.transform(x, draw),
            6 => Sharpness { factor, range }.transform(x, draw),
            7 => {
                let bits = ((8.0 * self.factor.1) as i64).max(1) as f64;
                Posterization { factor: bits.into(), range }.transform(x, draw)
            }
            8 => Solarize { addition: factor, threshold: factor, range }.transform(x, draw),
            9 => Stretch { range }.transform(x, draw),
            _ => Equalize { range, bins: 256 }.transform(x, draw),
        }
    }

    /// The change that a number, found when the step runs, chooses among `from`; another number changes nothing.
    fn chosen(&self, number: &Tensor, from: &[usize], x: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let mut found = x.clone();
        for (place, &which) in from.iter().enumerate() {
            found = number.equal(place as i32).where_(self.apply(which, x, draw)?, found);
        }
        Ok(found)
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Augment {
    range: (f64, f64),
    num_ops: usize,
    factor: Factor,
    interpolation: String,
}

/// A few of eleven changes, chosen at random, one after the other.
///
/// # Source
/// Keras 3 `keras.layers.RandAugment`; Cubuk et al., "RandAugment", 2019.
pub type RandAugment = ImageLayer<Augment>;

impl Default for RandAugment {
    fn default() -> Self {
        Self::new()
    }
}

impl RandAugment {
    /// A layer of Keras's defaults: two changes, of strengths up to 0.5.
    pub fn new() -> Self {
        Self::of(Augment { range: (0.0, 255.0), num_ops: 2, factor: 0.5.into(), interpolation: "bilinear".into() })
    }

    /// With pixels of these least and greatest values; by default 0 and 255.
    #[must_use]
    pub fn value_range(mut self, low: f64, high: f64) -> Self {
        self.kind.range = (low, high);
        self
    }

    /// With so many changes.
    #[must_use]
    pub fn num_ops(mut self, count: usize) -> Self {
        self.kind.num_ops = count;
        self
    }

    /// With strengths from this range.
    #[must_use]
    pub fn factor(mut self, factor: impl Into<Factor>) -> Self {
        self.kind.factor = factor.into();
        self
    }
}

/// More changes than this one after the other leave nothing of an image.
const CHANGES_MAX: usize = 64;

impl ImageKind for Augment {
    const CLASS: &'static str = "RandAugment";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        map(json!({
            "value_range": [self.range.0, self.range.1], "num_ops": self.num_ops, "factor": self.factor.ends(UNIT),
            "interpolation": self.interpolation, "seed": seed,
        }))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let num_ops = config.optional("num_ops", "a positive integer", Value::as_u64)?.unwrap_or(2) as usize;
        let interpolation = config.text("interpolation", "bilinear")?.into();
        Ok(Self {
            range: value_range(config)?,
            num_ops,
            factor: Factor::from_config(config, "factor", 0.5)?,
            interpolation,
        })
    }

    fn check(&self) -> Result<()> {
        if self.num_ops > CHANGES_MAX {
            fail!(LimitExceeded, "num_ops: expected at most {CHANGES_MAX}, found {}", self.num_ops);
        }
        self.factor.check("factor", UNIT)
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let changes =
            Changes { factor: self.factor.within(UNIT), range: self.range, interpolation: self.interpolation.clone() };
        let numbers = draw.integers([self.num_ops], 0, CHANGES as i64)?;
        let all: Vec<usize> = (0..CHANGES).collect();
        (0..self.num_ops).try_fold(images.clone(), |x, i| {
            let number = numbers.slice_axis(0, i, 1).reshape(Vec::<usize>::new());
            changes.chosen(&number, &all, &x, draw)
        })
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Chains {
    range: (f64, f64),
    num_chains: usize,
    chain_depth: usize,
    factor: Factor,
    alpha: f64,
    all_ops: bool,
    interpolation: String,
}

/// Mixes images with several of their own copies, each changed by a chain of random changes.
///
/// # Source
/// Keras 3 `keras.layers.AugMix`; Hendrycks et al., "AugMix", 2019. Each step draws its changes anew; Keras draws them
/// when the function is traced.
pub type AugMix = ImageLayer<Chains>;

impl Default for AugMix {
    fn default() -> Self {
        Self::new()
    }
}

impl AugMix {
    /// A layer of Keras's defaults: three chains of three, of strengths up to 0.3.
    pub fn new() -> Self {
        Self::of(Chains {
            range: (0.0, 255.0),
            num_chains: 3,
            chain_depth: 3,
            factor: 0.3.into(),
            alpha: 1.0,
            all_ops: true,
            interpolation: "bilinear".into(),
        })
    }

    /// With pixels of these least and greatest values; by default 0 and 255.
    #[must_use]
    pub fn value_range(mut self, low: f64, high: f64) -> Self {
        self.kind.range = (low, high);
        self
    }

    /// With so many chains of so many changes.
    #[must_use]
    pub fn chains(mut self, count: usize, depth: usize) -> Self {
        (self.kind.num_chains, self.kind.chain_depth) = (count, depth);
        self
    }

    /// With strengths from this range.
    #[must_use]
    pub fn factor(mut self, factor: impl Into<Factor>) -> Self {
        self.kind.factor = factor.into();
        self
    }

    /// With this parameter of the shares' distributions.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.kind.alpha = alpha;
        self
    }

    /// Whether brightness, colour, contrast and sharpness are among the changes.
    #[must_use]
    pub fn all_ops(mut self, all: bool) -> Self {
        self.kind.all_ops = all;
        self
    }
}

impl ImageKind for Chains {
    const CLASS: &'static str = "AugMix";

    fn arguments(&self, seed: Option<u64>) -> Map<String, Value> {
        map(json!({
            "value_range": [self.range.0, self.range.1], "num_chains": self.num_chains,
            "chain_depth": self.chain_depth, "factor": self.factor.ends(UNIT), "alpha": self.alpha,
            "all_ops": self.all_ops, "interpolation": self.interpolation, "seed": seed,
        }))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        let count = |key| Ok(config.optional(key, "a positive integer", Value::as_u64)?.unwrap_or(3) as usize);
        Ok(Self {
            range: value_range(config)?,
            num_chains: count("num_chains")?,
            chain_depth: count("chain_depth")?,
            factor: Factor::from_config(config, "factor", 0.3)?,
            alpha: config.float("alpha", 1.0)?,
            all_ops: config.flag("all_ops", true)?,
            interpolation: config.text("interpolation", "bilinear")?.into(),
        })
    }

    fn check(&self) -> Result<()> {
        let count = self.num_chains.saturating_mul(self.chain_depth);
        if self.num_chains == 0 || count > CHANGES_MAX {
            fail!(LimitExceeded, "num_chains · chain_depth: expected 1 to {CHANGES_MAX}, found {count}");
        }
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            fail!(InvalidArgument, "alpha: expected a positive number, found {}", self.alpha);
        }
        self.factor.check("factor", UNIT)
    }

    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        let changes =
            Changes { factor: self.factor.within(UNIT), range: self.range, interpolation: self.interpolation.clone() };
        let from: Vec<usize> = (0..CHANGES).filter(|i| self.all_ops || *i < SHAPES || *i > 6).collect();
        let shares = draw.dirichlet(self.num_chains, self.alpha)?;
        let whole = draw.beta(Vec::<usize>::new(), self.alpha)?;
        // One number more than there are changes: nothing.
        let numbers = draw.integers([self.num_chains * self.chain_depth], 0, from.len() as i64 + 1)?;
        let mut mixed: Option<Tensor> = None;
        for chain in 0..self.num_chains {
            let mut x = images.clone();
            for depth in 0..self.chain_depth {
                let number = numbers.slice_axis(0, chain * self.chain_depth + depth, 1).reshape(Vec::<usize>::new());
                x = changes.chosen(&number, &from, &x, draw)?;
            }
            let part = x * shares.slice_axis(0, chain, 1).reshape(Vec::<usize>::new());
            mixed = Some(mixed.map_or(part.clone(), |sum| sum + part));
        }
        let mixed = mixed.unwrap_or_else(|| images.clone());
        Ok((&whole * images + (1.0 - &whole) * mixed).clip(self.range.0, self.range.1))
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Boxes {
    max_number: usize,
}

/// Limits the number of boxes beside images in Keras's dictionaries of images and boxes; images alone pass unchanged.
///
/// # Source
/// Keras 3 `keras.layers.MaxNumBoundingBoxes`.
pub type MaxNumBoundingBoxes = ImageLayer<Boxes>;

impl MaxNumBoundingBoxes {
    /// A layer that leaves at most so many boxes.
    pub fn new(max_number: usize) -> Self {
        Self::of(Boxes { max_number })
    }
}

impl ImageKind for Boxes {
    const CLASS: &'static str = "MaxNumBoundingBoxes";
    const IS_RANDOM: bool = false;
    const KEEPS_DTYPE: bool = true;

    fn arguments(&self, _seed: Option<u64>) -> Map<String, Value> {
        map(json!({"max_number": self.max_number}))
    }

    fn from_config(config: &Config<'_>) -> Result<Self> {
        config.get("fill_value");
        Ok(Self { max_number: config.size("max_number")? })
    }

    fn transform(&self, images: &Tensor, _draw: &Draw<'_>) -> Result<Tensor> {
        Ok(images.clone())
    }
}
