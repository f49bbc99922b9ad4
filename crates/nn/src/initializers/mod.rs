//! How weights begin.
//!
//! Source: Keras 3.15.1, `keras.initializers`.

mod fans;
mod serial;
mod stft;
mod windows;

use cornet_error::{Result, err, fail};
use cornet_ops::{Tensor, random};
use cornet_tensor::{Array, DType, Shape};

use crate::arg::{Arg, Choice, unknown};
use crate::own::{Own, Registry};
use fans::fans;

pub use stft::{Side, Stft, StftScaling};

/// A function from shape and dtype to the values of a new weight.
pub type Function = dyn Fn(&Shape, DType) -> Tensor + Send + Sync;

static REGISTERED: Registry<Function> = Registry::new();

/// Rule that gives a new weight its values. Without a seed of its own a random rule draws one when the weight is made.
#[derive(Clone, Debug, PartialEq)]
pub enum Initializer {
    /// 0 everywhere.
    Zeros,
    /// 1 everywhere.
    Ones,
    /// One value everywhere.
    Constant(f64),
    /// These values, repeated along axes of size 1 as far as the shape asks.
    Values(Array),
    /// A matrix with ones, times a factor, on its diagonal.
    Identity {
        /// The factor.
        gain: f64,
    },
    /// Normal distribution.
    RandomNormal {
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        stddev: f64,
        /// The seed.
        seed: Option<u64>,
    },
    /// Normal distribution without what is more than two standard deviations away from the mean.
    TruncatedNormal {
        /// Mean of the whole distribution.
        mean: f64,
        /// Standard deviation of the whole distribution.
        stddev: f64,
        /// The seed.
        seed: Option<u64>,
    },
    /// Uniform distribution over an interval.
    RandomUniform {
        /// Its lower end.
        minval: f64,
        /// Its upper end.
        maxval: f64,
        /// The seed.
        seed: Option<u64>,
    },
    /// A distribution whose variance is scale / fan; Glorot's, He's and LeCun's rules are of this kind.
    VarianceScaling(VarianceScaling),
    /// A matrix whose rows or columns, whichever are fewer, are orthogonal and of length `gain`; further axes before the
    /// last one count as rows.
    Orthogonal {
        /// The factor.
        gain: f64,
        /// The seed.
        seed: Option<u64>,
    },
    /// The waves of a short-time Fourier transform, as kernels of a convolution.
    Stft(Stft),
    /// A closure, see [`Initializer::own`].
    Own(Own<Function>),
}

/// Admits a closure into model files under a registered name, such as `my_package>my_initializer`, which words may name
/// too; Keras finds a function that is registered with it under this name.
pub fn register(
    name: impl Into<String>,
    function: impl Fn(&Shape, DType) -> Tensor + Send + Sync + 'static,
) -> Initializer {
    Initializer::Own(REGISTERED.register(name.into(), Box::new(function)))
}

/// What a fan is: the number of inputs or outputs of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanMode {
    /// Inputs.
    FanIn,
    /// Outputs.
    FanOut,
    /// Their mean.
    FanAvg,
}

/// A shape of distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Within ±√(3 · variance).
    Uniform,
    /// Cut off at two standard deviations, and widened so that the variance is met.
    TruncatedNormal,
    /// Normal.
    UntruncatedNormal,
}

/// Arguments of [`Initializer::VarianceScaling`].
#[derive(Clone, Debug, PartialEq)]
pub struct VarianceScaling {
    /// Class of Keras that it is saved as: `VarianceScaling`, or one with fixed scale, mode and distribution.
    pub class: &'static str,
    /// Factor of the variance.
    pub scale: f64,
    /// What the variance is divided by.
    pub mode: FanMode,
    /// The distribution.
    pub distribution: Distribution,
    /// The seed.
    pub seed: Option<u64>,
    /// Axes that count as inputs, where the shape does not tell.
    pub input_axes: Option<Vec<usize>>,
    /// Axes that count as outputs.
    pub output_axes: Option<Vec<usize>>,
}

