//! How weights begin.
//!
//! Source: Keras 3.15.1, `keras.initializers`.

mod fans;
mod serial;

use cornet_error::{Result, err, fail};
use cornet_ops::{Tensor, random};
use cornet_tensor::{Array, DType, Shape};

use crate::arg::{Choice, unknown};
use fans::fans;

/// Rule that gives a new weight its values. Without a seed of its own a random rule draws one when the weight is made.
#[derive(Clone, Debug, PartialEq)]
pub enum Initializer {
    /// 0 everywhere.
    Zeros,
    /// 1 everywhere.
    Ones,
    /// One value everywhere.
    Constant(f64),
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
const NAMES: &[&str] =
    &["zeros", "ones", "constant", "identity", "random_normal", "truncated_normal", "random_uniform"];

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
            "identity" | "Identity" | "IdentityInitializer" => Self::Identity { gain: 1.0 },
            "random_normal" | "RandomNormal" | "normal" => Self::RandomNormal { mean: 0.0, stddev: 0.05, seed: None },
            "truncated_normal" | "TruncatedNormal" => Self::TruncatedNormal { mean: 0.0, stddev: 0.05, seed: None },
            "random_uniform" | "RandomUniform" | "uniform" => {
                Self::RandomUniform { minval: -0.05, maxval: 0.05, seed: None }
            }
            _ => {
                let known: Vec<&str> = NAMES.iter().copied().chain(SCALED.iter().map(|s| s.1)).collect();
                return Err(unknown("initializer", name, &known));
            }
        })
    }
}

impl Initializer {
    /// The same with a seed, if it is random.
    #[must_use]
    pub fn seeded(mut self, value: u64) -> Self {
        match &mut self {
            Self::RandomNormal { seed, .. } | Self::TruncatedNormal { seed, .. } | Self::RandomUniform { seed, .. } => {
                *seed = Some(value);
            }
            Self::VarianceScaling(scaled) => scaled.seed = Some(value),
            Self::Zeros | Self::Ones | Self::Constant(_) | Self::Identity { .. } => {}
        }
        self
    }

    fn seed(&self) -> Option<u64> {
        match self {
            Self::RandomNormal { seed, .. } | Self::TruncatedNormal { seed, .. } | Self::RandomUniform { seed, .. } => {
                *seed
            }
            Self::VarianceScaling(scaled) => scaled.seed,
            Self::Zeros | Self::Ones | Self::Constant(_) | Self::Identity { .. } => None,
        }
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
        }
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
