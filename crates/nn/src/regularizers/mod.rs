//! Penalties on weights or outputs, added to the loss.
//!
//! Source: Keras 3.15.1, `keras.regularizers`.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use crate::arg::{Arg, Choice, unknown};
use crate::own::{Own, Registry};
use crate::saving::config::{self, Config};

/// A function from a weight to its penalty, a scalar.
pub type Function = dyn Fn(&Tensor) -> Tensor + Send + Sync;

static REGISTERED: Registry<Function> = Registry::new();

/// A penalty on a weight w.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Regularizer {
    /// `l1 · Σ |w|`.
    L1 {
        /// The factor.
        l1: f64,
    },
    /// `l2 · Σ w²`.
    L2 {
        /// The factor.
        l2: f64,
    },
    /// `l1 · Σ |w| + l2 · Σ w²`.
    L1L2 {
        /// Factor of the sum of magnitudes.
        l1: f64,
        /// Factor of the sum of squares.
        l2: f64,
    },
    /// Of a matrix: the mean magnitude of the cosines between its rows or columns, times a factor.
    Orthogonal {
        /// The factor.
        factor: f64,
        /// What is to be orthogonal.
        mode: OrthogonalMode,
    },
    /// A closure, see [`Regularizer::own`].
    Own(Own<Function>),
}

/// What [`Regularizer::Orthogonal`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrthogonalMode {
    /// Rows.
    Rows,
    /// Columns.
    Columns,
}

