//! What all layers of images have.

use cornet_error::{Result, err, fail};
use cornet_ops::nn::geometry::DataFormat;
use cornet_ops::random::{self, SeedGenerator};
use cornet_ops::{Arg as Operand, Tensor};
use cornet_tensor::{DType, Shape};
use serde_json::{Map, Value, json};
use smallvec::smallvec;

use crate::arg::Arg;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// What a layer does to images.
pub trait ImageKind: Sized + Send + Sync + 'static {
    /// Keras's class.
    const CLASS: &'static str;
    /// Whether it needs random numbers.
    const IS_RANDOM: bool = true;
    /// Whether it changes images outside of training, too.
    const ALWAYS: bool = false;
    /// Whether images keep their dtype instead of the one that the layer computes in.
    const KEEPS_DTYPE: bool = false;

    /// The arguments behind `data_format`, in the order of Keras's config.
    fn arguments(&self, seed: Option<u64>) -> Map<String, Value>;

    /// From the arguments of a config.
    ///
    /// # Errors
    /// `corrupt`; `invalid_argument`.
    fn from_config(config: &Config<'_>) -> Result<Self>;

    /// Fails if an argument is wrong.
    ///
    /// # Errors
    /// `invalid_argument`.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Changed images: `[batch, height, width, channels]`.
    ///
    /// # Errors
    /// What does not fit.
    fn transform(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor>;

    /// The images outside of training.
    ///
    /// # Errors
    /// What does not fit.
    fn at_rest(&self, images: &Tensor, draw: &Draw<'_>) -> Result<Tensor> {
        if Self::ALWAYS { self.transform(images, draw) } else { Ok(images.clone()) }
    }

    /// Height and width of changed images.
    fn size(&self) -> Option<(usize, usize)> {
        None
    }
}

/// Where random numbers come from, and in which dtype the layer computes.
pub struct Draw<'a> {
    /// The dtype.
    pub dtype: DType,
    generator: Option<&'a SeedGenerator>,
}

impl Draw<'_> {
    fn source(&self) -> Result<&SeedGenerator> {
        self.generator.ok_or_else(|| err!(InvalidState, "an image layer is called before it is built"))
    }

    /// Uniform numbers from `range`; one number if its ends are equal.
    ///
    /// # Errors
    /// `invalid_state` before the layer is built.
    pub fn uniform(&self, shape: impl Into<Shape>, (low, high): (f64, f64)) -> Result<Tensor> {
        let shape = shape.into();
        if low == high {
            return Ok(Tensor::full(shape, low, self.dtype));
        }
        let drawn = random::uniform(shape, low, high, DType::F32, self.source()?);
        Ok(drawn.cast(self.dtype))
    }

    /// Normal numbers.
    ///
    /// # Errors
    /// As [`Draw::uniform`].
    pub fn normal(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        Ok(random::normal(shape, 0.0, 1.0, DType::F32, self.source()?).cast(self.dtype))
    }

    /// Whole numbers from `low` to below `high`.
    ///
    /// # Errors
    /// As [`Draw::uniform`].
    pub fn integers(&self, shape: impl Into<Shape>, low: i64, high: i64) -> Result<Tensor> {
        Ok(random::randint(shape, low, high, DType::I32, self.source()?))
    }

    /// Numbers of the Beta distribution with equal parameters.
    ///
    /// # Errors
    /// As [`Draw::uniform`].
    pub fn beta(&self, shape: impl Into<Shape>, alpha: impl Into<Operand> + Clone) -> Result<Tensor> {
        Ok(random::beta(shape, alpha.clone(), alpha, DType::F32, self.source()?).cast(self.dtype))
    }

    /// Shares that add up to 1, of the Dirichlet distribution with equal parameters.
    ///
    /// # Errors
    /// As [`Draw::uniform`].
    pub fn dirichlet(&self, count: usize, alpha: f64) -> Result<Tensor> {
        let drawn = random::gamma([count], alpha, DType::F32, self.source()?);
        Ok((&drawn / drawn.sum(&[], false)).cast(self.dtype))
    }

    /// The numbers below `n` in random order.
    ///
    /// # Errors
    /// As [`Draw::uniform`].
    pub fn permutation(&self, n: usize) -> Result<Tensor> {
        Ok(random::permutation(n, self.source()?))
    }

    /// For each of a batch whether a number from 0 to 1 is below one from `range`: bool `[batch, 1, 1, 1]`.
    ///
    /// # Errors
    /// As [`Draw::uniform`].
    pub fn chosen(&self, batch: usize, range: (f64, f64)) -> Result<Tensor> {
        let probability = self.uniform([batch, 1, 1, 1], range)?;
        let threshold = random::uniform([batch, 1, 1, 1], 0.0, 1.0, DType::F32, self.source()?).cast(self.dtype);
        Ok(threshold.less(&probability))
    }
}

