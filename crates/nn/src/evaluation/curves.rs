//! Ratios at every threshold of a score, and the areas under them.

use cornet_error::{Result, fail};

use super::inputs::{column, one, same_length, weights};
use crate::training::IntoArrays;

/// The true-positive rate over the false-positive rate, from the highest threshold on. A rate of nothing is NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct RocCurve {
    /// False positives / negatives.
    pub false_positive_rate: Vec<f64>,
    /// True positives / positives.
    pub true_positive_rate: Vec<f64>,
    /// From which score on samples are claimed; infinity claims none.
    pub thresholds: Vec<f64>,
}

/// Precision over recall, from the lowest threshold on; the last point, precision 1 at recall 0, has no threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct PrecisionRecallCurve {
    /// True positives / claimed.
    pub precision: Vec<f64>,
    /// True positives / positives; 1 where there are none.
    pub recall: Vec<f64>,
    /// From which score on samples are claimed.
    pub thresholds: Vec<f64>,
}

/// Counts of what lies at or above each score that occurs, from the highest on.
struct Steps {
    false_positives: Vec<f64>,
    true_positives: Vec<f64>,
    thresholds: Vec<f64>,
}

/// The steps of some samples: whether each is positive, its score and its weight.
fn steps(mut samples: Vec<(bool, f64, f64)>) -> Result<Steps> {
    if samples.is_empty() {
        fail!(EmptyData, "y_true: expected samples, found none");
    }
    if samples.iter().any(|(_, score, _)| score.is_nan()) {
        fail!(InvalidArgument, "y_score: expected numbers, found NaN");
    }
    // Weights of 0 make no step, as in scikit-learn.
    samples.retain(|(.., weight)| *weight != 0.0);
    samples.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut steps = Steps { false_positives: Vec::new(), true_positives: Vec::new(), thresholds: Vec::new() };
    let (mut wrong, mut right) = (0.0, 0.0);
    for (i, (is_positive, score, weight)) in samples.iter().enumerate() {
        if *is_positive {
            right += weight
        } else {
            wrong += weight
        }
        if samples.get(i + 1).is_none_or(|(_, next, _)| next != score) {
            steps.false_positives.push(wrong);
            steps.true_positives.push(right);
            steps.thresholds.push(*score);
        }
    }
    Ok(steps)
}

fn samples(
    y_true: &dyn IntoArrays,
    y_score: &dyn IntoArrays,
    sample_weight: Option<&dyn IntoArrays>,
) -> Result<Vec<(bool, f64, f64)>> {
    let (truth, scores) = (column("y_true", y_true)?, column("y_score", y_score)?);
    same_length("y_score", scores.len(), truth.len())?;
    if let Some(found) = truth.iter().find(|t| **t != 0.0 && **t != 1.0) {
        fail!(InvalidArgument, "y_true: expected 0 or 1, found {found}");
    }
    let weights = weights(sample_weight, truth.len())?;
    Ok(truth.iter().zip(&scores).zip(weights).map(|((t, s), w)| (*t == 1.0, *s, w)).collect())
}

/// The curve of the receiver's operating characteristic. Points on a straight line between their neighbours are left out
/// with `drop_intermediate`, scikit-learn's default.
///
/// # Shapes
/// Targets of 0 and 1, scores and weights: `[samples]` or `[samples, 1]`.
///
/// # Errors
/// `shape_mismatch`; `invalid_argument` for targets other than 0 and 1 and for scores that are NaN; `empty_data`.
///
/// # Source
/// scikit-learn `sklearn.metrics.roc_curve`.
pub fn roc_curve(
    y_true: &dyn IntoArrays,
    y_score: &dyn IntoArrays,
    sample_weight: Option<&dyn IntoArrays>,
    drop_intermediate: bool,
) -> Result<RocCurve> {
    Ok(roc(&steps(samples(y_true, y_score, sample_weight)?)?, drop_intermediate))
}

