//! Losses of regions: how little a predicted mask overlaps the true one.

use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value, json};

use super::{EPSILON, LossFunction, alike};
use crate::saving::config::{Config, map};

/// 1 - 2 Σ target · y / (Σ target + Σ y), over `axis`.
///
/// # Shapes
/// Both alike; the loss has the axes that are not summed over: none by default.
///
/// # Source
/// Keras 3 `keras.losses.Dice`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dice {
    /// The axes of the sums; all of them where there are none.
    pub axis: Vec<isize>,
}

/// 1 - Σ target · y / (Σ target · y + alpha Σ target · (1 - y) + beta Σ (1 - target) · y), over `axis`. With 0.5 for
/// both it is [`Dice`].
///
/// # Shapes
/// Both alike; the loss has the axes that are not summed over: none by default.
///
/// # Source
/// Salehi et al., "Tversky loss function for image segmentation using 3D fully convolutional deep networks" (2017);
/// Keras 3 `keras.losses.Tversky`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tversky {
    /// The weight of what is missed.
    pub alpha: f64,
    /// The weight of what is claimed wrongly.
    pub beta: f64,
    /// The axes of the sums; all of them where there are none.
    pub axis: Vec<isize>,
}

impl Default for Tversky {
    fn default() -> Self {
        Self { alpha: 0.5, beta: 0.5, axis: Vec::new() }
    }
}

/// Axes of a config: null, one, or a list.
fn axes(config: &Config<'_>) -> Result<Vec<isize>> {
    let one = |v: &Value| v.as_i64().map(|axis| axis as isize);
    let found = config.optional("axis", "an axis or a list of axes", |v| match v {
        Value::Array(list) => list.iter().map(one).collect(),
        v => one(v).map(|axis| vec![axis]),
    })?;
    Ok(found.unwrap_or_default())
}

/// Null for none, a number for one, else a list.
fn axes_to_json(axes: &[isize]) -> Value {
    match axes {
        [] => Value::Null,
        [one] => json!(one),
        several => json!(several),
    }
}

impl Dice {
    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { axis: axes(config)? })
    }
}

impl Tversky {
    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { alpha: config.float("alpha", 0.5)?, beta: config.float("beta", 0.5)?, axis: axes(config)? })
    }
}

impl LossFunction for Dice {
    fn class_name(&self) -> &str {
        "Dice"
    }

    fn function_name(&self) -> &str {
        "dice"
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"axis": axes_to_json(&self.axis)}))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (t, y) = alike(y_true, y_pred)?;
        let sum = |x: &Tensor| x.sum(&self.axis, false);
        let both = sum(&(&t * &y));
        Ok(1.0 - both * 2.0 / (sum(&t) + sum(&y) + EPSILON))
    }
}

impl LossFunction for Tversky {
    fn class_name(&self) -> &str {
        "Tversky"
    }

    fn function_name(&self) -> &str {
        "tversky"
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"alpha": self.alpha, "beta": self.beta, "axis": axes_to_json(&self.axis)}))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (t, y) = alike(y_true, y_pred)?;
        let sum = |x: Tensor| x.sum(&self.axis, false);
        let both = sum(&t * &y);
        let (missed, wrong) = (sum((1.0 - &y) * &t), sum(&y * (1.0 - &t)));
        Ok(1.0 - &both / (&both + missed * self.alpha + wrong * self.beta + EPSILON))
    }
}