/// A layer of images, `[batch, height, width, channels]` or one of them, in whichever data format.
pub struct ImageLayer<K: ImageKind> {
    base: LayerBase,
    data_format: DataFormat,
    seed: Option<u64>,
    pub(super) kind: K,
}

impl<K: ImageKind> ImageLayer<K> {
    pub(super) fn of(kind: K) -> Self {
        Self { base: LayerBase::new(K::CLASS), data_format: DataFormat::ChannelsLast, seed: None, kind }
    }

    crate::layers::layer::common_arguments!();

    /// With the channels last (the default) or first.
    #[must_use]
    pub fn data_format(mut self, format: impl Into<Arg<DataFormat>>) -> Self {
        if let Some(format) = self.base.accept(format.into()) {
            self.data_format = format;
        }
        self
    }

    /// With this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let data_format = config.text("data_format", "channels_last")?.parse()?;
        let (base, seed, kind) = (LayerBase::from_config(config)?, config.seed()?, K::from_config(config)?);
        if !config.get("bounding_box_format").is_null() {
            return Err(err!(Unsupported, "bounding_box_format: expected null, found one")
                .help("Cornet's image layers change images alone"));
        }
        Ok(Self { base, data_format, seed, kind })
    }

    fn run(&self, images: &Tensor, is_training: bool) -> Result<Tensor> {
        let dtype = self.base.policy().compute_dtype();
        let x = if K::KEEPS_DTYPE { images.clone() } else { images.cast(dtype) };
        let is_single = match x.shape()?.rank() {
            3 => true,
            4 => false,
            found => {
                return Err(err!(
                    RankMismatch,
                    "axes of the images: expected 3 for one or 4 for a batch, found {found}"
                )
                .operand("images", x.shape()?));
            }
        };
        let x = if is_single { x.expand_dims(&[0]) } else { x };
        let is_first = self.data_format == DataFormat::ChannelsFirst;
        let x = if is_first { x.moveaxis(&[1], &[3]) } else { x };
        let draw = Draw { dtype, generator: self.base.generators().first() };
        let y = if is_training { self.kind.transform(&x, &draw)? } else { self.kind.at_rest(&x, &draw)? };
        let y = if is_first { y.moveaxis(&[3], &[1]) } else { y };
        Ok(if is_single { y.squeeze(&[0]) } else { y })
    }
}

impl<K: ImageKind> Layer for ImageLayer<K> {
    fn class_name(&self) -> &str {
        K::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let format = if self.data_format == DataFormat::ChannelsFirst { "channels_first" } else { "channels_last" };
        let mut arguments = crate::saving::config::map(json!({"data_format": format}));
        arguments.extend(self.kind.arguments(self.seed));
        arguments
    }

    fn build(&self, _inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        self.kind.check()?;
        if K::IS_RANDOM { weights.add_generator(self.seed) } else { Ok(()) }
    }

    fn autocast(&self) -> bool {
        !K::KEEPS_DTYPE
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        Ok(smallvec![self.run(&inputs[0], call.is_training())?])
    }

    fn compute_output_dtype(&self, inputs: &[DType], outputs: usize) -> Vec<DType> {
        let own = self.base.policy().compute_dtype();
        vec![if K::KEEPS_DTYPE { inputs.first().copied().unwrap_or(own) } else { own }; outputs]
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        let mut shape = inputs[0].clone();
        if shape.rank() != 3 && shape.rank() != 4 {
            fail!(RankMismatch, "axes of the images: expected 3 or 4, found {}", shape.rank());
        }
        if let Some((height, width)) = self.kind.size() {
            let first = shape.rank() - if self.data_format == DataFormat::ChannelsFirst { 2 } else { 3 };
            (shape.0[first], shape.0[first + 1]) = (Some(height), Some(width));
        }
        Ok(vec![shape])
    }
}

/// Pixels from one range of values to another.
pub(super) fn rescaled(x: &Tensor, from: (f64, f64), to: (f64, f64)) -> Tensor {
    if from == to {
        return x.clone();
    }
    (x - from.0) / (from.1 - from.0) * (to.1 - to.0) + to.0
}

/// A tensor whose first axis is the batch, with axes of size 1 behind it.
pub(super) fn per_image(x: &Tensor) -> Result<Tensor> {
    let batch = x.shape()?.elements();
    Ok(x.reshape([batch, 1, 1, 1]))
}

/// The batch, height, width and channels of images.
pub(super) fn sizes(images: &Tensor) -> Result<[usize; 4]> {
    let shape = images.shape()?;
    <[usize; 4]>::try_from(shape.as_slice()).map_err(|_| err!(RankMismatch, "images: expected 4 axes, found {shape}"))
}