/// Classes with fixed scale, mode and distribution, and their second names.
const SCALED: &[(&str, &str, f64, FanMode, Distribution)] = &[
    ("GlorotUniform", "glorot_uniform", 1.0, FanMode::FanAvg, Distribution::Uniform),
    ("GlorotNormal", "glorot_normal", 1.0, FanMode::FanAvg, Distribution::TruncatedNormal),
    ("HeUniform", "he_uniform", 2.0, FanMode::FanIn, Distribution::Uniform),
    ("HeNormal", "he_normal", 2.0, FanMode::FanIn, Distribution::TruncatedNormal),
    ("LecunUniform", "lecun_uniform", 1.0, FanMode::FanIn, Distribution::Uniform),
    ("LecunNormal", "lecun_normal", 1.0, FanMode::FanIn, Distribution::TruncatedNormal),
    ("VarianceScaling", "variance_scaling", 1.0, FanMode::FanIn, Distribution::TruncatedNormal),
];

/// Names of the others.
const NAMES: &[&str] = &[
    "zeros",
    "ones",
    "constant",
    "identity",
    "random_normal",
    "truncated_normal",
    "random_uniform",
    "orthogonal",
    "stft",
];

impl VarianceScaling {
    fn named(name: &str) -> Option<Self> {
        let &(class, _, scale, mode, distribution) =
            SCALED.iter().find(|(class, snake, ..)| name == *class || name == *snake)?;
        Some(Self { class, scale, mode, distribution, seed: None, input_axes: None, output_axes: None })
    }
}

impl Choice for Initializer {
    fn parse(name: &str) -> Result<Self> {
        if let Some(scaled) = VarianceScaling::named(name) {
            return Ok(Self::VarianceScaling(scaled));
        }
        Ok(match name {
            "zeros" | "zero" | "Zeros" => Self::Zeros,
            "ones" | "one" | "Ones" => Self::Ones,
            "constant" | "Constant" => Self::Constant(0.0),
            "orthogonal" | "Orthogonal" | "OrthogonalInitializer" => Self::Orthogonal { gain: 1.0, seed: None },
            "stft" | "STFT" | "STFTInitializer" => Self::Stft(Stft::default()),
            "identity" | "Identity" | "IdentityInitializer" => Self::Identity { gain: 1.0 },
            "random_normal" | "RandomNormal" | "normal" => Self::RandomNormal { mean: 0.0, stddev: 0.05, seed: None },
            "truncated_normal" | "TruncatedNormal" => Self::TruncatedNormal { mean: 0.0, stddev: 0.05, seed: None },
            "random_uniform" | "RandomUniform" | "uniform" => {
                Self::RandomUniform { minval: -0.05, maxval: 0.05, seed: None }
            }
            _ => {
                if let Some(own) = REGISTERED.get(name) {
                    return Ok(Self::Own(own));
                }
                let known: Vec<&str> = NAMES.iter().copied().chain(SCALED.iter().map(|s| s.1)).collect();
                return Err(unknown("initializer", name, &known));
            }
        })
    }
}

impl Initializer {
    /// A closure, which lives as long as the program and cannot be saved; see [`register`] for one that can.
    pub fn own(function: impl Fn(&Shape, DType) -> Tensor + Send + Sync + 'static) -> Self {
        Self::Own(Own::unnamed(Box::new(function)))
    }

    /// Orthogonal rows or columns of this length, Keras's `Orthogonal`.
    pub fn orthogonal(gain: f64) -> Self {
        Self::Orthogonal { gain, seed: None }
    }

    /// The same with a seed, if it is random.
    #[must_use]
    pub fn seeded(mut self, value: u64) -> Self {
        if let Some(seed) = self.seed_mut() {
            *seed = Some(value);
        }
        self
    }

    fn seed_mut(&mut self) -> Option<&mut Option<u64>> {
        match self {
            Self::RandomNormal { seed, .. }
            | Self::TruncatedNormal { seed, .. }
            | Self::RandomUniform { seed, .. }
            | Self::Orthogonal { seed, .. } => Some(seed),
            Self::VarianceScaling(scaled) => Some(&mut scaled.seed),
            Self::Zeros | Self::Ones | Self::Constant(_) | Self::Values(_) | Self::Identity { .. } => None,
            Self::Stft(_) | Self::Own(_) => None,
        }
    }

    fn seed(&self) -> Option<u64> {
        self.clone().seed_mut().copied().flatten()
    }

