//! Dividing examples, deterministically.

use cornet_error::{Result, err, fail};
use cornet_tensor::{Array, Shape};

/// Which examples to train on and which to test with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// Indices of the examples to train on, shuffled.
    pub train: Vec<usize>,
    /// Indices of the examples to test with, shuffled.
    pub test: Vec<usize>,
}

/// A permutation of `0..n`: the same for the same seed, on every machine.
///
/// Source: Fisher-Yates with SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, 2014).
pub fn permutation(n: usize, seed: u64) -> Vec<usize> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        // The upper half of the product is uniform over 0..=i, but for a bias below i / 2^64.
        let j = ((u128::from(next()) * (i as u128 + 1)) >> 64) as usize;
        order.swap(i, j);
    }
    order
}

/// Divides examples so that every class has the same share in both parts.
///
/// `ceil(n * test_fraction)` examples are held out, of each class as many as fall to it, by largest remainder. Both parts
/// are shuffled. The same labels and seed give the same division.
///
/// # Errors
/// `invalid_argument` when `test_fraction` is not within 0 and 1; `empty_data` without labels.
///
/// ```
/// use cornet_data::split_stratified;
/// let d = split_stratified(&[0, 0, 0, 0, 1, 1, 1, 1], 0.25, 7)?;
/// assert_eq!((d.train.len(), d.test.len()), (6, 2));
/// # Ok::<(), cornet_data::Error>(())
/// ```
pub fn split_stratified(labels: &[u8], test_fraction: f64, seed: u64) -> Result<Division> {
    if !(0.0..=1.0).contains(&test_fraction) {
        fail!(InvalidArgument, "test_fraction: expected 0 to 1, found {test_fraction}");
    }
    if labels.is_empty() {
        fail!(EmptyData, "labels: expected at least one, found none");
    }
    let mut quota = quotas(labels, test_fraction);
    let mut division = Division { train: Vec::new(), test: Vec::new() };
    for index in permutation(labels.len(), seed) {
        let left = &mut quota[usize::from(labels[index])];
        if *left > 0 {
            *left -= 1;
            division.test.push(index);
        } else {
            division.train.push(index);
        }
    }
    Ok(division)
}

/// How many examples of each class to hold out.
fn quotas(labels: &[u8], fraction: f64) -> [usize; 256] {
    let mut counts = [0_usize; 256];
    labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    let share = counts.map(|count| count as f64 * fraction);
    let mut quota = share.map(|share| share.floor() as usize);
    // The tolerance keeps 0.2 * 10 from rounding up because 0.2 is not exact.
    let total = (labels.len() as f64 * fraction - 1e-9).ceil() as usize;
    let mut classes: Vec<usize> = (0..256).filter(|&c| quota[c] < counts[c]).collect();
    classes.sort_by(|&a, &b| (share[b] - share[b].floor()).total_cmp(&(share[a] - share[a].floor())).then(a.cmp(&b)));
    let missing = total.saturating_sub(quota.iter().sum());
    classes.into_iter().take(missing).for_each(|class| quota[class] += 1);
    quota
}

/// The examples of `array` with these indices along its first axis, in their order.
///
/// # Errors
/// `rank_mismatch` for a scalar; `out_of_range` for an index beyond the axis; `dtype_mismatch` for strings.
pub fn take(array: &Array, indices: &[usize]) -> Result<Array> {
    let dims = array.shape().as_slice();
    let Some((&n, rest)) = dims.split_first() else {
        fail!(RankMismatch, "examples: expected at least one axis, found a scalar");
    };
    let size = Shape::new(rest).elements() * array.dtype().size();
    let mut bytes = Vec::with_capacity(indices.len() * size);
    for &index in indices {
        if index >= n {
            return Err(err!(OutOfRange, "index of an example: expected less than {n}, found {index}"));
        }
        bytes.extend(array.bytes().get(index * size..(index + 1) * size).unwrap_or_default());
    }
    let mut shape = vec![indices.len()];
    shape.extend(rest);
    Array::from_bytes(array.dtype(), Shape::new(&shape), &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_error::Code;

    #[test]
    fn a_permutation_has_every_index_once_and_depends_on_the_seed() {
        for n in [0, 1, 2, 1797] {
            let mut order = permutation(n, 3);
            order.sort_unstable();
            assert_eq!(order, (0..n).collect::<Vec<_>>());
        }
        assert_eq!(permutation(100, 3), permutation(100, 3));
        assert_ne!(permutation(100, 3), permutation(100, 4));
        // SplitMix64 from seed 0 begins e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f: swaps 3-3, 2-1 and 1-0.
        assert_eq!(permutation(4, 0), [2, 0, 1, 3]);
    }

    #[test]
    fn every_class_has_its_share_and_every_example_its_place() {
        let (_, labels) = crate::digits().unwrap();
        let labels = labels.to_vec::<u8>().unwrap();
        let division = split_stratified(&labels, 0.2, 1).unwrap();
        assert_eq!((division.train.len(), division.test.len()), (1437, 360));
        let mut all = [division.train.clone(), division.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1797).collect::<Vec<_>>());
        for class in 0..10 {
            let total = labels.iter().filter(|&&l| l == class).count();
            let held = division.test.iter().filter(|&&i| labels[i] == class).count();
            assert!((held as f64 - total as f64 / 5.0).abs() < 1.0, "class {class}: {held} of {total}");
        }
        assert_ne!(division, split_stratified(&labels, 0.2, 2).unwrap());
    }

    #[test]
    fn extreme_fractions_and_wrong_ones() {
        let labels = [3, 3, 5];
        assert_eq!(split_stratified(&labels, 0.0, 1).unwrap().test, []);
        assert_eq!(split_stratified(&labels, 1.0, 1).unwrap().train, []);
        assert_eq!(split_stratified(&labels, 1.1, 1).unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(split_stratified(&labels, f64::NAN, 1).unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(split_stratified(&[], 0.5, 1).unwrap_err().code(), Code::EmptyData);
    }

    #[test]
    fn taking_examples() {
        let a = Array::from_vec(vec![1_i32, 2, 3, 4, 5, 6], Shape::new(&[3, 2])).unwrap();
        let b = take(&a, &[2, 0, 2]).unwrap();
        assert_eq!((b.shape().as_slice(), b.to_vec::<i32>().unwrap()), (&[3, 2][..], vec![5, 6, 1, 2, 5, 6]));
        assert_eq!(take(&a, &[3]).unwrap_err().code(), Code::OutOfRange);
        assert_eq!(take(&Array::scalar(1_u8), &[0]).unwrap_err().code(), Code::RankMismatch);
    }
}
