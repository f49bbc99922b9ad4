//! The loss of sequences without alignment.

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::DType;

use super::LossFunction;

/// -ln of the probability that the labels come out of the logits, whatever their alignment. Class 0 is the blank; labels
/// of 0 at the end of a row fill it up.
///
/// # Shapes
/// Targets `[batch, length]`, class numbers from 1 on; predictions `[batch, time, classes]`, logits.
///
/// # Source
/// Graves et al., "Connectionist temporal classification" (2006); Keras 3 `keras.losses.CTC`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CTC;

impl LossFunction for CTC {
    fn class_name(&self) -> &str {
        "CTC"
    }

    fn function_name(&self) -> &str {
        "ctc"
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (targets, outputs) = (y_true.shape()?, y_pred.shape()?);
        let &[batch, steps, _] = outputs.as_slice() else {
            return Err(err!(RankMismatch, "predictions: expected [batch, time, classes], found {outputs}"));
        };
        if targets.rank() != 2 || targets[0] != batch {
            return Err(err!(ShapeMismatch, "targets: expected [{batch}, length], class numbers, found {targets}"));
        }
        let labels = y_true.cast(DType::I32);
        let lengths = labels.not_equal(0).cast(DType::I32).sum(&[-1], false);
        let steps = Tensor::full([batch], steps as f64, DType::I32);
        Ok(labels.ctc_loss(y_pred, &lengths, &steps, 0))
    }
}