    /// The values of a new weight. `draw` gives a seed if the rule is random and has none.
    ///
    /// # Errors
    /// `invalid_argument` where the rule does not fit the shape; `dtype_mismatch` for a random rule and another dtype
    /// than a float.
    pub fn make(&self, shape: &Shape, dtype: DType, draw: impl FnOnce() -> u64) -> Result<Array> {
        // Half precision is drawn wide and rounded once.
        let wide = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
        let random = |sample: &dyn Fn(u64) -> Tensor| {
            if !dtype.is_float() {
                fail!(DtypeMismatch, "random weights: expected a float dtype, found {dtype}");
            }
            sample(self.seed().unwrap_or_else(draw)).array()?.cast(dtype)
        };
        match *self {
            Self::Zeros => Ok(Array::zeros(dtype, shape)),
            Self::Ones => Array::full(dtype, shape, 1.0),
            Self::Constant(value) => Array::full(dtype, shape, value),
            Self::Identity { gain } => match shape[..] {
                [rows, columns] => {
                    let at = |i: usize| if i / columns == i % columns { gain } else { 0.0 };
                    let values: Vec<f64> = (0..rows * columns).map(at).collect();
                    Array::from_f64(dtype, shape, &values)
                }
                _ => Err(err!(InvalidArgument, "identity initializer: expected a matrix, found {shape}")),
            },
            Self::RandomNormal { mean, stddev, .. } => random(&|seed| random::normal(shape, mean, stddev, wide, seed)),
            Self::TruncatedNormal { mean, stddev, .. } => {
                random(&|seed| random::truncated_normal(shape, mean, stddev, wide, seed))
            }
            Self::RandomUniform { minval, maxval, .. } => {
                random(&|seed| random::uniform(shape, minval, maxval, wide, seed))
            }
            Self::VarianceScaling(ref scaled) => random(&|seed| scaled.sample(shape, wide, seed)),
            Self::Orthogonal { gain, .. } => random(&|seed| orthogonal(shape, gain, wide, seed)),
            Self::Values(ref values) => Tensor::from(values).cast(dtype).broadcast_to(shape.clone()).array(),
            Self::Stft(ref stft) => stft.make(shape)?.cast(dtype),
            Self::Own(own) => {
                let made = own.function()(shape, dtype).cast(dtype).array()?;
                if made.shape() != shape {
                    return Err(err!(ShapeMismatch, "own initializer: expected {shape}, found {}", made.shape()));
                }
                Ok(made)
            }
        }
    }
}

/// A matrix with orthogonal rows or columns, uniform among all such: Q of a random matrix, with the signs that make R's
/// diagonal positive.
fn orthogonal(shape: &Shape, gain: f64, dtype: DType, seed: u64) -> Tensor {
    Tensor::lift(|| {
        let Some((&columns, outer @ [_, ..])) = shape.split_last() else {
            return Err(err!(RankMismatch, "orthogonal initializer: expected at least 2 axes, found {shape}"));
        };
        let rows: usize = outer.iter().product();
        let (longer, shorter) = (rows.max(columns), rows.min(columns));
        let (q, r) = random::normal([longer, shorter], 0.0, 1.0, dtype, seed).qr(false);
        let q = q * r.diag(0).sign();
        let q = if rows < columns { q.transpose(&[1, 0]) } else { q };
        Ok(q.reshape(shape.clone()) * gain)
    })
}

impl<F: Fn(&Shape, DType) -> Tensor + Send + Sync + 'static> From<F> for Arg<Initializer> {
    fn from(function: F) -> Self {
        Self(Ok(Initializer::own(function)))
    }
}

impl From<Array> for Arg<Initializer> {
    fn from(values: Array) -> Self {
        Self(Ok(Initializer::Values(values)))
    }
}

