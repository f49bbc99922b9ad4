//! Which samples are trained on and which are kept to judge by.

use cornet_error::{Result, err, fail};
use cornet_tensor::{Array, DType, Shape};

use super::inputs::{class_numbers, one};
use crate::random::{Key, permutation};
use crate::training::IntoArrays;

/// The places of the samples to train on and of those to judge by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fold {
    /// To train on.
    pub train: Vec<usize>,
    /// To judge by.
    pub test: Vec<usize>,
}

impl Fold {
    /// The rows of an array to train on and to judge by.
    ///
    /// # Errors
    /// `out_of_range` for an array of fewer rows.
    pub fn split(&self, of: &dyn IntoArrays) -> Result<(Array, Array)> {
        let array = one("data", of)?;
        Ok((rows(&array, &self.train)?, rows(&array, &self.test)?))
    }
}

/// Some rows of an array, in this order: the samples of a [`Fold`].
///
/// # Errors
/// `rank_mismatch` for a scalar; `out_of_range` for a row that is not there.
pub fn rows(array: &Array, places: &[usize]) -> Result<Array> {
    let Some((&count, rest)) = array.shape().split_first() else {
        fail!(RankMismatch, "rows: expected an array of rows, found a scalar");
    };
    if let Some(place) = places.iter().find(|place| **place >= count) {
        fail!(OutOfRange, "rows: expected 0 to {}, found {place}", count as i64 - 1);
    }
    let shape: Shape = [places.len()].into_iter().chain(rest.iter().copied()).collect();
    if array.dtype() == DType::Str {
        let (all, each) = (array.strings()?, rest.iter().product::<usize>());
        let chosen = places.iter().flat_map(|place| all[place * each..(place + 1) * each].iter().cloned());
        return Array::from_strings(chosen.collect(), shape);
    }
    let (bytes, row) = (array.bytes(), array.bytes().len() / count.max(1));
    let chosen: Vec<u8> = places.iter().flat_map(|place| &bytes[place * row..(place + 1) * row]).copied().collect();
    Array::from_bytes(array.dtype(), shape, &chosen)
}

/// The numbers below `n` in the order of a seed, or as they are.
pub(crate) fn order(n: usize, seed: Option<u64>) -> Result<Vec<usize>> {
    let Some(seed) = seed else { return Ok((0..n).collect()) };
    if n > u32::MAX as usize {
        fail!(LimitExceeded, "samples: expected at most {}, found {n}", u32::MAX);
    }
    let mut order = Vec::new();
    permutation(Key::new(seed), n, &mut order);
    Ok(order.into_iter().map(|place| place as usize).collect())
}

/// Folds from the number of the fold in which each sample is judged by.
fn folds(count: usize, of: &[usize]) -> Vec<Fold> {
    let fold = |k: usize| {
        let (test, train) = (0..of.len()).partition(|place| of[*place] == k);
        Fold { train, test }
    };
    (0..count).map(fold).collect()
}

/// Divides samples into `n_splits` parts, each of which is judged by in turn.
///
/// ```
/// use cornet_nn::evaluation::KFold;
/// let folds = KFold::new(2).folds(4)?;
/// assert_eq!((&folds[0].train[..], &folds[0].test[..]), (&[2, 3][..], &[0, 1][..]));
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Source
/// scikit-learn `sklearn.model_selection.KFold`; shuffled orders are Cornet's own.
#[derive(Clone, Copy, Debug)]
pub struct KFold {
    n_splits: usize,
    seed: Option<u64>,
}

impl KFold {
    /// So many folds of neighbouring samples.
    pub fn new(n_splits: usize) -> Self {
        Self { n_splits, seed: None }
    }

    /// Shuffles the samples first, in the order of this seed.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The folds of so many samples. The first ones have one more where the number does not divide.
    ///
    /// # Errors
    /// `invalid_argument` unless there are 2 folds or more, and as many samples.
    pub fn folds(&self, samples: usize) -> Result<Vec<Fold>> {
        check(self.n_splits, samples)?;
        let (each, more) = (samples / self.n_splits, samples % self.n_splits);
        let sizes = (0..self.n_splits).map(|k| each + usize::from(k < more));
        let turns = sizes.enumerate().flat_map(|(k, size)| std::iter::repeat_n(k, size));
        let mut of = vec![0; samples];
        for (place, k) in order(samples, self.seed)?.into_iter().zip(turns) {
            of[place] = k;
        }
        Ok(folds(self.n_splits, &of))
    }
}

