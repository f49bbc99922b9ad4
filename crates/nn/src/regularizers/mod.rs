//! Penalties on weights or outputs, added to the loss.
//!
//! Source: Keras 3.15.1, `keras.regularizers`.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use crate::arg::{Choice, unknown};
use crate::saving::config::{self, Config};

/// l1 · Σ |w| + l2 · Σ w².
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regularizer {
    class: Class,
    /// Factor of the sum of magnitudes.
    pub l1: f64,
    /// Factor of the sum of squares.
    pub l2: f64,
}

/// Which class of Keras it is saved as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    L1,
    L2,
    L1L2,
}

impl Regularizer {
    /// l1 · Σ |w|.
    pub const fn l1(l1: f64) -> Self {
        Self { class: Class::L1, l1, l2: 0.0 }
    }

    /// l2 · Σ w².
    pub const fn l2(l2: f64) -> Self {
        Self { class: Class::L2, l1: 0.0, l2 }
    }

    /// l1 · Σ |w| + l2 · Σ w².
    pub const fn l1_l2(l1: f64, l2: f64) -> Self {
        Self { class: Class::L1L2, l1, l2 }
    }

    /// The penalty, a scalar.
    #[track_caller]
    pub fn penalty(&self, w: &Tensor) -> Tensor {
        let l1 = (self.l1 != 0.0).then(|| w.absolute().sum(&[], false) * self.l1);
        let l2 = (self.l2 != 0.0).then(|| (w * w).sum(&[], false) * self.l2);
        match (l1, l2) {
            (Some(l1), Some(l2)) => l1 + l2,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => w.sum(&[], false) * 0.0,
        }
    }

    /// The object of a config.
    pub fn to_json(&self) -> Value {
        let (class, arguments) = match self.class {
            // Keras keeps this one as a tensor, and so writes what is left of it in float32.
            Class::L1 => ("L1", json!({"l1": f64::from(self.l1 as f32)})),
            Class::L2 => ("L2", json!({"l2": self.l2})),
            Class::L1L2 => ("L1L2", json!({"l1": self.l1, "l2": self.l2})),
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
        if made.class != Class::L2 {
            made.l1 = config.float("l1", made.l1)?;
        }
        if made.class != Class::L1 {
            made.l2 = config.float("l2", made.l2)?;
        }
        config.finish()?;
        Ok(Some(made))
    }
}

impl Choice for Regularizer {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "l1" | "L1" => Ok(Self::l1(0.01)),
            "l2" | "L2" => Ok(Self::l2(0.01)),
            "l1_l2" | "L1L2" => Ok(Self::l1_l2(0.0, 0.0)),
            _ => Err(unknown("regularizer", name, &["l1", "l2", "l1_l2"])),
        }
    }
}