impl VarianceScaling {
    fn sample(&self, shape: &Shape, dtype: DType, seed: u64) -> Tensor {
        let (fan_in, fan_out) = fans(shape, self.input_axes.as_deref(), self.output_axes.as_deref());
        let fan = match self.mode {
            FanMode::FanIn => fan_in,
            FanMode::FanOut => fan_out,
            FanMode::FanAvg => (fan_in + fan_out) / 2.0,
        };
        let variance = self.scale / fan.max(1.0);
        match self.distribution {
            Distribution::Uniform => {
                let limit = (3.0 * variance).sqrt();
                random::uniform(shape, -limit, limit, dtype, seed)
            }
            Distribution::TruncatedNormal => {
                // The standard deviation of a unit normal distribution that is cut off at ±2.
                let stddev = variance.sqrt() / 0.879_625_661_034_239_8;
                random::truncated_normal(shape, 0.0, stddev, dtype, seed)
            }
            Distribution::UntruncatedNormal => random::normal(shape, 0.0, variance.sqrt(), dtype, seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(initializer: &str, shape: &[usize]) -> Vec<f64> {
        let made = Initializer::parse(initializer).unwrap().make(&Shape::new(shape), DType::F32, || 11).unwrap();
        made.cast(DType::F64).unwrap().to_vec().unwrap()
    }

    /// Mean, standard deviation, least and greatest value.
    fn moments(values: &[f64]) -> [f64; 4] {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
        [mean, variance.sqrt(), low, high]
    }

    #[test]
    fn distributions_have_the_moments_and_ranges_of_keras() {
        // A kernel of 300 inputs and 200 outputs; deviations and bounds (in deviations) of each rule.
        let cases = [
            ("random_normal", 0.05, f64::INFINITY),
            ("truncated_normal", 0.05 * 0.879_625_661, 2.0 / 0.879_625_661),
            ("random_uniform", 0.05 / 3_f64.sqrt(), 3_f64.sqrt()),
            ("glorot_uniform", (2.0 / 500.0_f64).sqrt(), 3_f64.sqrt()),
            ("glorot_normal", (2.0 / 500.0_f64).sqrt(), 2.0 / 0.879_625_661),
            ("he_uniform", (2.0 / 300.0_f64).sqrt(), 3_f64.sqrt()),
            ("he_normal", (2.0 / 300.0_f64).sqrt(), 2.0 / 0.879_625_661),
            ("lecun_uniform", (1.0 / 300.0_f64).sqrt(), 3_f64.sqrt()),
            ("lecun_normal", (1.0 / 300.0_f64).sqrt(), 2.0 / 0.879_625_661),
            ("variance_scaling", (1.0 / 300.0_f64).sqrt(), 2.0 / 0.879_625_661),
        ];
        for (name, expected, bound) in cases {
            let [mean, deviation, low, high] = moments(&values(name, &[300, 200]));
            // Five standard errors.
            let error = 5.0 * expected / (60_000_f64).sqrt();
            assert!(mean.abs() < error, "{name}: mean {mean}");
            assert!((deviation - expected).abs() < error, "{name}: deviation {deviation}, expected {expected}");
            assert!(low >= -bound * expected * 1.0001 && high <= bound * expected * 1.0001, "{name}: {low} to {high}");
            let reach = if bound.is_finite() { bound * expected * 0.98 } else { 3.5 * expected };
            assert!(low < -reach && high > reach, "{name}: {low} to {high} does not fill its range");
        }
    }

    #[test]
    fn orthogonal_matrices_are() {
        for shape in [&[5, 5][..], &[7, 3], &[3, 8], &[2, 3, 4]] {
            let columns = shape[shape.len() - 1];
            let q = Tensor::from_result(Array::from_f64(DType::F64, shape, &values("orthogonal", shape)));
            let q = q.reshape([shape.iter().product::<usize>() / columns, columns]);
            let rows = q.shape().unwrap()[0];
            let t = q.transpose(&[1, 0]);
            let product = if rows < columns { q.matmul(&t) } else { t.matmul(&q) };
            let difference = (product - Tensor::identity(rows.min(columns), DType::F64)).absolute().max(&[], false);
            assert!(difference.item::<f64>().unwrap() < 1e-6, "{shape:?}");
        }
        assert!(Initializer::orthogonal(1.0).make(&Shape::new(&[3]), DType::F32, || 1).is_err());
    }

    #[test]
    fn values_and_closures_fill_weights() {
        let row = Initializer::Values(Array::from_vec(vec![1.0_f32, 2.0], [1, 2]).unwrap());
        let made = row.make(&Shape::new(&[2, 2]), DType::F32, || 0).unwrap();
        assert_eq!(made.to_vec::<f32>().unwrap(), [1.0, 2.0, 1.0, 2.0]);
        assert_eq!(Initializer::from_json(&row.to_json()).unwrap(), row);
        let own = Initializer::own(|shape, dtype| Tensor::full(shape.clone(), 3.0, dtype));
        assert_eq!(own.make(&Shape::new(&[2]), DType::F32, || 0).unwrap().to_vec::<f32>().unwrap(), [3.0, 3.0]);
        let wrong = Initializer::own(|_, dtype| Tensor::zeros([1], dtype));
        assert!(wrong.make(&Shape::new(&[2]), DType::F32, || 0).is_err());
    }
}
