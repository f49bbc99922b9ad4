//! Scores of numbers.

use cornet_error::{Result, fail};
use cornet_tensor::Array;

use super::inputs::{one, same_length, weights};
use crate::training::IntoArrays;

/// Targets and predictions column by column, and the weights of the rows.
struct Columns {
    pairs: Vec<Vec<(f64, f64)>>,
    weights: Vec<f64>,
}

impl Columns {
    fn of(y_true: &dyn IntoArrays, y_pred: &dyn IntoArrays, sample_weight: Option<&dyn IntoArrays>) -> Result<Self> {
        let (truth, found) = (one("y_true", y_true)?, one("y_pred", y_pred)?);
        let width = |a: &Array| a.elements().checked_div(a.shape().first().copied().unwrap_or(0)).unwrap_or(0);
        let (samples, columns) = (truth.shape().first().copied().unwrap_or(0), width(&truth));
        if samples == 0 || columns == 0 {
            fail!(EmptyData, "y_true: expected samples, found {}", truth.shape());
        }
        same_length("y_pred", found.shape().first().copied().unwrap_or(0), samples)?;
        if width(&found) != columns {
            fail!(ShapeMismatch, "y_pred: expected {}, the shape of y_true, found {}", truth.shape(), found.shape());
        }
        let (truth, found) = (truth.to_f64()?, found.to_f64()?);
        let column = |c: usize| (0..samples).map(|s| (truth[s * columns + c], found[s * columns + c])).collect();
        Ok(Self { pairs: (0..columns).map(column).collect(), weights: weights(sample_weight, samples)? })
    }

    /// The weighted mean of a number of each row of a column.
    fn mean(&self, column: &[(f64, f64)], of: impl Fn(f64, f64) -> f64) -> f64 {
        let total: f64 = self.weights.iter().sum();
        column.iter().zip(&self.weights).map(|((t, y), w)| of(*t, *y) * w).sum::<f64>() / total
    }

    /// The mean over the columns.
    fn average(&self, of: impl Fn(&[(f64, f64)]) -> f64) -> f64 {
        self.pairs.iter().map(|column| of(column)).sum::<f64>() / self.pairs.len() as f64
    }
}

/// The mean of |target - y|, over the samples, then over the outputs.
///
/// # Shapes
/// Both `[samples]` or `[samples, …]`.
///
/// # Errors
/// `shape_mismatch`, `empty_data`.
///
/// # Source
/// scikit-learn `sklearn.metrics.mean_absolute_error`.
pub fn mean_absolute_error(
    y_true: &dyn IntoArrays,
    y_pred: &dyn IntoArrays,
    sample_weight: Option<&dyn IntoArrays>,
) -> Result<f64> {
    let columns = Columns::of(y_true, y_pred, sample_weight)?;
    Ok(columns.average(|column| columns.mean(column, |t, y| (t - y).abs())))
}

/// √ of the mean of (target - y)² over the samples; the mean of that over the outputs.
///
/// # Shapes
/// Both `[samples]` or `[samples, …]`.
///
/// # Errors
/// `shape_mismatch`, `empty_data`.
///
/// # Source
/// scikit-learn `sklearn.metrics.root_mean_squared_error`.
pub fn root_mean_squared_error(
    y_true: &dyn IntoArrays,
    y_pred: &dyn IntoArrays,
    sample_weight: Option<&dyn IntoArrays>,
) -> Result<f64> {
    let columns = Columns::of(y_true, y_pred, sample_weight)?;
    Ok(columns.average(|column| columns.mean(column, |t, y| (t - y) * (t - y)).sqrt()))
}

/// 1 - Σ (target - y)² / Σ (target - mean target)², the mean over the outputs. For targets that are all alike 1 if they
/// are met, else 0.
///
/// # Shapes
/// Both `[samples]` or `[samples, …]`.
///
/// # Errors
/// `shape_mismatch`, `empty_data`.
///
/// # Source
/// scikit-learn `sklearn.metrics.r2_score`.
pub fn r2_score(
    y_true: &dyn IntoArrays,
    y_pred: &dyn IntoArrays,
    sample_weight: Option<&dyn IntoArrays>,
) -> Result<f64> {
    let columns = Columns::of(y_true, y_pred, sample_weight)?;
    Ok(columns.average(|column| {
        let mean = columns.mean(column, |t, _| t);
        let left = columns.mean(column, |t, y| (t - y) * (t - y));
        let all = columns.mean(column, |t, _| (t - mean) * (t - mean));
        match (left == 0.0, all == 0.0) {
            (true, _) => 1.0,
            (false, true) => 0.0,
            (false, false) => 1.0 - left / all,
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_scikit_learn() {
        let y_true = Array::from_literal([3.0, -0.5, 2.0, 7.0]).unwrap();
        let y_pred = Array::from_literal([2.5, 0.0, 2.0, 8.0]).unwrap();
        assert!((r2_score(&y_true, &y_pred, None).unwrap() - 0.948_608_137).abs() < 1e-9);
        assert_eq!(mean_absolute_error(&y_true, &y_pred, None).unwrap(), 0.5);
        assert!((root_mean_squared_error(&y_true, &y_pred, None).unwrap() - 0.612_372_436).abs() < 1e-9);
        let flat = Array::from_literal([1.0, 1.0, 1.0, 1.0]).unwrap();
        assert_eq!(r2_score(&flat, &y_pred, None).unwrap(), 0.0);
        assert_eq!(r2_score(&flat, &flat, None).unwrap(), 1.0);
        assert!(r2_score(&y_true, &Array::from_literal([1.0]).unwrap(), None).is_err());
    }
}
