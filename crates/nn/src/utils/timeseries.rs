//! Windows of time series.

use cornet_error::{Result, fail};
use cornet_tensor::{Array, Shape};

use crate::evaluation::{one, order, rows};
use crate::training::IntoArrays;

/// How windows are cut out of a series: Keras's arguments of `timeseries_dataset_from_array`.
///
/// ```
/// use cornet_nn::utils::Timeseries;
/// use cornet_tensor::Array;
/// let series = Array::from_vec((0..10).collect::<Vec<i32>>(), [10])?;
/// let windows = Timeseries::new(3).sampling_rate(2).batch_size(4).windows(&series, None)?;
/// let (x, _) = windows.batch(0)?;
/// assert_eq!(x.to_vec::<i32>()?, [0, 2, 4, 1, 3, 5, 2, 4, 6, 3, 5, 7]);
/// assert_eq!((windows.len(), windows.batches()), (6, 2));
/// # Ok::<(), cornet_error::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Timeseries {
    sequence_length: usize,
    sequence_stride: usize,
    sampling_rate: usize,
    batch_size: usize,
    seed: Option<u64>,
    start_index: usize,
    end_index: Option<usize>,
}

impl Timeseries {
    /// Windows of so many steps.
    pub fn new(sequence_length: usize) -> Self {
        Self {
            sequence_length,
            sequence_stride: 1,
            sampling_rate: 1,
            batch_size: 128,
            seed: None,
            start_index: 0,
            end_index: None,
        }
    }

    /// How many steps after a window the next begins; by default 1.
    #[must_use]
    pub fn sequence_stride(mut self, stride: usize) -> Self {
        self.sequence_stride = stride;
        self
    }

    /// Every how many steps one is taken within a window; by default 1.
    #[must_use]
    pub fn sampling_rate(mut self, rate: usize) -> Self {
        self.sampling_rate = rate;
        self
    }

    /// How many windows a batch has; by default 128.
    #[must_use]
    pub fn batch_size(mut self, size: usize) -> Self {
        self.batch_size = size;
        self
    }

    /// Shuffles the windows in the order of this seed.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The first step that is used; by default 0.
    #[must_use]
    pub fn start_index(mut self, index: usize) -> Self {
        self.start_index = index;
        self
    }

    /// The step behind the last one that is used.
    #[must_use]
    pub fn end_index(mut self, index: usize) -> Self {
        self.end_index = Some(index);
        self
    }

    /// The windows of a series `[steps, …]`, each with the target at its first step if there are targets.
    ///
    /// # Errors
    /// `out_of_range` for indices, a stride or a rate that the series is too short for.
    ///
    /// # Source
    /// Keras 3 `keras.utils.timeseries_dataset_from_array`; shuffled orders are Cornet's own.
    pub fn windows(&self, data: &dyn IntoArrays, targets: Option<&dyn IntoArrays>) -> Result<Windows> {
        let data = one("data", data)?;
        let targets = targets.map(|targets| one("targets", targets)).transpose()?;
        let Some(&steps) = data.shape().first() else {
            fail!(RankMismatch, "data: expected [steps, …], found a scalar");
        };
        let end = self.end_index.unwrap_or(steps);
        let within = |name: &str, found: usize, least: usize, below: usize| {
            if found < least || found >= below {
                fail!(OutOfRange, "{name}: expected {least} to below {below}, found {found}");
            }
            Ok(())
        };
        if self.start_index > 0 {
            within("start_index", self.start_index, 0, steps)?;
        }
        if self.end_index.is_some() {
            within("end_index", end, self.start_index + 1, steps)?;
        }
        within("sampling_rate", self.sampling_rate, 1, steps)?;
        within("sequence_stride", self.sequence_stride, 1, steps)?;
        within("sequence_length", self.sequence_length, 1, usize::MAX)?;
        within("batch_size", self.batch_size, 1, usize::MAX)?;
        let reach = (self.sequence_length - 1).saturating_mul(self.sampling_rate);
        let mut starts = (end - self.start_index).saturating_sub(reach);
        if let Some(targets) = &targets {
            let own = targets.shape().first().copied().unwrap_or(0);
            starts = starts.min(own.saturating_sub(self.start_index.min(own)).max(usize::from(own == 0)));
        }
        let starts: Vec<usize> = (0..starts).step_by(self.sequence_stride).collect();
        let starts = order(starts.len(), self.seed)?.into_iter().map(|i| self.start_index + starts[i]).collect();
        Ok(Windows { data, targets, starts, options: *self })
    }
}

