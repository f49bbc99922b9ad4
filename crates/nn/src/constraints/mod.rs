//! Bounds that weights are brought back to after each step of training.
//!
//! Source: Keras 3.15.1, `keras.constraints`.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use crate::arg::{Arg, Choice, unknown};
use crate::own::{Own, Registry};
use crate::saving::config::{self, Config};

/// Keeps a division by a norm from failing: Keras's fuzz factor.
const EPSILON: f64 = 1e-7;

/// A function from a weight to one within its bound.
pub type Function = dyn Fn(&Tensor) -> Tensor + Send + Sync;

static REGISTERED: Registry<Function> = Registry::new();

/// How many axes norms may be taken along.
const AXES_MAX: usize = 8;

/// The axes that a norm is taken along: one, or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axes {
    axes: [isize; AXES_MAX],
    count: usize,
    is_list: bool,
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Self { is_list: false, ..Self::from([axis]) }
    }
}

impl<const N: usize> From<[isize; N]> for Axes {
    fn from(list: [isize; N]) -> Self {
        const { assert!(N <= AXES_MAX, "more axes than a tensor of weights has") };
        let mut axes = [0; AXES_MAX];
        axes[..N].copy_from_slice(&list);
        Self { axes, count: N, is_list: true }
    }
}

impl Axes {
    fn get(&self) -> &[isize] {
        &self.axes[..self.count]
    }

    fn to_json(self) -> Value {
        if self.is_list { json!(self.get()) } else { json!(self.axes[0]) }
    }

    fn from_json(value: &Value) -> Option<Self> {
        let Some(list) = value.as_array() else { return value.as_i64().map(|axis| Self::from(axis as isize)) };
        let mut axes = [0; AXES_MAX];
        for (place, axis) in list.iter().enumerate() {
            *axes.get_mut(place)? = axis.as_i64()? as isize;
        }
        Some(Self { axes, count: list.len(), is_list: true })
    }
}

/// A bound on a weight. Norms are Euclidean, along one axis or several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Constraint {
    /// Not below 0.
    NonNeg,
    /// Norms of at most a value.
    MaxNorm {
        /// The value.
        max_value: f64,
        /// The axes.
        axis: Axes,
    },
    /// Norms of 1.
    UnitNorm {
        /// The axes.
        axis: Axes,
    },
    /// Norms between two values.
    MinMaxNorm {
        /// The lower one.
        min_value: f64,
        /// The upper one.
        max_value: f64,
        /// How much of the way is gone in a step.
        rate: f64,
        /// The axes.
        axis: Axes,
    },
    /// A closure, see [`Constraint::own`].
    Own(Own<Function>),
}

