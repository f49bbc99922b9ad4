//! Weights of samples and masks, and how the losses of samples become one.
//!
//! Source: Keras 3.15.1, `keras/src/losses/loss.py`.

use cornet_error::{Error, Result, err};
use cornet_ops::Tensor;
use cornet_tensor::DType;

use super::{Reduction, same_rank};

/// Weights that a mask takes part in: samples that do not count have weight 0. Where a mean is taken over all samples,
/// those that count weigh so much more that it is the mean over them.
///
/// # Errors
/// Failures that the tensors carry.
pub fn apply_mask(
    sample_weight: Option<&Tensor>,
    mask: Option<&Tensor>,
    dtype: DType,
    reduction: Reduction,
) -> Result<Option<Tensor>> {
    let weight = sample_weight.map(|w| w.cast(dtype));
    let Some(mask) = mask else { return Ok(weight) };
    let counts = mask.cast(DType::Bool);
    let factor = match reduction {
        Reduction::Mean | Reduction::SumOverBatchSize => {
            let total = Tensor::full([], mask.shape()?.elements() as f64, dtype);
            let valid = counts.cast(dtype).sum(&[], false);
            counts.where_(total.divide_no_nan(valid), Tensor::full([], 0.0, dtype))
        }
        _ => counts.cast(dtype),
    };
    Ok(Some(match weight {
        Some(weight) => {
            let (factor, weight) = same_rank(&factor, &weight)?;
            weighted(&factor, &weight)?
        }
        None => factor,
    }))
}

/// The losses of samples, each times its weight, brought together.
///
/// # Errors
/// `shape_mismatch` where the weights do not fit the values.
pub fn reduce_weighted(
    values: &Tensor,
    sample_weight: Option<&Tensor>,
    mask: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    let weight = apply_mask(sample_weight, mask, values.dtype()?, reduction)?;
    let (values, weight) = match weight {
        Some(weight) => {
            let (values, weight) = same_rank(values, &weight)?;
            (weighted(&values, &weight)?, Some(weight))
        }
        None => (values.clone(), None),
    };
    let shape = values.shape()?;
    if reduction == Reduction::None || shape.rank() == 0 || shape[..] == [0] {
        return Ok(values);
    }
    let sum = values.sum(&[], false);
    Ok(match (reduction, weight) {
        (Reduction::Sum, _) => sum,
        (Reduction::MeanWithSampleWeight, Some(weight)) => sum.divide_no_nan(weight.sum(&[], false)),
        _ => sum / shape.elements().max(1) as f64,
    })
}

/// Values times their weights.
///
/// # Errors
/// `shape_mismatch`, which says how weights are shaped.
pub(crate) fn weighted(values: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let product = values * weight;
    match product.shape() {
        Ok(_) => Ok(product),
        Err(_) => Err(misfit(values, weight)?),
    }
}

pub(crate) fn misfit(values: &Tensor, weight: &Tensor) -> Result<Error> {
    let (values, weight) = (values.shape()?, weight.shape()?);
    Ok(err!(ShapeMismatch, "sample_weight: expected one weight for each of {values}, found {weight}")
        .operand("values", &values)
        .operand("sample_weight", &weight)
        .help("give one weight a sample, [batch] or [batch, 1, …], or one for each value, as for each time step"))
}

#[cfg(test)]
mod tests {
    use cornet_ops::Tensor;

    use crate::losses::{Loss, MeanSquaredError, Reduction, SparseCategoricalCrossentropy};

    fn value(loss: Loss, weight: Option<&Tensor>, mask: Option<&Tensor>) -> f32 {
        let y_true = Tensor::of([[[0.0_f32], [0.0]], [[0.0], [0.0]]]);
        let y_pred = Tensor::of([[[1.0_f32], [2.0]], [[3.0], [4.0]]]);
        loss.call_weighted(&y_true, &y_pred, weight, mask).unwrap().item::<f32>().unwrap()
    }

    #[test]
    fn losses_are_weighted_masked_and_reduced_as_in_keras() {
        // Squares 1, 4, 9, 16.
        let mse = || Loss::from(MeanSquaredError);
        let (mask, weight) = (Tensor::of([[true, false], [true, true]]), Tensor::of([[2.0_f32], [0.5]]));
        assert_eq!(value(mse(), None, None), 7.5);
        assert_eq!(value(mse(), Some(&weight), None), (2.0 + 8.0 + 4.5 + 8.0) / 4.0);
        assert_eq!(value(mse().reduction(Reduction::Sum), Some(&weight), None), 22.5);
        // Keras divides by the sum of the weights before they are spread.
        assert_eq!(value(mse().reduction(Reduction::MeanWithSampleWeight), Some(&weight), None), 9.0);
        assert!((value(mse(), None, Some(&mask)) - 26.0 / 3.0).abs() < 1e-5);
        assert!((value(mse(), Some(&weight), Some(&mask)) - (2.0 + 4.5 + 8.0) / 3.0).abs() < 1e-5);
        assert_eq!(value(mse(), None, Some(&Tensor::of([[false, false], [false, false]]))), 0.0);
    }

    #[test]
    fn weights_that_do_not_fit_and_ignored_classes() {
        let loss = Loss::from(SparseCategoricalCrossentropy {
            ignore_class: Some(255),
            ..SparseCategoricalCrossentropy::on_logits()
        });
        let logits = Tensor::of([[0.0_f32, 0.0], [0.0, 0.0], [9.0, 0.0]]);
        let value = loss.call(&Tensor::of([0, 1, 255]), &logits).unwrap();
        assert!((value.item::<f32>().unwrap() - 2.0_f32.ln()).abs() < 1e-6);
        let error = loss.call_weighted(&Tensor::of([0, 1, 1]), &logits, Some(&Tensor::of([1.0_f32, 2.0])), None);
        let text = error.unwrap_err().to_string();
        assert!(text.contains("sample_weight: expected one weight for each of [3], found [2]"), "{text}");
    }
}