/// The windows of a series, in batches.
pub struct Windows {
    data: Array,
    targets: Option<Array>,
    starts: Vec<usize>,
    options: Timeseries,
}

impl Windows {
    /// The number of windows.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether the series is too short for a window.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The number of batches.
    pub fn batches(&self) -> usize {
        self.len().div_ceil(self.options.batch_size)
    }

    /// The windows of a batch, `[windows, sequence_length, …]`, and their targets.
    ///
    /// # Errors
    /// `out_of_range` for a batch that there is not.
    pub fn batch(&self, index: usize) -> Result<(Array, Option<Array>)> {
        let size = self.options.batch_size;
        match self.starts.chunks(size).nth(index) {
            Some(starts) => self.of(starts),
            None => fail!(OutOfRange, "batch: expected 0 to {}, found {index}", self.batches() as i64 - 1),
        }
    }

    /// All windows and their targets as one array each.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn arrays(&self) -> Result<(Array, Option<Array>)> {
        self.of(&self.starts)
    }

    fn of(&self, starts: &[usize]) -> Result<(Array, Option<Array>)> {
        let Timeseries { sequence_length, sampling_rate, .. } = self.options;
        let window = |start: &usize| {
            let start = *start;
            (0..sequence_length).map(move |i| start + i * sampling_rate)
        };
        let steps: Vec<usize> = starts.iter().flat_map(window).collect();
        let each = self.data.shape().get(1..).unwrap_or_default();
        let shape: Shape = [starts.len(), sequence_length].into_iter().chain(each.iter().copied()).collect();
        let x = rows(&self.data, &steps)?.reshaped(shape)?;
        Ok((x, self.targets.as_ref().map(|targets| rows(targets, starts)).transpose()?))
    }

    /// The batches, one after another.
    pub fn iter(&self) -> impl Iterator<Item = Result<(Array, Option<Array>)>> {
        self.starts.chunks(self.options.batch_size).map(|starts| self.of(starts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(n: i32) -> Array {
        Array::from_vec((0..n).collect::<Vec<i32>>(), [n as usize]).unwrap()
    }

    #[test]
    fn windows_have_targets_and_come_in_batches() {
        let windows =
            Timeseries::new(4).sequence_stride(3).batch_size(2).windows(&series(14), Some(&series(14))).unwrap();
        let (x, y) = windows.batch(1).unwrap();
        assert_eq!(x.to_vec::<i32>().unwrap(), [6, 7, 8, 9, 9, 10, 11, 12]);
        assert_eq!(y.unwrap().to_vec::<i32>().unwrap(), [6, 9]);
        assert_eq!((windows.len(), windows.batches(), windows.iter().count()), (4, 2, 2));
        assert!(windows.batch(2).is_err());
        let part = Timeseries::new(2).start_index(3).end_index(6).windows(&series(14), None).unwrap();
        assert_eq!(part.arrays().unwrap().0.to_vec::<i32>().unwrap(), [3, 4, 4, 5]);
        let shuffled = Timeseries::new(2).shuffle(1).windows(&series(50), None).unwrap().arrays().unwrap().0;
        let plain = Timeseries::new(2).windows(&series(50), None).unwrap().arrays().unwrap().0;
        assert_ne!(shuffled.to_vec::<i32>().unwrap(), plain.to_vec::<i32>().unwrap());
        assert!(Timeseries::new(2).end_index(20).windows(&series(14), None).is_err());
        assert!(Timeseries::new(20).windows(&series(14), None).unwrap().is_empty());
    }
}
