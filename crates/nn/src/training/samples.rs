//! Samples in memory, and the batches that are cut out of them.

use cornet_error::{Result, err, fail};
use cornet_tensor::{Array, DType, Shape};
use smallvec::SmallVec;

use super::arrays::{Fields, IntoArrays, Part, ready};
use super::batches::{Batch, Batches, Pass};
use crate::dtype_policy::floatx;
use crate::random::permutation;

/// Samples: inputs, and targets and weights if there are.
#[derive(Clone)]
pub(crate) struct Samples {
    fields: [Fields; 3],
    /// The first sample and the one behind the last.
    range: (usize, usize),
}

/// The words for inputs, targets and weights.
const WHAT: [(&str, Part); 3] = [("x", Part::Input), ("y", Part::Target), ("sample_weight", Part::Weight)];

impl Samples {
    /// Inputs `x`, targets `y` and weights of the same number of samples.
    pub fn new(x: &dyn IntoArrays, y: &dyn IntoArrays, weights: Option<&dyn IntoArrays>) -> Result<Self> {
        let weights = weights.map(Fields::of).transpose()?.unwrap_or_default();
        let mut fields = [Fields::of(x)?, Fields::of(y)?, weights];
        for (fields, (_, part)) in fields.iter_mut().zip(WHAT) {
            for array in &mut fields.arrays {
                *array = ready(array, part)?;
            }
        }
        let Some(first) = fields[0].arrays.first() else { fail!(EmptyData, "x: expected an array, found none") };
        let Some(&samples) = first.shape().first() else {
            fail!(RankMismatch, "x: expected samples along the first axis, found a scalar");
        };
        for (fields, (what, _)) in fields.iter().zip(WHAT) {
            fields.check_samples(what, samples, first)?;
        }
        if samples == 0 {
            fail!(EmptyData, "x: expected samples, found none");
        }
        Ok(Self { fields, range: (0, samples) })
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.range.1 - self.range.0
    }

    /// With the weight of each sample's class.
    pub fn with_class_weight(mut self, class_weight: &[(i64, f64)]) -> Result<Self> {
        self.fields[2] = class_weights(&self.fields[1], &self.fields[2], class_weight)?;
        Ok(self)
    }

    /// The first samples to train on and the last ones, a `fraction` of all, to validate on.
    pub fn split(&self, fraction: f64) -> Result<(Self, Self)> {
        if !(0.0..1.0).contains(&fraction) {
            fail!(InvalidArgument, "validation_split: expected 0 to below 1, found {fraction}");
        }
        let at = (self.len() as f64 * (1.0 - fraction)).floor() as usize;
        if at == 0 || at == self.len() {
            let samples = self.len();
            return Err(err!(EmptyData, "validation_split: {fraction} of {samples} samples leaves one side empty")
                .help("give more samples or another fraction"));
        }
        let middle = self.range.0 + at;
        Ok((
            Self { range: (self.range.0, middle), ..self.clone() },
            Self { range: (middle, self.range.1), ..self.clone() },
        ))
    }

    /// All samples as one batch.
    pub fn whole(self) -> Batch {
        let [x, y, sample_weight] = self.fields;
        Batch { x, y, sample_weight }
    }

    /// Batches of this size, the last one smaller if need be; in a new order in each pass that has a key.
    pub fn batches(self, batch_size: usize) -> Result<SampleBatches> {
        if batch_size == 0 {
            fail!(InvalidArgument, "batch_size: expected at least 1, found 0");
        }
        if self.len() > u32::MAX as usize {
            fail!(LimitExceeded, "samples: expected at most {}, found {}", u32::MAX, self.len());
        }
        let batch_size = batch_size.min(self.len());
        let rest = self.len() % batch_size;
        let full = self.room(batch_size);
        let last = if rest == 0 { Batch::default() } else { self.room(rest) };
        Ok(SampleBatches { samples: self, batch_size, order: Vec::new(), next: 0, full, last })
    }

    /// Arrays for a batch of so many samples.
    fn room(&self, samples: usize) -> Batch {
        let of = |fields: &Fields| {
            let shape = |a: &Array| -> Shape { [samples].into_iter().chain(a.shape()[1..].iter().copied()).collect() };
            let arrays = fields.arrays.iter().map(|a| Array::zeros(a.dtype(), shape(a))).collect();
            Fields { arrays, names: fields.names.clone() }
        };
        Batch { x: of(&self.fields[0]), y: of(&self.fields[1]), sample_weight: of(&self.fields[2]) }
    }
}