fn check(n_splits: usize, samples: usize) -> Result<()> {
    if n_splits < 2 {
        fail!(InvalidArgument, "n_splits: expected at least 2, found {n_splits}");
    }
    if n_splits > samples {
        fail!(InvalidArgument, "n_splits: expected at most {samples}, the number of samples, found {n_splits}");
    }
    Ok(())
}

/// [`KFold`] whose parts have all classes in the same proportions, as nearly as can be.
///
/// # Source
/// scikit-learn `sklearn.model_selection.StratifiedKFold`; shuffled orders are Cornet's own.
#[derive(Clone, Copy, Debug)]
pub struct StratifiedKFold {
    n_splits: usize,
    seed: Option<u64>,
}

impl StratifiedKFold {
    /// So many folds; each class goes to them in the order of its samples.
    pub fn new(n_splits: usize) -> Self {
        Self { n_splits, seed: None }
    }

    /// Shuffles the samples of each class first, by this seed.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The folds of samples of these classes; for what is taken as a class see [`class_numbers`].
    ///
    /// # Errors
    /// `invalid_argument` unless there are 2 folds or more and a class of as many samples.
    pub fn folds(&self, classes: &dyn IntoArrays) -> Result<Vec<Fold>> {
        let classes = class_numbers(classes)?;
        check(self.n_splits, classes.len())?;
        let groups = groups(&classes);
        let most = groups.iter().map(Vec::len).max().unwrap_or(0);
        if self.n_splits > most {
            return Err(err!(
                InvalidArgument,
                "n_splits: expected at most {most}, the samples of the largest class, found {}",
                self.n_splits
            ));
        }
        let mut of = vec![0; classes.len()];
        let mut first = 0;
        for (k, group) in groups.iter().enumerate() {
            // With all samples sorted by class and dealt out in turn, how many of this class each fold would get.
            let mut sizes = vec![0; self.n_splits];
            (first..first + group.len()).for_each(|place| sizes[place % self.n_splits] += 1);
            first += group.len();
            let mut turns: Vec<usize> =
                sizes.iter().enumerate().flat_map(|(fold, size)| std::iter::repeat_n(fold, *size)).collect();
            if let Some(seed) = self.seed {
                let shuffled = order(turns.len(), Some(mixed(seed, k)))?;
                turns = shuffled.into_iter().map(|i| turns[i]).collect();
            }
            for (place, fold) in group.iter().zip(turns) {
                of[*place] = fold;
            }
        }
        Ok(folds(self.n_splits, &of))
    }
}

/// A seed of a class.
fn mixed(seed: u64, class: usize) -> u64 {
    let [high, low] = Key::new(seed).block(class as u64);
    u64::from(high) << 32 | u64::from(low)
}

/// The places of the samples of each class, the classes in the order in which they first occur.
fn groups(classes: &[usize]) -> Vec<Vec<usize>> {
    let mut known: Vec<(usize, Vec<usize>)> = Vec::new();
    for (place, class) in classes.iter().enumerate() {
        match known.iter_mut().find(|(k, _)| k == class) {
            Some((_, places)) => places.push(place),
            None => known.push((*class, vec![place])),
        }
    }
    known.into_iter().map(|(_, places)| places).collect()
}

/// A number of samples, or a share of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// So many.
    Count(usize),
    /// This share, between 0 and 1.
    Share(f64),
}

