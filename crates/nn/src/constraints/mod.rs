//! Bounds that weights are brought back to after each step of training.
//!
//! Source: Keras 3.15.1, `keras.constraints`.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use crate::arg::{Choice, unknown};
use crate::saving::config::{self, Config};

/// Keeps a division by a norm from failing: Keras's fuzz factor.
const EPSILON: f64 = 1e-7;

/// A bound on a weight. Norms are Euclidean, along one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Constraint {
    /// Not below 0.
    NonNeg,
    /// Norms of at most a value.
    MaxNorm {
        /// The value.
        max_value: f64,
        /// The axis.
        axis: isize,
    },
    /// Norms of 1.
    UnitNorm {
        /// The axis.
        axis: isize,
    },
    /// Norms between two values.
    MinMaxNorm {
        /// The lower one.
        min_value: f64,
        /// The upper one.
        max_value: f64,
        /// How much of the way is gone in a step.
        rate: f64,
        /// The axis.
        axis: isize,
    },
}

impl Constraint {
    /// The weight brought back to its bound.
    #[track_caller]
    pub fn apply(&self, w: &Tensor) -> Tensor {
        let norms = |axis: isize| (w * w).sum(&[axis], true).sqrt();
        match *self {
            Self::NonNeg => w.maximum(0.0),
            Self::MaxNorm { max_value, axis } => {
                let norms = norms(axis);
                w * (norms.minimum(max_value) / (&norms + EPSILON))
            }
            Self::UnitNorm { axis } => w / (norms(axis) + EPSILON),
            Self::MinMaxNorm { min_value, max_value, rate, axis } => {
                let norms = norms(axis);
                let desired = norms.minimum(max_value).maximum(min_value) * rate + &norms * (1.0 - rate);
                w * (desired / (&norms + EPSILON))
            }
        }
    }

    /// The object of a config.
    pub fn to_json(&self) -> Value {
        let (class, arguments) = match self {
            Self::NonNeg => ("NonNeg", json!({})),
            Self::MaxNorm { max_value, axis } => ("MaxNorm", json!({"max_value": max_value, "axis": axis})),
            Self::UnitNorm { axis } => ("UnitNorm", json!({"axis": axis})),
            Self::MinMaxNorm { min_value, max_value, rate, axis } => {
                ("MinMaxNorm", json!({"min_value": min_value, "max_value": max_value, "rate": rate, "axis": axis}))
            }
        };
        config::object("keras.constraints", class, config::map(arguments))
    }

    /// From a config: an object, a name, or null for none.
    ///
    /// # Errors
    /// `corrupt`; `unsupported` for a class that there is not.
    pub fn from_json(value: &Value) -> Result<Option<Self>> {
        if value.is_null() {
            return Ok(None);
        }
        let (class, arguments) = config::class_and_config(value)?;
        let mut made = Self::parse(class).map_err(|e| err!(Unsupported, "{}", e.message()))?;
        let empty = Map::new();
        let config = Config::new(class, arguments.unwrap_or(&empty));
        let get_axis = || config.optional("axis", "an integer", Value::as_i64).map(|a| a.unwrap_or(0) as isize);
        match &mut made {
            Self::NonNeg => {}
            Self::MaxNorm { max_value, axis } => {
                (*max_value, *axis) = (config.float("max_value", *max_value)?, get_axis()?);
            }
            Self::UnitNorm { axis } => *axis = get_axis()?,
            Self::MinMaxNorm { min_value, max_value, rate, axis } => {
                *min_value = config.float("min_value", *min_value)?;
                *max_value = config.float("max_value", *max_value)?;
                *rate = config.float("rate", *rate)?;
                *axis = get_axis()?;
            }
        }
        config.finish()?;
        Ok(Some(made))
    }
}

impl Choice for Constraint {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "non_neg" | "NonNeg" => Ok(Self::NonNeg),
            "max_norm" | "MaxNorm" => Ok(Self::MaxNorm { max_value: 2.0, axis: 0 }),
            "unit_norm" | "UnitNorm" => Ok(Self::UnitNorm { axis: 0 }),
            "min_max_norm" | "MinMaxNorm" => {
                Ok(Self::MinMaxNorm { min_value: 0.0, max_value: 1.0, rate: 1.0, axis: 0 })
            }
            _ => Err(unknown("constraint", name, &["non_neg", "max_norm", "unit_norm", "min_max_norm"])),
        }
    }
}
