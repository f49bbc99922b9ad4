//! Inputs, targets and weights together, and data in two parts.

use cornet_error::{Result, fail};
use cornet_tensor::Array;

use crate::evaluation::{Part, order, rows};
use crate::training::IntoArrays;

/// Inputs with what belongs to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed<T> {
    /// The inputs.
    pub x: T,
    /// The targets.
    pub y: Option<T>,
    /// The weights of the samples.
    pub sample_weight: Option<T>,
}

/// Inputs, targets and weights as the list that a step of a dataset is: as short as it may be.
///
/// # Errors
/// `invalid_argument` for weights without targets, which a list cannot tell from targets.
///
/// # Source
/// Keras 3 `keras.utils.pack_x_y_sample_weight`.
pub fn pack_x_y_sample_weight<T>(x: T, y: Option<T>, sample_weight: Option<T>) -> Result<Vec<T>> {
    match (y, sample_weight) {
        (None, Some(_)) => fail!(InvalidArgument, "sample_weight: expected targets beside the weights, found none"),
        (y, sample_weight) => Ok([Some(x), y, sample_weight].into_iter().flatten().collect()),
    }
}

/// Inputs, targets and weights of a list of one to three.
///
/// ```
/// use cornet_nn::utils::unpack_x_y_sample_weight;
/// let packed = unpack_x_y_sample_weight(vec!["x", "y"])?;
/// assert_eq!((packed.x, packed.y, packed.sample_weight), ("x", Some("y"), None));
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Errors
/// `invalid_argument` for a list of another length.
///
/// # Source
/// Keras 3 `keras.utils.unpack_x_y_sample_weight`.
pub fn unpack_x_y_sample_weight<T>(data: Vec<T>) -> Result<Packed<T>> {
    let count = data.len();
    let mut all = data.into_iter();
    match (all.next(), all.next(), all.next(), all.next()) {
        (Some(x), y, sample_weight, None) => Ok(Packed { x, y, sample_weight }),
        _ => fail!(InvalidArgument, "data: expected x, (x, y) or (x, y, sample_weight), found a list of {count}"),
    }
}

/// Divides arrays of as many rows each into two parts: Keras's arguments of `split_dataset`.
///
/// ```
/// use cornet_nn::utils::SplitDataset;
/// use cornet_tensor::Array;
/// let (x, y) = (Array::from_literal([[1, 2], [3, 4], [5, 6], [7, 8]])?, Array::from_literal([0, 1, 0, 1])?);
/// let (left, right) = SplitDataset::left(0.75).split(&[&x, &y])?;
/// assert_eq!((left[0].shape().as_slice(), right[1].to_vec::<i32>()?), (&[3, 2][..], vec![1]));
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Source
/// Keras 3 `keras.utils.split_dataset`; shuffled orders are Cornet's own.
#[derive(Clone, Copy, Debug)]
pub struct SplitDataset {
    left_size: Option<Part>,
    right_size: Option<Part>,
    seed: Option<u64>,
}

impl SplitDataset {
    /// The size of the first part, a count or a share; the second has the rest unless it has a size.
    pub fn left(size: impl Into<Part>) -> Self {
        Self { left_size: Some(size.into()), right_size: None, seed: None }
    }

    /// The size of the last part, a count or a share; the first has the rest unless it has a size.
    pub fn right(size: impl Into<Part>) -> Self {
        Self { left_size: None, right_size: Some(size.into()), seed: None }
    }

    /// The size of the first part.
    #[must_use]
    pub fn left_size(mut self, size: impl Into<Part>) -> Self {
        self.left_size = Some(size.into());
        self
    }

    /// The size of the last part.
    #[must_use]
    pub fn right_size(mut self, size: impl Into<Part>) -> Self {
        self.right_size = Some(size.into());
        self
    }

    /// Shuffles the rows first, in the order of this seed.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The two parts of all arrays.
    ///
    /// # Errors
    /// `shape_mismatch` unless all have as many rows; `invalid_argument` for parts that are empty or too large.
    pub fn split(&self, arrays: &[&dyn IntoArrays]) -> Result<(Vec<Array>, Vec<Array>)> {
        let all: Vec<Array> = arrays.iter().map(|a| a.arrays()).collect::<Result<Vec<_>>>()?.concat();
        let samples = all.first().and_then(|a| a.shape().first().copied()).unwrap_or(0);
        if let Some(other) = all.iter().find(|a| a.shape().first() != Some(&samples)) {
            fail!(ShapeMismatch, "arrays: expected {samples} rows each, found {}", other.shape());
        }
        let size = |name: &str, part: Option<Part>| part.map(|p| p.of(name, samples, f64::round)).transpose();
        let (left, right) = (size("left_size", self.left_size)?, size("right_size", self.right_size)?);
        let rest = |other: Option<usize>| samples.saturating_sub(other.unwrap_or(0));
        let (left, right) = (left.unwrap_or_else(|| rest(right)), right.unwrap_or_else(|| rest(left)));
        if left == 0 || right == 0 || left + right > samples {
            fail!(InvalidArgument, "sizes: expected two parts of {samples} rows, found {left} and {right}");
        }
        let order = order(samples, self.seed)?;
        let part = |places: &[usize]| all.iter().map(|a| rows(a, places)).collect::<Result<Vec<_>>>();
        Ok((part(&order[..left])?, part(&order[samples - right..])?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_as_short_as_they_may_be() {
        assert_eq!(pack_x_y_sample_weight(1, None, None).unwrap(), [1]);
        assert_eq!(pack_x_y_sample_weight(1, Some(2), Some(3)).unwrap(), [1, 2, 3]);
        assert!(pack_x_y_sample_weight(1, None, Some(3)).is_err());
        assert!(unpack_x_y_sample_weight::<u8>(Vec::new()).is_err());
        assert!(unpack_x_y_sample_weight(vec![1, 2, 3, 4]).is_err());
    }

    #[test]
    fn parts_have_the_sizes_asked_for() {
        let x = Array::from_vec((0..10).collect::<Vec<i32>>(), [10]).unwrap();
        let split = |s: SplitDataset| {
            let (left, right) = s.split(&[&x]).unwrap();
            (left[0].to_vec::<i32>().unwrap(), right[0].to_vec::<i32>().unwrap())
        };
        assert_eq!(split(SplitDataset::left(8_usize)).1, [8, 9]);
        assert_eq!(split(SplitDataset::right(0.3)).1, [7, 8, 9]);
        assert_eq!(split(SplitDataset::left(2_usize).right_size(3_usize)), (vec![0, 1], vec![7, 8, 9]));
        let (left, right) = split(SplitDataset::left(0.5).shuffle(3));
        let mut all = [left, right].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<i32>>());
        assert!(SplitDataset::left(8_usize).right_size(3_usize).split(&[&x]).is_err());
    }
}
