//! `Dropout`, `AlphaDropout`, `GaussianDropout`, `GaussianNoise`: one definition over the rule of the noise.

use cornet_error::{Result, err, fail};
use cornet_ops::random::SeedGenerator;
use cornet_ops::{Tensor, random};
use cornet_tensor::Shape;
use serde_json::{Map, Value};
use smallvec::smallvec;

use crate::layers::layer::common_arguments;
use crate::layers::{Call, Layer, LayerBase, Tensors, Weights};
use crate::saving::config::Config;
use crate::shape::PartialShape;

/// A rule of noise.
pub trait Rule: Send + Sync + 'static {
    /// Keras's class.
    const CLASS: &'static str;
    /// The argument that says how much noise there is, from 0 to 1.
    const AMOUNT: &'static str = "rate";
    /// Whether the noise may be the same along axes.
    const IS_SHAPED: bool = false;

    /// The tensor with noise; `noise_shape` as for [`random::dropout`].
    ///
    /// # Errors
    /// What does not fit.
    fn apply(x: &Tensor, amount: f64, noise_shape: Option<&[Option<usize>]>, seed: &SeedGenerator) -> Result<Tensor>;
}

/// A rule whose noise may be the same along axes.
pub trait ShapedRule: Rule {}

/// Noise in training; otherwise nothing.
///
/// # Shapes
/// As they come.
/// # Errors
/// `invalid_argument` for an amount outside of 0 to 1.
/// # Source
/// Keras 3 `keras.layers.Dropout`, `AlphaDropout`, `GaussianDropout`, `GaussianNoise`.
pub struct Noise<R: Rule> {
    base: LayerBase,
    amount: f64,
    seed: Option<u64>,
    noise_shape: Option<Vec<Option<usize>>>,
    rule: std::marker::PhantomData<fn() -> R>,
}

/// Sets elements to 0 with probability `rate` and multiplies the others by 1 / (1 - rate).
pub type Dropout = Noise<DropoutRule>;
/// Sets elements to the value that a `selu` goes to at -∞ with probability `rate`, and then scales all so that mean and
/// variance stay as they are.
pub type AlphaDropout = Noise<AlphaRule>;
/// Multiplies by normal numbers of mean 1 and variance rate / (1 - rate).
pub type GaussianDropout = Noise<GaussianRule>;
/// Adds normal numbers of mean 0 and the standard deviation given.
pub type GaussianNoise = Noise<AddedRule>;

#[doc(hidden)]
pub struct DropoutRule;

impl Rule for DropoutRule {
    const CLASS: &'static str = "Dropout";
    const IS_SHAPED: bool = true;

    fn apply(x: &Tensor, rate: f64, noise_shape: Option<&[Option<usize>]>, seed: &SeedGenerator) -> Result<Tensor> {
        Ok(random::dropout(x, rate, noise_shape, seed))
    }
}

impl ShapedRule for DropoutRule {}

#[doc(hidden)]
pub struct AlphaRule;

impl Rule for AlphaRule {
    const CLASS: &'static str = "AlphaDropout";
    const IS_SHAPED: bool = true;

    fn apply(x: &Tensor, rate: f64, noise_shape: Option<&[Option<usize>]>, seed: &SeedGenerator) -> Result<Tensor> {
        // What selu goes to at -∞: minus its alpha times its scale.
        let least = -1.673_263_242_354_377_2 * 1.050_700_987_355_480_5;
        let (shape, dtype) = (x.shape()?, x.dtype()?);
        let noise: Shape = match noise_shape {
            None => shape,
            Some(sizes) if sizes.len() == shape.rank() => {
                sizes.iter().zip(shape.iter()).map(|(size, &own)| size.unwrap_or(own)).collect()
            }
            Some(sizes) => fail!(RankMismatch, "noise_shape: expected {} axes, found {}", shape.rank(), sizes.len()),
        };
        let kept = random::uniform(noise, 0.0, 1.0, cornet_tensor::DType::F32, seed).greater_equal(rate).cast(dtype);
        let factor = ((1.0 - rate) * (1.0 + rate * least * least)).powf(-0.5);
        let offset = -factor * least * rate;
        Ok((x * &kept + (1.0 - kept) * least) * factor + offset)
    }
}

impl ShapedRule for AlphaRule {}

#[doc(hidden)]
pub struct GaussianRule;

impl Rule for GaussianRule {
    const CLASS: &'static str = "GaussianDropout";

    fn apply(x: &Tensor, rate: f64, _: Option<&[Option<usize>]>, seed: &SeedGenerator) -> Result<Tensor> {
        if rate >= 1.0 {
            fail!(InvalidArgument, "rate: expected less than 1, found {rate}");
        }
        let stddev = (rate / (1.0 - rate)).sqrt();
        Ok(x * random::normal(x.shape()?, 1.0, stddev, x.dtype()?, seed))
    }
}