/// The weights of samples by their classes; a class that has none weighs 1.
///
/// # Source
/// Keras 3, `class_weight_to_sample_weights`.
pub(crate) fn class_weights(targets: &Fields, weights: &Fields, of_classes: &[(i64, f64)]) -> Result<Fields> {
    if !weights.is_empty() {
        return Err(err!(InvalidArgument, "class_weight: expected it without sample_weight, found both")
            .help("multiply the weights of the samples by those of their classes"));
    }
    let [target] = &targets.arrays[..] else {
        let found = targets.arrays.len();
        fail!(InvalidArgument, "class_weight: expected a model of one output, found {found} targets");
    };
    let samples = target.shape().first().copied().unwrap_or(1);
    let classes: Vec<i64> = match target.shape()[..] {
        [_] | [_, 1] => rounded(target)?,
        [_, .., classes] if target.elements() == samples * classes && classes > 0 => {
            let values = target.cast(DType::F64)?.to_vec::<f64>()?;
            values.chunks(classes).map(first_greatest).collect()
        }
        _ => {
            return Err(err!(
                ShapeMismatch,
                "class_weight: expected one class a sample, found y of {}",
                target.shape()
            )
            .help("give sample_weight with a weight for each value instead"));
        }
    };
    let weight = |class: &i64| of_classes.iter().find(|(known, _)| known == class).map_or(1.0, |(_, weight)| *weight);
    let values: Vec<f64> = classes.iter().map(weight).collect();
    let array = Array::from_vec(values, [samples])?.cast(floatx())?;
    Ok(Fields { arrays: SmallVec::from_iter([array]), names: None })
}

fn rounded(target: &Array) -> Result<Vec<i64>> {
    if target.dtype().is_int() {
        return target.to_i64();
    }
    // To even where it is undecided, as in NumPy.
    Ok(target.cast(DType::F64)?.to_vec::<f64>()?.into_iter().map(|x| x.round_ties_even() as i64).collect())
}

fn first_greatest(values: &[f64]) -> i64 {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best as i64
}

/// Brings batch after batch of some samples into arrays that are made once.
pub(crate) struct SampleBatches {
    samples: Samples,
    batch_size: usize,
    /// The order of the samples; as they come if it is empty.
    order: Vec<u32>,
    next: usize,
    full: Batch,
    last: Batch,
}

impl SampleBatches {
    /// The number of batches.
    pub fn steps(&self) -> usize {
        self.samples.len().div_ceil(self.batch_size)
    }

    /// Brings batch `step` into its arrays.
    fn load(&mut self, step: usize) -> Batch {
        let first = step * self.batch_size;
        let is_last = first + self.batch_size > self.samples.len();
        let batch = if is_last { &mut self.last } else { &mut self.full };
        let order = self.order.get(first..(first + self.batch_size).min(self.samples.len()));
        let start = self.samples.range.0;
        let [x, y, w] = &self.samples.fields;
        for (from, to) in [(x, &mut batch.x), (y, &mut batch.y), (w, &mut batch.sample_weight)] {
            for (from, to) in from.arrays.iter().zip(&mut to.arrays) {
                copy(from, to, start, first, order);
            }
        }
        batch.clone()
    }
}

/// Copies samples: those of `order`, or else those behind each other from `first` on, counted from `start`.
fn copy(from: &Array, to: &mut Array, start: usize, first: usize, order: Option<&[u32]>) {
    let samples = to.shape()[0];
    if from.dtype() == DType::Str {
        let place = |i: usize| start + order.map_or(first + i, |order| order[i] as usize);
        return copy_strings(from, to, place);
    }
    let (source, target) = (from.bytes(), to.bytes_mut());
    let row = target.len() / samples.max(1);
    match order {
        None => target.copy_from_slice(&source[(start + first) * row..][..samples * row]),
        Some(order) if row > 0 => {
            for (place, &sample) in target.chunks_exact_mut(row).zip(order) {
                place.copy_from_slice(&source[(start + sample as usize) * row..][..row]);
            }
        }
        Some(_) => {}
    }
}

