//! Arrays from arrays.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType, Shape};

use crate::evaluation::one;
use crate::training::IntoArrays;

/// Class numbers `[…]` or `[…, 1]` as one-hot vectors `[…, num_classes]` of float32; as many classes as the greatest
/// number says, if none are given.
///
/// ```
/// use cornet_nn::utils::to_categorical;
/// use cornet_tensor::Array;
/// let y = to_categorical(&Array::from_literal([2, 0])?, None)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for a number that is no class; `limit_exceeded` for more than 2³¹ numbers.
///
/// # Source
/// Keras 3 `keras.utils.to_categorical`.
pub fn to_categorical(x: &dyn IntoArrays, num_classes: Option<usize>) -> Result<Array> {
    let array = one("x", x)?;
    let lead: &[usize] = match array.shape().as_slice() {
        [lead @ .., 1] if !lead.is_empty() => lead,
        all => all,
    };
    let numbers = array.to_i64()?;
    let greatest = numbers.iter().copied().max().unwrap_or(-1).max(-1);
    let classes = num_classes.unwrap_or((greatest + 1) as usize);
    if let Some(found) = numbers.iter().find(|n| usize::try_from(**n).map_or(true, |n| n >= classes)) {
        fail!(OutOfRange, "x: expected classes from 0 to {}, found {found}", classes as i64 - 1);
    }
    if numbers.len().saturating_mul(classes) > i32::MAX as usize {
        fail!(LimitExceeded, "to_categorical: {} classes of {} samples are too many", classes, numbers.len());
    }
    let mut values = vec![0.0_f32; numbers.len() * classes];
    for (row, number) in numbers.iter().enumerate() {
        values[row * classes + *number as usize] = 1.0;
    }
    Array::from_vec(values, lead.iter().copied().chain([classes]).collect::<Shape>())
}

/// `x / ‖x‖` along an axis, with the norm of that order: 2 is Euclidean. Zeros stay.
///
/// # Errors
/// `invalid_argument` for order 0; `out_of_range` for an axis that is not there.
///
/// # Source
/// Keras 3 `keras.utils.normalize`.
pub fn normalize(x: &dyn IntoArrays, axis: isize, order: u32) -> Result<Array> {
    let array = one("x", x)?;
    if order == 0 {
        return Err(err!(InvalidArgument, "order: expected at least 1, found 0"));
    }
    let array = if array.dtype().is_float() { array } else { array.cast(DType::F32)? };
    let x = Tensor::from(&array);
    let powers = x.absolute().power(order as i64).sum(&[axis], true);
    let norm = if order == 2 { powers.sqrt() } else { powers.power(1.0 / f64::from(order)) };
    (&x / norm.equal(0.0).where_(1.0, &norm)).array()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_become_vectors() {
        let y = to_categorical(&Array::from_literal([[1], [3]]).unwrap(), None).unwrap();
        assert_eq!(y.shape().as_slice(), [2, 4]);
        let y = to_categorical(&Array::from_literal([[1, 0, 2]]).unwrap(), Some(5)).unwrap();
        assert_eq!(y.shape().as_slice(), [1, 3, 5]);
        assert!(to_categorical(&Array::from_literal([3]).unwrap(), Some(3)).is_err());
        assert!(to_categorical(&Array::from_literal([-1]).unwrap(), None).is_err());
    }

    #[test]
    fn vectors_get_length_one() {
        let x = Array::from_literal([[3.0_f32, 4.0], [0.0, 0.0]]).unwrap();
        assert_eq!(normalize(&x, -1, 2).unwrap().to_vec::<f32>().unwrap(), [0.6, 0.8, 0.0, 0.0]);
        assert_eq!(normalize(&x, 0, 1).unwrap().to_vec::<f32>().unwrap(), [1.0, 1.0, 0.0, 0.0]);
        assert!(normalize(&x, 2, 2).is_err());
    }
}