fn roc(steps: &Steps, drop_intermediate: bool) -> RocCurve {
    let Steps { false_positives: fp, true_positives: tp, thresholds } = steps;
    let bends = |x: &[f64], i: usize| x[i + 1] - x[i] != x[i] - x[i - 1];
    let last = thresholds.len().saturating_sub(1);
    let stays = |i: &usize| !drop_intermediate || *i == 0 || *i == last || bends(fp, *i) || bends(tp, *i);
    let kept: Vec<usize> = (0..thresholds.len()).filter(stays).collect();
    let rate = |counts: &[f64]| {
        let whole = counts.last().copied().unwrap_or(0.0);
        let all = [0.0].into_iter().chain(kept.iter().map(|i| counts[*i]));
        all.map(|count| if whole > 0.0 { count / whole } else { f64::NAN }).collect()
    };
    RocCurve {
        false_positive_rate: rate(fp),
        true_positive_rate: rate(tp),
        thresholds: [f64::INFINITY].into_iter().chain(kept.iter().map(|i| thresholds[*i])).collect(),
    }
}

/// The curve of precision and recall.
///
/// # Shapes
/// As [`roc_curve`].
///
/// # Errors
/// As [`roc_curve`].
///
/// # Source
/// scikit-learn `sklearn.metrics.precision_recall_curve`.
pub fn precision_recall_curve(
    y_true: &dyn IntoArrays,
    y_score: &dyn IntoArrays,
    sample_weight: Option<&dyn IntoArrays>,
) -> Result<PrecisionRecallCurve> {
    let Steps { false_positives, true_positives, thresholds } = steps(samples(y_true, y_score, sample_weight)?)?;
    let positives = true_positives.last().copied().unwrap_or(0.0);
    let precise = |(tp, fp): (&f64, &f64)| if tp + fp == 0.0 { 0.0 } else { tp / (tp + fp) };
    let recalled = |tp: &f64| if positives == 0.0 { 1.0 } else { tp / positives };
    let precision = true_positives.iter().zip(&false_positives).map(precise).rev().chain([1.0]).collect();
    let recall = true_positives.iter().map(recalled).rev().chain([0.0]).collect();
    Ok(PrecisionRecallCurve { precision, recall, thresholds: thresholds.into_iter().rev().collect() })
}

/// The area under points by trapezoids.
///
/// # Errors
/// `shape_mismatch` unless there are as many x as y, at least two; `invalid_argument` unless x goes one way.
///
/// # Source
/// scikit-learn `sklearn.metrics.auc`.
pub fn auc(x: &[f64], y: &[f64]) -> Result<f64> {
    if x.len() != y.len() || x.len() < 2 {
        fail!(ShapeMismatch, "area: expected as many x as y, at least 2, found {} and {}", x.len(), y.len());
    }
    let (rises, falls) = (x.windows(2).any(|w| w[1] > w[0]), x.windows(2).any(|w| w[1] < w[0]));
    if rises && falls {
        fail!(InvalidArgument, "area: expected x that only rises or only falls");
    }
    let areas = x.windows(2).zip(y.windows(2)).map(|(x, y)| (x[1] - x[0]) * (y[0] + y[1]) / 2.0);
    Ok(areas.sum::<f64>() * if falls { -1.0 } else { 1.0 })
}

impl RocCurve {
    /// The area under the curve.
    pub fn area(&self) -> f64 {
        auc(&self.false_positive_rate, &self.true_positive_rate).unwrap_or(f64::NAN)
    }
}

impl PrecisionRecallCurve {
    /// Σ (recall of a point - recall of the one before) · precision: the average precision, which is no interpolation.
    pub fn average_precision(&self) -> f64 {
        let steps = self.recall.windows(2).zip(&self.precision);
        steps.map(|(recall, precision)| (recall[0] - recall[1]) * precision).sum::<f64>().max(0.0)
    }

    /// The area under the curve by trapezoids, which is too kind to a model; see
    /// [`PrecisionRecallCurve::average_precision`].
    pub fn area(&self) -> f64 {
        auc(&self.recall, &self.precision).unwrap_or(f64::NAN)
    }
}