impl From<usize> for Part {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Part {
    fn from(share: f64) -> Self {
        Self::Share(share)
    }
}

impl Part {
    /// How many of so many samples it is, rounded as told.
    pub(crate) fn of(self, name: &str, samples: usize, round: fn(f64) -> f64) -> Result<usize> {
        match self {
            Self::Count(count) if count > 0 && count < samples => Ok(count),
            Self::Share(share) if share > 0.0 && share < 1.0 => Ok(round(share * samples as f64) as usize),
            Self::Count(found) => fail!(InvalidArgument, "{name}: expected 1 to {}, found {found}", samples as i64 - 1),
            Self::Share(found) => fail!(InvalidArgument, "{name}: expected a share between 0 and 1, found {found}"),
        }
    }
}

/// Sets a part of the samples aside to judge by.
///
/// ```
/// use cornet_nn::evaluation::TrainTestSplit;
/// use cornet_tensor::Array;
/// let x = Array::from_vec((0..20).collect::<Vec<i32>>(), [10, 2])?;
/// let fold = TrainTestSplit::new(0.2).shuffle(7).fold(10)?;
/// let (train, test) = fold.split(&x)?;
/// assert_eq!((train.shape()[0], test.shape()[0]), (8, 2));
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Source
/// scikit-learn `sklearn.model_selection.train_test_split`; shuffled orders are Cornet's own, and they are not shuffled
/// unless asked for.
#[derive(Clone, Copy, Debug)]
pub struct TrainTestSplit {
    test_size: Part,
    train_size: Option<Part>,
    seed: Option<u64>,
}

impl TrainTestSplit {
    /// A share of the samples, or a number of them, the last ones unless shuffled. A share is rounded up.
    pub fn new(test_size: impl Into<Part>) -> Self {
        Self { test_size: test_size.into(), train_size: None, seed: None }
    }

    /// How many are trained on, if not all others. A share is rounded down.
    #[must_use]
    pub fn train_size(mut self, train_size: impl Into<Part>) -> Self {
        self.train_size = Some(train_size.into());
        self
    }

    /// Shuffles the samples first, in the order of this seed.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn sizes(&self, samples: usize) -> Result<(usize, usize)> {
        let test = self.test_size.of("test_size", samples, f64::ceil)?;
        let train = match self.train_size {
            Some(part) => part.of("train_size", samples, f64::floor)?,
            None => samples.saturating_sub(test),
        };
        if train == 0 || test == 0 || train + test > samples {
            fail!(InvalidArgument, "sizes: expected two parts of {samples} samples, found {train} and {test}");
        }
        Ok((train, test))
    }

    /// The two parts of so many samples.
    ///
    /// # Errors
    /// `invalid_argument` for parts that are empty or more than there are.
    pub fn fold(&self, samples: usize) -> Result<Fold> {
        let (train, test) = self.sizes(samples)?;
        let mut order = order(samples, self.seed)?;
        // As scikit-learn does: shuffled, the first ones are to judge by; else those after the ones to train on.
        if self.seed.is_some() {
            order.rotate_left(test);
        }
        let test_from = if self.seed.is_some() { samples - test } else { train };
        Ok(Fold { train: order[..train].to_vec(), test: order[test_from..test_from + test].to_vec() })
    }

    /// The two parts of samples of these classes, with all classes in the same proportions in both, as nearly as can be.
    /// They are shuffled, by seed 0 if none is given.
    ///
    /// # Errors
    /// As [`TrainTestSplit::fold`]; `invalid_argument` for a class of one sample, or fewer samples in a part than
    /// classes.
    pub fn stratified_fold(&self, classes: &dyn IntoArrays) -> Result<Fold> {
        let classes = class_numbers(classes)?;
        let (train, test) = self.sizes(classes.len())?;
        let mut groups = groups(&classes);
        groups.sort_by_key(|places| classes[places[0]]);
        if groups.iter().any(|places| places.len() < 2) {
            fail!(InvalidArgument, "classes: expected at least 2 samples of each, found a class of one");
        }
        if train < groups.len() || test < groups.len() {
            fail!(InvalidArgument, "sizes: expected at least {} in each part, found {train} and {test}", groups.len());
        }
        let seed = self.seed.unwrap_or(0);
        let counts: Vec<usize> = groups.iter().map(Vec::len).collect();
        let for_train = shares(&counts, train, mixed(seed, usize::MAX))?;
        let left: Vec<usize> = counts.iter().zip(&for_train).map(|(all, taken)| all - taken).collect();
        let for_test = shares(&left, test, mixed(seed, usize::MAX - 1))?;
        let mut fold = Fold::default();
        for (k, places) in groups.iter().enumerate() {
            let shuffled: Vec<usize> =
                order(places.len(), Some(mixed(seed, k)))?.into_iter().map(|i| places[i]).collect();
            fold.train.extend(&shuffled[..for_train[k]]);
            fold.test.extend(&shuffled[for_train[k]..for_train[k] + for_test[k]]);
        }
        for part in [&mut fold.train, &mut fold.test] {
            *part = order(part.len(), Some(mixed(seed, part.len())))?.into_iter().map(|i| part[i]).collect();
        }
        Ok(fold)
    }
}

