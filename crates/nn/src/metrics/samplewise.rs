//! Numbers and their weights brought to one number and one weight a sample.

use cornet_error::Result;
use cornet_ops::Tensor;

use crate::losses::{misfit, same_rank};

/// How the numbers of a sample become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
}

impl Fold {
    /// Folds the axes from `first` on.
    fn apply(self, t: &Tensor, first: usize) -> Result<Tensor> {
        let axes: Vec<isize> = (first..t.shape()?.rank()).map(|axis| axis as isize).collect();
        Ok(match self {
            _ if axes.is_empty() => t.clone(),
            Fold::Mean => t.mean(&axes, false),
            Fold::Sum => t.sum(&axes, false),
        })
    }
}

/// Numbers `[batch, …]` with their weights, which may have fewer axes, as a weighted number and a weight a sample.
///
/// # Errors
/// `shape_mismatch` for weights that do not fit.
///
/// # Source
/// Keras 3, `reduce_to_samplewise_values`.
pub fn samplewise(values: &Tensor, weight: &Tensor, fold: Fold) -> Result<(Tensor, Tensor)> {
    let weight = weight.cast(values.dtype()?);
    let (values, weight) = same_rank(values, &weight)?;
    let rank = weight.shape()?.rank();
    let values = if values.shape()?.rank() > rank { fold.apply(&values, rank)? } else { values };
    let wide = weight.broadcast_to(values.shape()?);
    if wide.shape().is_err() {
        return Err(misfit(&values, &weight)?);
    }
    let values = values * &wide;
    let weight = if rank > 1 { fold.apply(&wide, 1)? } else { wide };
    Ok((fold.apply(&values, 1)?, weight))
}

#[cfg(test)]
mod tests {
    use cornet_ops::Tensor;

    use crate::metrics::{Mean, Metric};

    #[test]
    fn means_are_weighted_by_samples_and_by_values() {
        let mean = Mean::new("mean").unwrap();
        let values = Tensor::of([[1.0_f32, 3.0], [5.0, 7.0]]);
        mean.update_values(&values, Some(&Tensor::of([1.0_f32, 0.0]))).unwrap();
        assert_eq!(mean.result().unwrap(), 2.0);
        mean.reset_state().unwrap();
        mean.update_values(&values, Some(&Tensor::of([[1.0_f32, 0.0], [0.0, 1.0]]))).unwrap();
        assert_eq!(mean.result().unwrap(), 4.0);
        assert!(mean.update_values(&values, Some(&Tensor::of([1.0_f32, 0.0, 1.0]))).is_err());
    }
}
