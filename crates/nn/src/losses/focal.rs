//! Crossentropies that weigh hard samples more, or bear wrong labels.

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};

use super::crossentropy::{axis, class_numbers, smoothed};
use super::{EPSILON, LossFunction, alike};
use crate::saving::config::{Config, map};

/// (1 - p_t)^gamma · crossentropy, the mean along `axis`, where p_t = p for a target of 1 and 1 - p for one of 0. With
/// `apply_class_balancing`, targets of 1 weigh `alpha` and those of 0 `1 - alpha`.
///
/// # Source
/// Lin et al., "Focal loss for dense object detection" (2017); Keras 3 `keras.losses.BinaryFocalCrossentropy`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinaryFocalCrossentropy {
    /// Whether both classes have weights of their own.
    pub apply_class_balancing: bool,
    /// The weight of the class 1.
    pub alpha: f64,
    /// How much less an easy sample counts; 0 is the plain crossentropy.
    pub gamma: f64,
    /// Whether predictions are logits instead of probabilities.
    pub from_logits: bool,
    /// How far targets are moved towards 0.5.
    pub label_smoothing: f64,
    /// The axis of the mean.
    pub axis: isize,
}

/// -Σ alpha · (1 - p)^gamma · target · ln p along `axis`.
///
/// # Source
/// Lin et al., "Focal loss for dense object detection" (2017); Keras 3 `keras.losses.CategoricalFocalCrossentropy`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CategoricalFocalCrossentropy {
    /// The weight of every class.
    pub alpha: f64,
    /// How much less an easy sample counts; 0 is the plain crossentropy.
    pub gamma: f64,
    /// Whether predictions are logits instead of probabilities.
    pub from_logits: bool,
    /// How much of each target is shared among all classes.
    pub label_smoothing: f64,
    /// The axis of the classes.
    pub axis: isize,
}

/// (1 - pᵧ^q) / q, pᵧ that of the target, a class number: the crossentropy as q nears 0, the absolute error at q = 1.
/// Wrong labels disturb it less than a crossentropy.
///
/// # Source
/// Zhang, Sabuncu: "Generalized cross entropy loss for training deep neural networks with noisy labels" (2018);
/// Keras 3 `keras.losses.CategoricalGeneralizedCrossEntropy`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CategoricalGeneralizedCrossEntropy {
    /// Between 0 and 1.
    pub q: f64,
}

impl Default for BinaryFocalCrossentropy {
    fn default() -> Self {
        Self {
            apply_class_balancing: false,
            alpha: 0.25,
            gamma: 2.0,
            from_logits: false,
            label_smoothing: 0.0,
            axis: -1,
        }
    }
}

impl Default for CategoricalFocalCrossentropy {
    fn default() -> Self {
        Self { alpha: 0.25, gamma: 2.0, from_logits: false, label_smoothing: 0.0, axis: -1 }
    }
}

impl Default for CategoricalGeneralizedCrossEntropy {
    fn default() -> Self {
        Self { q: 0.5 }
    }
}

impl BinaryFocalCrossentropy {
    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            apply_class_balancing: config.flag("apply_class_balancing", false)?,
            alpha: config.float("alpha", 0.25)?,
            gamma: config.float("gamma", 2.0)?,
            from_logits: config.flag("from_logits", false)?,
            label_smoothing: config.float("label_smoothing", 0.0)?,
            axis: axis(config)?,
        })
    }
}

impl CategoricalFocalCrossentropy {
    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self {
            alpha: config.float("alpha", 0.25)?,
            gamma: config.float("gamma", 2.0)?,
            from_logits: config.flag("from_logits", false)?,
            label_smoothing: config.float("label_smoothing", 0.0)?,
            axis: axis(config)?,
        })
    }
}

impl CategoricalGeneralizedCrossEntropy {
    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { q: config.float("q", 0.5)? })
    }
}

impl LossFunction for BinaryFocalCrossentropy {
    fn class_name(&self) -> &str {
        "BinaryFocalCrossentropy"
    }

    fn function_name(&self) -> &str {
        "binary_focal_crossentropy"
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
            "apply_class_balancing": self.apply_class_balancing,
            "alpha": self.alpha,
            "gamma": self.gamma,
        }))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (t, y) = alike(y_true, y_pred)?;
        let t =
            if self.label_smoothing == 0.0 { t } else { t * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing };
        // Keras takes the plain crossentropy of the probabilities here, whatever they were made from.
        let p = if self.from_logits { y.sigmoid() } else { y };
        let bare = p.clip(EPSILON, 1.0 - EPSILON);
        let crossentropy = -(&t * bare.log() + (1.0 - &t) * (1.0 - &bare).log());
        let right = &t * &p + (1.0 - &t) * (1.0 - &p);
        let focal = (1.0 - right).power(self.gamma) * crossentropy;
        let focal = if self.apply_class_balancing {
            (&t * self.alpha + (1.0 - &t) * (1.0 - self.alpha)) * focal
        } else {
            focal
        };
        Ok(focal.mean(&[self.axis], false))
    }
}

impl LossFunction for CategoricalFocalCrossentropy {
    fn class_name(&self) -> &str {
        "CategoricalFocalCrossentropy"
    }

    fn function_name(&self) -> &str {
        "categorical_focal_crossentropy"
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
            "alpha": self.alpha,
            "gamma": self.gamma,
        }))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (t, y) = alike(y_true, y_pred)?;
        let t = smoothed(&t, self.label_smoothing)?;
        let y = if self.from_logits { y.softmax(self.axis) } else { y };
        let p = (&y / y.sum(&[self.axis], true)).clip(EPSILON, 1.0 - EPSILON);
        let focal = (1.0 - &p).power(self.gamma) * self.alpha * (-t * p.log());
        Ok(focal.sum(&[self.axis], false))
    }
}

impl LossFunction for CategoricalGeneralizedCrossEntropy {
    fn class_name(&self) -> &str {
        "CategoricalGeneralizedCrossEntropy"
    }

    fn function_name(&self) -> &str {
        "categorical_generalized_cross_entropy"
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"q": self.q}))
    }

    fn takes_class_numbers(&self) -> bool {
        true
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        if !(self.q > 0.0 && self.q < 1.0) {
            fail!(InvalidArgument, "q: expected a number between 0 and 1, found {}", self.q);
        }
        let labels = class_numbers(y_true, y_pred, -1)?;
        let classes = y_pred.shape()?.last().copied().unwrap_or(1);
        let chosen = labels.cast(DType::I32).one_hot(classes, -1, y_pred.dtype()?);
        let p = (y_pred * chosen).sum(&[-1], false);
        Ok((1.0 - p.power(self.q)) / self.q)
    }
}