/// Admits a closure into model files under a registered name, such as `my_package>my_constraint`, which words may name
/// too; Keras finds a function that is registered with it under this name.
pub fn register(name: impl Into<String>, function: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> Constraint {
    Constraint::Own(REGISTERED.register(name.into(), Box::new(function)))
}

impl Constraint {
    /// Norms of at most `max_value`; Keras's default is 2 along axis 0.
    pub fn max_norm(max_value: f64, axis: impl Into<Axes>) -> Self {
        Self::MaxNorm { max_value, axis: axis.into() }
    }

    /// Norms of 1; Keras's default is axis 0.
    pub fn unit_norm(axis: impl Into<Axes>) -> Self {
        Self::UnitNorm { axis: axis.into() }
    }

    /// Norms from `min_value` to `max_value`, of which a step goes the fraction `rate` of the way; Keras's defaults are
    /// 0, 1 and 1 along axis 0.
    pub fn min_max_norm(min_value: f64, max_value: f64, rate: f64, axis: impl Into<Axes>) -> Self {
        Self::MinMaxNorm { min_value, max_value, rate, axis: axis.into() }
    }

    /// A closure, which lives as long as the program and cannot be saved; see [`register`] for one that can.
    pub fn own(function: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> Self {
        Self::Own(Own::unnamed(Box::new(function)))
    }

    /// The weight brought back to its bound.
    #[track_caller]
    pub fn apply(&self, w: &Tensor) -> Tensor {
        let norms = |axis: Axes| w.square().sum(axis.get(), true).sqrt();
        match *self {
            Self::NonNeg => w.maximum(0.0),
            Self::MaxNorm { max_value, axis } => {
                let norms = norms(axis);
                w * (norms.clip(0.0, max_value) / (&norms + EPSILON))
            }
            Self::UnitNorm { axis } => w / (norms(axis) + EPSILON),
            Self::MinMaxNorm { min_value, max_value, rate, axis } => {
                let norms = norms(axis);
                let desired = norms.clip(min_value, max_value) * rate + &norms * (1.0 - rate);
                w * (desired / (&norms + EPSILON))
            }
            Self::Own(own) => own.function()(w),
        }
    }

    /// The object of a config.
    pub fn to_json(&self) -> Value {
        let (class, arguments) = match *self {
            Self::NonNeg => ("NonNeg", json!({})),
            Self::MaxNorm { max_value, axis } => ("MaxNorm", json!({"max_value": max_value, "axis": axis.to_json()})),
            Self::UnitNorm { axis } => ("UnitNorm", json!({"axis": axis.to_json()})),
            Self::MinMaxNorm { min_value, max_value, rate, axis } => (
                "MinMaxNorm",
                json!({"min_value": min_value, "max_value": max_value, "rate": rate, "axis": axis.to_json()}),
            ),
            Self::Own(own) => return own.to_json(),
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
        let get_axis = || config.optional("axis", "an axis or up to 8", Axes::from_json).map(|a| a.unwrap_or(0.into()));
        match &mut made {
            Self::NonNeg | Self::Own(_) => {}
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
            "max_norm" | "MaxNorm" => Ok(Self::max_norm(2.0, 0)),
            "unit_norm" | "UnitNorm" => Ok(Self::unit_norm(0)),
            "min_max_norm" | "MinMaxNorm" => Ok(Self::min_max_norm(0.0, 1.0, 1.0, 0)),
            _ => REGISTERED
                .get(name)
                .map(Self::Own)
                .ok_or_else(|| unknown("constraint", name, &["non_neg", "max_norm", "unit_norm", "min_max_norm"])),
        }
    }
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync + 'static> From<F> for Arg<Constraint> {
    fn from(function: F) -> Self {
        Self(Ok(Constraint::own(function)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_brought_back_to_their_bounds() {
        let w = Tensor::of([[3.0_f32, -0.6], [4.0, 0.8]]);
        let of = |constraint: Constraint| constraint.apply(&w).to_vec::<f32>().unwrap();
        let close = |found: Vec<f32>, expected: [f32; 4]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}, expected {expected:?}");
        };
        close(of(Constraint::NonNeg), [3.0, 0.0, 4.0, 0.8]);
        // The columns have the norms 5 and 1.
        close(of(Constraint::max_norm(2.0, 0)), [1.2, -0.6, 1.6, 0.8]);
        close(of(Constraint::unit_norm(0)), [0.6, -0.6, 0.8, 0.8]);
        close(of(Constraint::min_max_norm(2.0, 4.0, 0.5, 0)), [2.7, -0.9, 3.6, 1.2]);
        let whole = 26_f32.sqrt();
        close(of(Constraint::unit_norm([0, 1])), [3.0 / whole, -0.6 / whole, 4.0 / whole, 0.8 / whole]);
        close(of(Constraint::own(|w| w * 0.0)), [0.0; 4]);
    }

    #[test]
    fn axes_stay_a_list_or_a_number() {
        for axis in [json!(1), json!([0, 1]), json!([-1])] {
            let object = json!({"class_name": "UnitNorm", "config": {"axis": axis}});
            let constraint = Constraint::from_json(&object).unwrap().unwrap();
            assert_eq!(constraint.to_json()["config"]["axis"], axis);
        }
        let many = json!({"class_name": "UnitNorm", "config": {"axis": [0, 1, 2, 3, 4, 5, 6, 7, 8]}});
        assert!(Constraint::from_json(&many).is_err());
    }
}