#[doc(hidden)]
pub struct AddedRule;

impl Rule for AddedRule {
    const CLASS: &'static str = "GaussianNoise";
    const AMOUNT: &'static str = "stddev";

    fn apply(x: &Tensor, stddev: f64, _: Option<&[Option<usize>]>, seed: &SeedGenerator) -> Result<Tensor> {
        Ok(x + random::normal(x.shape()?, 0.0, stddev, x.dtype()?, seed))
    }
}

impl<R: Rule> Noise<R> {
    /// A layer of so much noise: a rate or a standard deviation.
    pub fn new(amount: f64) -> Self {
        let base = LayerBase::new(R::CLASS);
        Self { base, amount, seed: None, noise_shape: None, rule: std::marker::PhantomData }
    }

    common_arguments!();

    /// With this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    pub(crate) fn from_config(config: &Config<'_>) -> Result<Self> {
        let mut layer = Self::new(config.need(R::AMOUNT, "a number", Value::as_f64)?);
        layer.base = LayerBase::from_config(config)?;
        layer.seed = config.seed()?;
        if R::IS_SHAPED && !config.get("noise_shape").is_null() {
            layer.noise_shape = Some(PartialShape::from_json(config.get("noise_shape"))?.0);
        }
        Ok(layer)
    }
}

impl<R: ShapedRule> Noise<R> {
    /// With the same noise along axes of size 1; `None` stands for an axis's own size.
    #[must_use]
    pub fn noise_shape(mut self, noise_shape: impl Into<Vec<Option<usize>>>) -> Self {
        self.noise_shape = Some(noise_shape.into());
        self
    }
}

impl<R: Rule> Layer for Noise<R> {
    fn class_name(&self) -> &str {
        R::CLASS
    }

    fn base(&self) -> &LayerBase {
        &self.base
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut config = Map::new();
        config.insert(R::AMOUNT.into(), self.amount.into());
        config.insert("seed".into(), self.seed.into());
        if R::IS_SHAPED {
            config.insert(
                "noise_shape".into(),
                self.noise_shape.clone().map_or(Value::Null, |s| PartialShape(s).to_json()),
            );
        }
        config
    }

    fn build(&self, _inputs: &[PartialShape], weights: &mut Weights<'_>) -> Result<()> {
        if !(0.0..=1.0).contains(&self.amount) {
            fail!(InvalidArgument, "{}: expected 0 to 1, found {}", R::AMOUNT, self.amount);
        }
        weights.add_generator(self.seed)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
        if !call.is_training() || self.amount == 0.0 {
            return Ok(smallvec![inputs[0].clone()]);
        }
        let Some(generator) = self.base.generators().first() else {
            return Err(err!(InvalidState, "layer '{}' is called before it is built", self.base.name()));
        };
        Ok(smallvec![R::apply(&inputs[0], self.amount, self.noise_shape.as_deref(), generator)?])
    }

    fn compute_output_shape(&self, inputs: &[PartialShape]) -> Result<Vec<PartialShape>> {
        Ok(inputs.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use cornet_tensor::DType;

    use super::*;
    use crate::layers::{Context, apply};

    /// Mean and variance of what a layer makes of standard normal numbers in training.
    fn moments(layer: &dyn Layer) -> (f32, f32) {
        let x = random::normal([100_000], 0.0, 1.0, DType::F32, 3_u64);
        let y = apply(layer, &[x], &Context::training()).unwrap();
        let (mean, variance) = y[0].moments(&[], false);
        (mean.item().unwrap(), variance.item().unwrap())
    }

    #[test]
    fn noise_has_the_moments_that_it_should() {
        let near = |(mean, variance): (f32, f32), expected: (f32, f32)| {
            assert!(
                (mean - expected.0).abs() < 0.02 && (variance / expected.1 - 1.0).abs() < 0.03,
                "{mean} {variance}"
            );
        };
        near(moments(&Dropout::new(0.5).seed(1)), (0.0, 2.0));
        near(moments(&AlphaDropout::new(0.3).seed(1)), (0.0, 1.0));
        // E[x² · n²] = E[x²] · (1 + rate / (1 - rate))
        near(moments(&GaussianDropout::new(0.2).seed(1)), (0.0, 1.25));
        near(moments(&GaussianNoise::new(0.5).seed(1)), (0.0, 1.25));
    }

    #[test]
    fn nothing_happens_outside_of_training() {
        let x = Tensor::of([[1.0_f32, 2.0]]);
        let y = apply(&AlphaDropout::new(0.9), std::slice::from_ref(&x), &Context::inference()).unwrap();
        assert_eq!(y[0].to_vec::<f32>().unwrap(), [1.0, 2.0]);
        assert!(apply(&GaussianNoise::new(1.5), &[x], &Context::inference()).is_err());
    }
}