/// `total` divided among classes in proportion to their counts: rounded down, and what is left to the largest
/// remainders, those that are equal in a random order.
fn shares(counts: &[usize], total: usize, seed: u64) -> Result<Vec<usize>> {
    let all: usize = counts.iter().sum();
    let exact: Vec<f64> = counts.iter().map(|c| *c as f64 / all.max(1) as f64 * total as f64).collect();
    let mut shares: Vec<usize> = exact.iter().map(|e| e.floor() as usize).collect();
    let mut by_remainder = order(counts.len(), Some(seed))?;
    let remainder = |k: &usize| exact[*k] - exact[*k].floor();
    by_remainder.sort_by(|a, b| remainder(b).total_cmp(&remainder(a)));
    let missing = total.saturating_sub(shares.iter().sum());
    by_remainder.retain(|k| shares[*k] < counts[*k]);
    by_remainder.into_iter().take(missing).for_each(|k| shares[k] += 1);
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(folds: &[Fold], samples: usize) {
        let mut tested: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
        tested.sort_unstable();
        assert_eq!(tested, (0..samples).collect::<Vec<_>>());
        for fold in folds {
            let mut all = [&fold.train[..], &fold.test[..]].concat();
            all.sort_unstable();
            assert_eq!(all, (0..samples).collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_sample_is_judged_by_once() {
        let plain = KFold::new(3).folds(8).unwrap();
        covers(&plain, 8);
        assert_eq!(plain[0].test, [0, 1, 2]);
        assert_eq!(plain[2].test, [6, 7]);
        let shuffled = KFold::new(3).shuffle(1).folds(80).unwrap();
        covers(&shuffled, 80);
        assert_ne!(shuffled[0], KFold::new(3).shuffle(2).folds(80).unwrap()[0]);
        assert!(KFold::new(1).folds(8).is_err());
        assert!(KFold::new(9).folds(8).is_err());
    }

    #[test]
    fn strata_keep_their_proportions() {
        let classes = Array::from_vec((0..90).map(|i| i32::from(i % 3 == 0)).collect::<Vec<_>>(), [90]).unwrap();
        for folds in [StratifiedKFold::new(5).folds(&classes), StratifiedKFold::new(5).shuffle(3).folds(&classes)] {
            let folds = folds.unwrap();
            covers(&folds, 90);
            assert!(folds.iter().all(|fold| fold.test.iter().filter(|place| *place % 3 == 0).count() == 6));
        }
        let fold = TrainTestSplit::new(0.2).shuffle(5).stratified_fold(&classes).unwrap();
        assert_eq!((fold.train.len(), fold.test.len()), (72, 18));
        assert_eq!(fold.test.iter().filter(|place| *place % 3 == 0).count(), 6);
        covers(&[Fold { train: Vec::new(), test: [fold.train, fold.test].concat() }], 90);
    }

    #[test]
    fn parts_are_of_the_sizes_asked_for() {
        let fold = TrainTestSplit::new(3_usize).fold(10).unwrap();
        assert_eq!(fold, Fold { train: (0..7).collect(), test: vec![7, 8, 9] });
        let fold = TrainTestSplit::new(0.25).train_size(0.5).shuffle(1).fold(10).unwrap();
        assert_eq!((fold.train.len(), fold.test.len()), (5, 3));
        assert!(fold.train.iter().all(|place| !fold.test.contains(place)));
        assert!(TrainTestSplit::new(0.0).fold(10).is_err());
        assert!(TrainTestSplit::new(10_usize).fold(10).is_err());
        let words = Array::from_strings(vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()], [3]).unwrap();
        assert_eq!(rows(&words, &[2, 0]).unwrap().strings().unwrap(), [b"c".to_vec(), b"a".to_vec()]);
        assert!(rows(&words, &[3]).is_err());
    }
}
