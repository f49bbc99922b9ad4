//! Losses of margins. Targets of -1 and 1; those of 0 and 1 are brought to -1 and 1.

use cornet_error::Result;
use cornet_ops::Tensor;

use super::{LossFunction, alike};

/// max(1 - target · y, 0), the mean along the last axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hinge;

/// max(1 - target · y, 0)², the mean along the last axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SquaredHinge;

/// max(the greatest wrong score - the right one + 1, 0), the targets being one-hot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CategoricalHinge;

/// max(1 - target · y, 0), element-wise.
fn margins(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
    let (y_true, y_pred) = alike(y_true, y_pred)?;
    let is_binary = y_true.equal(0.0).logical_or(y_true.equal(1.0)).all(&[], false);
    let signs = is_binary.where_(&y_true * 2.0 - 1.0, &y_true);
    Ok((1.0 - signs * y_pred).maximum(0.0))
}

impl LossFunction for Hinge {
    fn class_name(&self) -> &str {
        "Hinge"
    }

    fn function_name(&self) -> &str {
        "hinge"
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        Ok(margins(y_true, y_pred)?.mean(&[-1], false))
    }
}

impl LossFunction for SquaredHinge {
    fn class_name(&self) -> &str {
        "SquaredHinge"
    }

    fn function_name(&self) -> &str {
        "squared_hinge"
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        Ok(margins(y_true, y_pred)?.square().mean(&[-1], false))
    }
}

impl LossFunction for CategoricalHinge {
    fn class_name(&self) -> &str {
        "CategoricalHinge"
    }

    fn function_name(&self) -> &str {
        "categorical_hinge"
    }

    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
        let (y_true, y_pred) = alike(y_true, y_pred)?;
        let right = (&y_true * &y_pred).sum(&[-1], false);
        let wrong = ((1.0 - y_true) * y_pred).max(&[-1], false);
        Ok((wrong - right + 1.0).maximum(0.0))
    }
}
