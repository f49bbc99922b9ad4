//! Losses of directions and of neighbourhoods.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};

use super::{LossFunction, alike};
use crate::saving::config::{Config, map};

/// Norms below it count as this.
const LEAST_NORM: f64 = 1e-12;

/// -Σ target · y / (‖target‖ ‖y‖) along `axis`: -1 for one direction, 0 for orthogonal ones, 1 for opposite ones.
///
/// # Source
/// Keras 3 `keras.losses.CosineSimilarity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CosineSimilarity {
    /// The axis of the vectors. Keras writes it into no file.
    pub axis: isize,
}

impl Default for CosineSimilarity {
    fn default() -> Self {
        Self { axis: -1 }
    }
}

impl CosineSimilarity {
    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        Ok(Self { axis: super::crossentropy::axis(config)? })
    }
}

/// Σ target · y / (‖target‖ ‖y‖) along an axis.
pub(crate) fn cosine(y_true: &Tensor, y_pred: &Tensor, axis: isize) -> Result<Tensor> {
    let (t, y) = alike(y_true, y_pred)?;
    let unit = |x: &Tensor| x.normalize(&[axis], 2, LEAST_NORM);
    Ok((unit(&t) * unit(&y)).sum(&[axis], false))
}

impl LossFunction for CosineSimilarity {
    fn class_name(&self) -> &str {
        "CosineSimilarity"
    }

    fn function_name(&self) -> &str {
        "cosine_similarity"
    }

    fn arguments(&self) -> Map<String, Value> {
        // Keras writes none; it reads this one, and a file without it means the last axis.
        if self.axis == -1 { Map::new() } else { map(json!({"axis": self.axis})) }
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        Ok(-cosine(y_true, y_pred, self.axis)?)
    }
}

/// ln(1 + Σₙ exp(gamma · αₙ (d₋ - dₙ)) · Σₚ exp(-gamma · αₚ (d₊ - dₚ))) for each sample, where d are the cosine distances
/// of its embedding from those of the same class (p) and of other classes (n) in the batch, d₊ = margin,
/// d₋ = 1 - margin, αₚ = max(d + margin, 0), αₙ = max(1 + margin - d, 0). Samples without loss do not count in the mean.
///
/// # Shapes
/// Targets `[batch]` or `[batch, 1]`, class numbers; predictions `[batch, features]`, of length 1 each.
///
/// # Source
/// Sun et al., "Circle loss: a unified perspective of pair similarity optimization" (2020); Keras 3
/// `keras.losses.Circle`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    /// How steep the loss is.
    pub gamma: f64,
    /// How far apart classes are kept.
    pub margin: f64,
    /// Whether a sample is left out of its own neighbours.
    pub remove_diagonal: bool,
}

impl Default for Circle {
    fn default() -> Self {
        Self { gamma: 80.0, margin: 0.4, remove_diagonal: true }
    }
}

impl Circle {
    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let (gamma, margin) = (config.float("gamma", 80.0)?, config.float("margin", 0.4)?);
        Ok(Self { gamma, margin, remove_diagonal: config.flag("remove_diagonal", true)? })
    }

    /// The losses against other embeddings `[references, features]` of classes `[references]`, such as a memory of
    /// earlier batches: Keras's function `keras.losses.circle` with `ref_labels` and `ref_embeddings`.
    ///
    /// # Errors
    /// `rank_mismatch`, `shape_mismatch` for anything but vectors of one length and a class number each.
    pub fn values_against(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        labels: &Tensor,
        embeddings: &Tensor,
    ) -> Result<Tensor> {
        let queries = check(y_true, y_pred)?;
        let references = check(labels, embeddings)?;
        let distance = (1.0 - y_pred.matmul(embeddings.transpose(&[]))).maximum(0.0);
        let column = y_true.cast(DType::I32).reshape([queries, 1]);
        let same = column.equal(labels.cast(DType::I32).reshape([1, references]));
        let other = same.logical_not();
        let same = if self.remove_diagonal {
            same.logical_and(Tensor::eye(queries, references, 0, DType::Bool).logical_not())
        } else {
            same
        };
        let near = (&distance + self.margin).maximum(0.0) * (self.margin - &distance) * -self.gamma;
        let far = (1.0 + self.margin - &distance).maximum(0.0) * (1.0 - self.margin - &distance) * self.gamma;
        let total = |of: &Tensor, x: Tensor| of.where_(x, f64::NEG_INFINITY).logsumexp(&[1], false);
        Ok((total(&same, near) + total(&other, far)).softplus())
    }
}

/// The number of samples.
fn check(labels: &Tensor, embeddings: &Tensor) -> Result<usize> {
    let (targets, outputs) = (labels.shape()?, embeddings.shape()?);
    match outputs.as_slice() {
        &[samples, _] if targets[..] == [samples] || targets[..] == [samples, 1] => Ok(samples),
        _ => Err(err!(
            ShapeMismatch,
            "circle: expected embeddings [batch, features] and a class number each, found {outputs} and {targets}"
        )),
    }
}

impl LossFunction for Circle {
    fn class_name(&self) -> &str {
        "Circle"
    }

    fn function_name(&self) -> &str {
        "circle"
    }

    fn arguments(&self) -> Map<String, Value> {
        map(json!({"gamma": self.gamma, "margin": self.margin, "remove_diagonal": self.remove_diagonal}))
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        self.values_against(y_true, y_pred, y_true, y_pred)
    }

    fn mask(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.values(y_true, y_pred)?.greater(0.0)))
    }
}
