//! The harmonic mean of precision and recall.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::Shape;
use serde_json::{Map, Value, json};

use super::rule::misfit;
use super::{Batch, MetricRule, RuleMetric};
use crate::arg::{Arg, Choice, unknown};
use crate::losses::EPSILON;
use crate::saving::config::{Config, map};

/// How the scores of classes become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// They do not: the result has one a class.
    #[default]
    None,
    /// The score of all classes counted together.
    Micro,
    /// Their mean.
    Macro,
    /// Their mean, weighted by how often each class is true.
    Weighted,
}

const AVERAGES: [(&str, Average); 3] =
    [("micro", Average::Micro), ("macro", Average::Macro), ("weighted", Average::Weighted)];

impl Choice for Average {
    fn parse(name: &str) -> Result<Self> {
        let found = AVERAGES.iter().find(|(word, _)| *word == name).map(|(_, average)| *average);
        found.ok_or_else(|| unknown("average", name, &AVERAGES.map(|(word, _)| word)))
    }
}

impl Average {
    /// Keras's word, if there is one.
    pub fn name(self) -> Option<&'static str> {
        AVERAGES.iter().find(|(_, average)| *average == self).map(|(word, _)| *word)
    }
}

/// What makes an [`F1Score`] or, with a beta of its own, an [`FBetaScore`].
#[derive(Clone, Debug)]
pub struct FScoreRule<const BETA: bool> {
    average: Average,
    beta: f64,
    threshold: Option<f64>,
}

/// 2 · precision · recall / (precision + recall), for each class.
///
/// # Shapes
/// Both `[batch, classes]`, targets of 0 and 1. Without a `threshold` the greatest value of a row is what is claimed. The
/// result has one number a class unless they are averaged.
///
/// # Source
/// Keras 3 `keras.metrics.F1Score`.
pub type F1Score = RuleMetric<FScoreRule<false>>;

/// (1 + beta²) · precision · recall / (beta² · precision + recall), for each class. Further as [`F1Score`].
///
/// # Source
/// Keras 3 `keras.metrics.FBetaScore`.
pub type FBetaScore = RuleMetric<FScoreRule<true>>;

impl<const BETA: bool> Default for FScoreRule<BETA> {
    fn default() -> Self {
        Self { average: Average::None, beta: 1.0, threshold: None }
    }
}

impl<const BETA: bool> RuleMetric<FScoreRule<BETA>> {
    /// The metric under Keras's name.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the scores of classes become one: `micro`, `macro` or `weighted`; by default they stay as they are.
    #[must_use]
    pub fn average(self, average: impl Into<Arg<Average>>) -> Self {
        self.set(average.into().0, |rule, average| rule.average = average)
    }

    /// Above which value a class is claimed; by default only the greatest is.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.rule.threshold = Some(threshold);
        self
    }

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let average = config.optional("average", "a text", Value::as_str)?;
        Ok(Self::of(FScoreRule {
            average: average.map(Average::parse).transpose()?.unwrap_or_default(),
            beta: if BETA { config.float("beta", 1.0)? } else { 1.0 },
            threshold: config.optional("threshold", "a number", Value::as_f64)?,
        }))
    }
}

impl FBetaScore {
    /// How many times as much recall counts as precision; by default 1.
    #[must_use]
    pub fn beta(mut self, beta: f64) -> Self {
        self.rule.beta = beta;
        self
    }
}

impl<const BETA: bool> MetricRule for FScoreRule<BETA> {
    fn class_name(&self) -> &str {
        if BETA { "FBetaScore" } else { "F1Score" }
    }

    fn default_name(&self) -> Option<&str> {
        Some(if BETA { "fbeta_score" } else { "f1_score" })
    }

    fn arguments(&self) -> Map<String, Value> {
        let average = self.average.name();
        if BETA {
            map(json!({"average": average, "beta": self.beta, "threshold": self.threshold}))
        } else {
            map(json!({"average": average, "threshold": self.threshold}))
        }
    }

    fn check(&self) -> Result<()> {
        if self.beta.is_nan() || self.beta <= 0.0 {
            fail!(OutOfRange, "beta: expected a positive number, found {}", self.beta);
        }
        match self.threshold {
            Some(t) if !(t > 0.0 && t <= 1.0) => {
                Err(err!(OutOfRange, "threshold: expected a number above 0, at most 1, found {t}"))
            }
            _ => Ok(()),
        }
    }

    fn state(&self) -> &[&str] {
        &["true_positives", "false_positives", "false_negatives", "intermediate_weights"]
    }

    fn shapes(&self) -> Option<Vec<Shape>> {
        // The number of classes is known with the first batch.
        (self.average == Average::Micro).then(|| vec![Shape::scalar(); 4])
    }

    fn count(&self, batch: &Batch<'_>) -> Result<Vec<Tensor>> {
        let (y_true, y_pred) = batch.alike()?;
        let shape = y_pred.shape()?;
        if shape.rank() != 2 {
            fail!(RankMismatch, "predictions: expected [batch, classes], found {shape}");
        }
        let claimed = match self.threshold {
            Some(threshold) => y_pred.greater(threshold),
            None => {
                let top = y_pred.greater_equal(y_pred.max(&[-1], true));
                top.logical_and(y_pred.absolute().greater(1e-9))
            }
        };
        let claimed = claimed.cast(batch.dtype);
        let weights = batch.weights(&shape)?;
        let axes: &[isize] = if self.average == Average::Micro { &[] } else { &[0] };
        let sum = |x: Tensor| match &weights {
            Some(weights) => (x * weights).sum(axes, false),
            None => x.sum(axes, false),
        };
        Ok(vec![
            sum(&claimed * &y_true),
            sum(&claimed * (1.0 - &y_true)),
            sum((1.0 - &claimed) * &y_true),
            sum(y_true.clone()),
        ])
    }

    fn result(&self, state: &[Tensor]) -> Result<Tensor> {
        let [tp, fp, fn_, weights] = state else { return Err(misfit(self, state)) };
        let (precision, recall) = (tp / (tp + fp + EPSILON), tp / (tp + fn_ + EPSILON));
        let square = self.beta * self.beta;
        let scores = &precision * &recall / (&precision * square + &recall + EPSILON) * (1.0 + square);
        Ok(match self.average {
            Average::None => scores,
            Average::Micro | Average::Macro => scores.mean(&[], false),
            Average::Weighted => (scores * (weights / (weights.sum(&[], false) + EPSILON))).sum(&[], false),
        })
    }
}
