//! Masks over the last two axes.

use cornet_tensor::{Array, DType};

use crate::core::tensor::Tensor;

/// A matrix of ones where `is_one(row, column)`, zeros elsewhere.
pub(crate) fn mask(rows: usize, columns: usize, dtype: DType, is_one: impl Fn(usize, usize) -> bool) -> Tensor {
    let values: Vec<i64> =
        (0..rows * columns).map(|i| i64::from(is_one(i / columns.max(1), i % columns.max(1)))).collect();
    Tensor::from_result(Array::from_i64(dtype, [rows, columns], &values))
}