fn copy_strings(from: &Array, to: &mut Array, place: impl Fn(usize) -> usize) {
    let Ok(source) = from.strings() else { return };
    let (samples, row) = (to.shape()[0], from.elements() / from.shape()[0].max(1));
    let strings = (0..samples).flat_map(|i| source[place(i) * row..][..row].iter().cloned()).collect();
    if let Ok(array) = Array::from_strings(strings, to.shape().clone()) {
        *to = array;
    }
}

impl Batches for SampleBatches {
    fn next_batch(&mut self) -> Result<Option<Batch>> {
        if self.next >= self.steps() {
            return Ok(None);
        }
        self.next += 1;
        Ok(Some(self.load(self.next - 1)))
    }

    fn start(&mut self, pass: Pass) -> Result<bool> {
        self.next = 0;
        match pass.key {
            Some(key) => permutation(key.fold_in(pass.epoch as u64), self.samples.len(), &mut self.order),
            None => self.order.clear(),
        }
        Ok(true)
    }

    fn batches(&self) -> Option<usize> {
        Some(self.steps())
    }

    fn skip(&mut self, batches: usize) -> Result<()> {
        self.next = self.next.saturating_add(batches);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    fn numbers(n: usize) -> Array {
        Array::from_vec((0..n as i32 * 2).collect::<Vec<_>>(), [n, 2]).unwrap()
    }

    fn samples(n: usize) -> Samples {
        Samples::new(&numbers(n), &(), None).unwrap()
    }

    fn read(batches: &mut SampleBatches) -> Vec<Vec<i32>> {
        let batches = std::iter::from_fn(|| batches.next_batch().unwrap());
        batches.map(|batch| batch.x.arrays[0].to_vec().unwrap()).collect()
    }

    #[test]
    fn batches_cover_all_samples_in_order_and_the_last_is_smaller() {
        let mut batches = samples(5).batches(2).unwrap();
        assert_eq!(read(&mut batches), [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
        let (_, validation) = samples(5).split(0.4).unwrap();
        let mut batches = validation.batches(32).unwrap();
        assert_eq!(read(&mut batches), [vec![6, 7, 8, 9]]);
    }

    #[test]
    fn shuffled_batches_have_every_sample_once_and_repeat_with_the_key() {
        let (training, _) = samples(101).split(0.01).unwrap();
        let order = |key: u64| {
            let mut batches = training.clone().batches(7).unwrap();
            batches.start(Pass { epoch: 0, key: Some(Key::new(key)) }).unwrap();
            read(&mut batches).concat()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let mut sorted = order(3);
        assert!(sorted.chunks(2).all(|row| row[0] % 2 == 0 && row[1] == row[0] + 1));
        sorted.sort_unstable();
        assert_eq!(sorted, numbers(99).to_vec::<i32>().unwrap());
    }

    #[test]
    fn data_that_do_not_fit_are_refused() {
        let code = |x: &Array, y: &Array| Samples::new(x, y, None).map(|_| ()).unwrap_err().code().word();
        assert_eq!(code(&numbers(3), &numbers(4)), "shape_mismatch");
        assert_eq!(code(&numbers(3), &Array::scalar(1.0_f32)), "shape_mismatch");
        assert_eq!(code(&numbers(0), &numbers(0)), "empty_data");
        assert_eq!(code(&Array::scalar(1.0_f32), &numbers(1)), "rank_mismatch");
        let short = Array::zeros(DType::F32, [2]);
        let error = Samples::new(&numbers(3), &(), Some(&short)).map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with("samples of sample_weight: expected 3, as x has, found 2"), "{error}");
    }

    #[test]
    fn weights_of_classes_become_weights_of_samples() {
        let weights = |y: Array| -> Result<Vec<f32>> {
            let samples = Samples::new(&numbers(3), &y, None)?.with_class_weight(&[(0, 2.0), (2, 5.0)])?;
            samples.whole().sample_weight.arrays[0].to_vec()
        };
        let classes = vec![2_i32, 0, 1];
        assert_eq!(weights(Array::from_vec(classes.clone(), [3]).unwrap()).unwrap(), [5.0, 2.0, 1.0]);
        assert_eq!(weights(Array::from_vec(classes, [3, 1]).unwrap()).unwrap(), [5.0, 2.0, 1.0]);
        let one_hot = vec![0.0_f32, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        assert_eq!(weights(Array::from_vec(one_hot, [3, 3]).unwrap()).unwrap(), [5.0, 2.0, 1.0]);
        assert!(weights(numbers(6).reshaped([3, 2, 2]).unwrap()).is_err());
    }
}