/// The area under the ROC curve: how likely a positive sample scores higher than a negative one.
///
/// # Errors
/// As [`roc_curve`]; `invalid_argument` unless both classes occur.
///
/// # Source
/// scikit-learn `sklearn.metrics.roc_auc_score`.
pub fn roc_auc(
    y_true: &dyn IntoArrays,
    y_score: &dyn IntoArrays,
    sample_weight: Option<&dyn IntoArrays>,
) -> Result<f64> {
    let area = roc_curve(y_true, y_score, sample_weight, true)?.area();
    if area.is_nan() {
        fail!(InvalidArgument, "y_true: expected both classes, found one");
    }
    Ok(area)
}

/// The mean of the areas under the ROC curves of each class against all others.
///
/// # Shapes
/// Class numbers `[samples]` or one-hot rows, and scores `[samples, classes]`.
///
/// # Errors
/// As [`roc_auc`].
///
/// # Source
/// scikit-learn `sklearn.metrics.roc_auc_score` with `multi_class="ovr"` and `average="macro"`.
pub fn roc_auc_one_vs_rest(
    y_true: &dyn IntoArrays,
    y_score: &dyn IntoArrays,
    sample_weight: Option<&dyn IntoArrays>,
) -> Result<f64> {
    let (truth, scores) = (super::class_numbers(y_true)?, one("y_score", y_score)?);
    let &[_, classes] = scores.shape().as_slice() else {
        fail!(RankMismatch, "y_score: expected [samples, classes], found {}", scores.shape());
    };
    let scores = scores.to_f64()?;
    if classes == 0 {
        fail!(EmptyData, "y_score: expected classes, found none");
    }
    same_length("y_score", scores.len() / classes, truth.len())?;
    let weights = weights(sample_weight, truth.len())?;
    let mut sum = 0.0;
    for class in 0..classes {
        let own = truth.iter().zip(&weights).zip(scores.chunks_exact(classes));
        let area = roc(&steps(own.map(|((t, w), s)| (*t == class, s[class], *w)).collect())?, true).area();
        if area.is_nan() {
            fail!(InvalidArgument, "y_true: expected samples of class {class} and of others");
        }
        sum += area;
    }
    Ok(sum / classes as f64)
}

/// The average precision, [`PrecisionRecallCurve::average_precision`].
///
/// # Errors
/// As [`roc_curve`].
///
/// # Source
/// scikit-learn `sklearn.metrics.average_precision_score`.
pub fn average_precision(
    y_true: &dyn IntoArrays,
    y_score: &dyn IntoArrays,
    sample_weight: Option<&dyn IntoArrays>,
) -> Result<f64> {
    Ok(precision_recall_curve(y_true, y_score, sample_weight)?.average_precision())
}

#[cfg(test)]
mod tests {
    use cornet_tensor::Array;

    use super::*;

    #[test]
    fn curves_are_those_of_scikit_learn() {
        // The examples of its documentation.
        let y = Array::from_literal([0, 0, 1, 1]).unwrap();
        let scores = Array::from_literal([0.1, 0.4, 0.35, 0.8]).unwrap();
        let curve = roc_curve(&y, &scores, None, true).unwrap();
        assert_eq!(curve.false_positive_rate, [0.0, 0.0, 0.5, 0.5, 1.0]);
        assert_eq!(curve.true_positive_rate, [0.0, 0.5, 0.5, 1.0, 1.0]);
        assert_eq!(curve.thresholds, [f64::INFINITY, 0.8, 0.4, 0.35, 0.1]);
        assert_eq!(roc_auc(&y, &scores, None).unwrap(), 0.75);
        let curve = precision_recall_curve(&y, &scores, None).unwrap();
        assert_eq!(curve.precision, [0.5, 2.0 / 3.0, 0.5, 1.0, 1.0]);
        assert_eq!(curve.recall, [1.0, 1.0, 0.5, 0.5, 0.0]);
        assert!((curve.average_precision() - 0.833_333_333).abs() < 1e-9);
        let same = Array::from_literal([1, 1, 1, 1]).unwrap();
        assert!(roc_auc(&same, &scores, None).is_err());
        assert!(roc_auc(&scores, &scores, None).is_err());
    }
}