/// Admits a closure into model files under a registered name, such as `my_package>my_regularizer`, which words may name
/// too; Keras finds a function that is registered with it under this name.
pub fn register(name: impl Into<String>, function: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> Regularizer {
    Regularizer::Own(REGISTERED.register(name.into(), Box::new(function)))
}

impl Regularizer {
    /// `l1 · Σ |w|`.
    pub const fn l1(l1: f64) -> Self {
        Self::L1 { l1 }
    }

    /// `l2 · Σ w²`.
    pub const fn l2(l2: f64) -> Self {
        Self::L2 { l2 }
    }

    /// `l1 · Σ |w| + l2 · Σ w²`.
    pub const fn l1_l2(l1: f64, l2: f64) -> Self {
        Self::L1L2 { l1, l2 }
    }

    /// The mean magnitude of the cosines between the rows or columns of a matrix, times a factor.
    pub const fn orthogonal(factor: f64, mode: OrthogonalMode) -> Self {
        Self::Orthogonal { factor, mode }
    }

    /// A closure, which lives as long as the program and cannot be saved; see [`register`] for one that can.
    pub fn own(function: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> Self {
        Self::Own(Own::unnamed(Box::new(function)))
    }

    /// The penalty, a scalar; a failure where the rule does not fit the shape.
    #[track_caller]
    pub fn penalty(&self, w: &Tensor) -> Tensor {
        let sum = |x: Tensor, factor: f64| (factor != 0.0).then(|| x.sum(&[], false) * factor);
        let both = |l1, l2| match (sum(w.absolute(), l1), sum(w.square(), l2)) {
            (Some(l1), Some(l2)) => l1 + l2,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => Tensor::lift(|| Ok(Tensor::full([], 0.0, w.dtype()?))),
        };
        match *self {
            Self::L1 { l1 } => both(l1, 0.0),
            Self::L2 { l2 } => both(0.0, l2),
            Self::L1L2 { l1, l2 } => both(l1, l2),
            Self::Orthogonal { factor, mode } => Tensor::lift(|| cosines(w, factor, mode)),
            Self::Own(own) => own.function()(w),
        }
    }

    /// The object of a config.
    pub fn to_json(&self) -> Value {
        // Keras keeps some as tensors, and so writes what is left of them in float32.
        let narrow = |value: f64| f64::from(value as f32);
        let (class, arguments) = match *self {
            Self::L1 { l1 } => ("L1", json!({"l1": narrow(l1)})),
            Self::L2 { l2 } => ("L2", json!({"l2": l2})),
            Self::L1L2 { l1, l2 } => ("L1L2", json!({"l1": l1, "l2": l2})),
            Self::Orthogonal { factor, mode } => {
                let mode = if mode == OrthogonalMode::Rows { "rows" } else { "columns" };
                ("OrthogonalRegularizer", json!({"factor": narrow(factor), "mode": mode}))
            }
            Self::Own(own) => return own.to_json(),
        };
        config::object("keras.regularizers", class, config::map(arguments))
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
        let factor = |key, default: f64| match config.float(key, default)? {
            found if found >= 0.0 && found.is_finite() => Ok(found),
            found => fail!(Corrupt, "{class}.{key}: expected at least 0, found {found}"),
        };
        match &mut made {
            Self::L1 { l1 } => *l1 = factor("l1", *l1)?,
            Self::L2 { l2 } => *l2 = factor("l2", *l2)?,
            Self::L1L2 { l1, l2 } => (*l1, *l2) = (factor("l1", *l1)?, factor("l2", *l2)?),
            Self::Orthogonal { factor: found, mode } => {
                *found = factor("factor", *found)?;
                *mode = match config.text("mode", "rows")? {
                    "rows" => OrthogonalMode::Rows,
                    "columns" => OrthogonalMode::Columns,
                    other => fail!(Corrupt, "{class}.mode: expected rows or columns, found '{other}'"),
                };
            }
            Self::Own(_) => {}
        }
        config.finish()?;
        Ok(Some(made))
    }
}

/// The mean magnitude of the cosines between different rows or columns, times a factor.
fn cosines(w: &Tensor, factor: f64, mode: OrthogonalMode) -> Result<Tensor> {
    let shape = w.shape()?;
    let [rows, columns] = shape[..] else {
        return Err(err!(RankMismatch, "orthogonal regularizer: expected a matrix, found {shape}"));
    };
    let (axis, size) = if mode == OrthogonalMode::Rows { (1, rows) } else { (0, columns) };
    // Keras's fuzz factor bounds the inverse of a norm.
    let w = w * w.square().sum(&[axis], true).rsqrt().minimum(1e7);
    let t = w.transpose(&[1, 0]);
    let product = if mode == OrthogonalMode::Rows { w.matmul(&t) } else { t.matmul(&w) };
    let others = product * (1.0 - Tensor::identity(size, w.dtype()?));
    let pairs = size as f64 * (size as f64 - 1.0) / 2.0;
    Ok(others.absolute().sum(&[], false) * (factor * 0.5) / pairs)
}

impl Choice for Regularizer {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "l1" | "L1" => Ok(Self::l1(0.01)),
            "l2" | "L2" => Ok(Self::l2(0.01)),
            "l1_l2" | "L1L2" | "l1l2" => Ok(Self::l1_l2(0.0, 0.0)),
            "orthogonal_regularizer" | "OrthogonalRegularizer" => Ok(Self::orthogonal(0.01, OrthogonalMode::Rows)),
            _ => REGISTERED
                .get(name)
                .map(Self::Own)
                .ok_or_else(|| unknown("regularizer", name, &["l1", "l2", "l1_l2", "orthogonal_regularizer"])),
        }
    }
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync + 'static> From<F> for Arg<Regularizer> {
    fn from(function: F) -> Self {
        Self(Ok(Regularizer::own(function)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn penalties_are_sums_of_magnitudes_and_squares() {
        let w = Tensor::of([[1.0_f32, -2.0], [3.0, 0.0]]);
        let of = |regularizer: Regularizer| regularizer.penalty(&w).item::<f32>().unwrap();
        assert_eq!(of(Regularizer::l1(0.5)), 3.0);
        assert_eq!(of(Regularizer::l2(0.5)), 7.0);
        assert_eq!(of(Regularizer::l1_l2(0.5, 1.0)), 17.0);
        assert_eq!(of(Regularizer::l1_l2(0.0, 0.0)), 0.0);
        assert_eq!(of(Regularizer::own(|w| w.max(&[], false))), 3.0);
        // The rows [1, -2] and [3, 0] have the cosine 1 / √5, the columns [1, 3] and [-2, 0] its negative √0.1.
        let cosine = |mode| of(Regularizer::orthogonal(2.0, mode));
        assert!((cosine(OrthogonalMode::Rows) - 2.0 / 5_f32.sqrt()).abs() < 1e-6);
        assert!((cosine(OrthogonalMode::Columns) - 2.0 * 0.1_f32.sqrt()).abs() < 1e-6);
        let vector = Regularizer::orthogonal(1.0, OrthogonalMode::Rows).penalty(&Tensor::of([1.0_f32]));
        assert!(vector.error().is_some_and(|e| e.message().contains("matrix")));
    }

    #[test]
    fn negative_factors_are_refused() {
        let object = json!({"class_name": "L2", "config": {"l2": -1.0}});
        assert!(Regularizer::from_json(&object).is_err());
    }
}
