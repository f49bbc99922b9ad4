//! Samples in memory, and the batches that steps are fed with.

use cornet_error::{Result, err, fail};
use cornet_ops::{Tensor, Type};
use cornet_tensor::{Array, DType, Shape};
use smallvec::SmallVec;

use crate::random::{Key, permutation};
use crate::shape::PartialShape;

/// What `fit`, `evaluate` and `predict` take: an array or a tensor, or several for several inputs or outputs.
pub trait IntoArrays: Send + Sync {
    /// The arrays; they share memory with what they come from.
    ///
    /// # Errors
    /// The failure that a tensor carries.
    fn arrays(&self) -> Result<Vec<Array>>;
}

impl IntoArrays for Array {
    fn arrays(&self) -> Result<Vec<Array>> {
        Ok(vec![self.clone()])
    }
}

impl IntoArrays for Tensor {
    fn arrays(&self) -> Result<Vec<Array>> {
        Ok(vec![self.array()?])
    }
}

impl<T: IntoArrays> IntoArrays for Vec<T> {
    fn arrays(&self) -> Result<Vec<Array>> {
        self.as_slice().arrays()
    }
}

impl<T: IntoArrays, const N: usize> IntoArrays for [T; N] {
    fn arrays(&self) -> Result<Vec<Array>> {
        self.as_slice().arrays()
    }
}

impl<T: IntoArrays> IntoArrays for [T] {
    fn arrays(&self) -> Result<Vec<Array>> {
        Ok(self.iter().map(IntoArrays::arrays).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }
}

impl<T: IntoArrays + ?Sized> IntoArrays for &T {
    fn arrays(&self) -> Result<Vec<Array>> {
        (**self).arrays()
    }
}

/// Samples: inputs, and targets if there are.
#[derive(Clone)]
pub(crate) struct Data {
    inputs: usize,
    arrays: Vec<Array>,
    /// The first sample and the one behind the last.
    range: (usize, usize),
}

impl Data {
    /// Inputs `x` and targets `y` of the same number of samples.
    pub fn new(x: &dyn IntoArrays, y: Option<&dyn IntoArrays>) -> Result<Self> {
        let inputs = x.arrays()?.into_iter().map(|a| ready(a, false)).collect::<Result<Vec<_>>>()?;
        let targets = match y {
            Some(y) => y.arrays()?.into_iter().map(|a| ready(a, true)).collect::<Result<Vec<_>>>()?,
            None => Vec::new(),
        };
        let Some(first) = inputs.first() else { fail!(EmptyData, "x: expected an array, found none") };
        let Some(&samples) = first.shape().first() else {
            fail!(RankMismatch, "x: expected samples along the first axis, found a scalar");
        };
        for (name, arrays) in [("x", &inputs), ("y", &targets)] {
            for array in arrays {
                let found = array.shape().first().copied();
                if found != Some(samples) {
                    let found = found.map_or("a scalar".into(), |n| format!("{n}"));
                    return Err(err!(ShapeMismatch, "samples of {name}: expected {samples}, as x has, found {found}")
                        .operand("x", first.shape())
                        .operand(name, array.shape())
                        .help("x and y need one row a sample, in the same order"));
                }
            }
        }
        if samples == 0 {
            fail!(EmptyData, "x: expected samples, found none");
        }
        Ok(Self { inputs: inputs.len(), arrays: [inputs, targets].concat(), range: (0, samples) })
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.range.1 - self.range.0
    }

    /// The first samples to train on and the last ones, a `fraction` of all, to validate on.
    pub fn split(&self, fraction: f64) -> Result<(Self, Self)> {
        if !(0.0..1.0).contains(&fraction) {
            fail!(InvalidArgument, "validation_split: expected 0 to below 1, found {fraction}");
        }
        let at = (self.len() as f64 * (1.0 - fraction)).floor() as usize;
        if at == 0 || at == self.len() {
            return Err(err!(
                EmptyData,
                "validation_split: {fraction} of {} samples leaves one side empty",
                self.len()
            )
            .help("give more samples or another fraction"));
        }
        let middle = self.range.0 + at;
        Ok((
            Self { range: (self.range.0, middle), ..self.clone() },
            Self { range: (middle, self.range.1), ..self.clone() },
        ))
    }

    /// The shapes of inputs of any number of samples.
    pub fn input_shapes(&self) -> Vec<PartialShape> {
        self.arrays[..self.inputs].iter().map(|a| PartialShape::of_batch(a.shape())).collect()
    }

    /// The targets.
    pub fn targets(&self) -> &[Array] {
        &self.arrays[self.inputs..]
    }

    /// Fails if a target that is a class number is not below `classes`.
    pub fn check_classes(&self, classes: usize) -> Result<()> {
        for target in self.targets().iter().filter(|t| t.dtype().is_int()) {
            let row = target.elements() / target.shape()[0].max(1);
            let numbers = target.to_i64()?;
            let own = &numbers[self.range.0 * row..self.range.1 * row];
            let wrong = |&label: &i64| usize::try_from(label).map_or(true, |label| label >= classes);
            if let Some(at) = own.iter().position(wrong) {
                let (sample, found) = (at / row.max(1), own[at]);
                let error = err!(
                    OutOfRange,
                    "y, sample {sample}: expected a class from 0 to {}, found {found}",
                    classes as i64 - 1
                );
                return Err(error
                    .operand("y", target.shape())
                    .operand("classes", classes)
                    .help("the last layer needs as many units as there are classes, counted from 0"));
            }
        }
        Ok(())
    }
}

/// An array as steps take it: float64 as float32, class numbers as int32, bools of targets as float32.
fn ready(array: Array, is_target: bool) -> Result<Array> {
    match array.dtype() {
        DType::F64 => array.cast(DType::F32),
        DType::Str => Err(err!(DtypeMismatch, "data: expected numbers, found strings")
            .help("turn texts into numbers before they are fed to the model")),
        DType::Bool if is_target => array.cast(DType::F32),
        DType::I32 => Ok(array),
        dtype if is_target && dtype.is_int() => {
            let narrow = array.cast(DType::I32)?;
            let wide = if dtype.size() < 4 { None } else { Some(array.to_i64()? == narrow.to_i64()?) };
            if wide == Some(false) { array.cast(DType::I64) } else { Ok(narrow) }
        }
        _ => Ok(array),
    }
}

/// Brings batch after batch of some data into arrays that are made once.
pub(crate) struct Batches {
    data: Data,
    batch_size: usize,
    /// The order of the samples; as they come if it is empty.
    order: Vec<u32>,
    full: Vec<Array>,
    last: Vec<Array>,
}

impl Batches {
    pub fn new(data: Data, batch_size: usize) -> Result<Self> {
        if batch_size == 0 {
            fail!(InvalidArgument, "batch_size: expected at least 1, found 0");
        }
        if data.len() > u32::MAX as usize {
            fail!(LimitExceeded, "samples: expected at most {}, found {}", u32::MAX, data.len());
        }
        let batch_size = batch_size.min(data.len());
        let batch = |samples: usize| -> Vec<Array> {
            let shape = |a: &Array| -> Shape { [samples].into_iter().chain(a.shape()[1..].iter().copied()).collect() };
            data.arrays.iter().map(|a| Array::zeros(a.dtype(), shape(a))).collect()
        };
        let (full, rest) = (batch(batch_size), data.len() % batch_size);
        let last = if rest == 0 { Vec::new() } else { batch(rest) };
        Ok(Self { data, batch_size, order: Vec::new(), full, last })
    }

    /// The number of batches.
    pub fn steps(&self) -> usize {
        self.data.len().div_ceil(self.batch_size)
    }

    /// The number of inputs among the arrays of a batch.
    pub fn inputs(&self) -> usize {
        self.data.inputs
    }

    /// The types of a full batch, and of the last one if it is smaller.
    pub fn types(&self) -> (Vec<Type>, Option<Vec<Type>>) {
        let types = |arrays: &[Array]| arrays.iter().map(Type::of).collect::<Vec<_>>();
        (types(&self.full), (!self.last.is_empty()).then(|| types(&self.last)))
    }

    /// Puts the samples in a random order, which the key decides.
    pub fn shuffle(&mut self, key: Key) {
        permutation(key, self.data.len(), &mut self.order);
    }

    /// Brings batch `step` into its arrays: whether it is the smaller last one, and the arrays.
    pub fn load(&mut self, step: usize) -> (bool, SmallVec<[&Array; 4]>) {
        let first = step * self.batch_size;
        let is_last = first + self.batch_size > self.data.len();
        let batch = if is_last { &mut self.last } else { &mut self.full };
        for (from, to) in self.data.arrays.iter().zip(batch.iter_mut()) {
            let (samples, source, target) = (to.shape()[0], from.bytes(), to.bytes_mut());
            let row = target.len() / samples.max(1);
            let start = self.data.range.0;
            match self.order.get(first..first + samples) {
                None => target.copy_from_slice(&source[(start + first) * row..][..samples * row]),
                Some(order) if row > 0 => {
                    for (place, &sample) in target.chunks_exact_mut(row).zip(order) {
                        place.copy_from_slice(&source[(start + sample as usize) * row..][..row]);
                    }
                }
                Some(_) => {}
            }
        }
        (is_last, batch.iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Array {
        Array::from_vec((0..n as i32 * 2).collect::<Vec<_>>(), [n, 2]).unwrap()
    }

    fn read(batches: &mut Batches) -> Vec<Vec<i32>> {
        (0..batches.steps()).map(|step| batches.load(step).1[0].to_vec().unwrap()).collect()
    }

    #[test]
    fn batches_cover_all_samples_in_order_and_the_last_is_smaller() {
        let mut batches = Batches::new(Data::new(&numbers(5), None).unwrap(), 2).unwrap();
        assert_eq!(read(&mut batches), [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
        let (_, validation) = Data::new(&numbers(5), None).unwrap().split(0.4).unwrap();
        let mut batches = Batches::new(validation, 32).unwrap();
        assert_eq!(read(&mut batches), [vec![6, 7, 8, 9]]);
    }

    #[test]
    fn shuffled_batches_have_every_sample_once_and_repeat_with_the_key() {
        let (training, _) = Data::new(&numbers(101), None).unwrap().split(0.01).unwrap();
        let order = |key: u64| {
            let mut batches = Batches::new(training.clone(), 7).unwrap();
            batches.shuffle(Key::new(key));
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
        let code = |x: &Array, y: &Array| Data::new(x, Some(y)).map(|_| ()).unwrap_err().code().word();
        assert_eq!(code(&numbers(3), &numbers(4)), "shape_mismatch");
        assert_eq!(code(&numbers(3), &Array::scalar(1.0_f32)), "shape_mismatch");
        assert_eq!(code(&numbers(0), &numbers(0)), "empty_data");
        assert_eq!(code(&Array::scalar(1.0_f32), &numbers(1)), "rank_mismatch");
        let labels = Array::from_vec(vec![0_u8, 3, 1], [3]).unwrap();
        let data = Data::new(&numbers(3), Some(&labels)).unwrap();
        assert!(data.check_classes(4).is_ok());
        assert!(data.check_classes(3).unwrap_err().to_string().contains("sample 1"));
    }

    #[test]
    fn targets_become_int32_where_they_fit() {
        let wide = Array::from_vec(vec![1_i64, 1 << 40], [2]).unwrap();
        assert_eq!(ready(wide, true).unwrap().dtype(), DType::I64);
        let small = Array::from_vec(vec![1_i64, 2], [2]).unwrap();
        assert_eq!(ready(small, true).unwrap().dtype(), DType::I32);
        let bytes = Array::from_vec(vec![1_u8, 2], [2]).unwrap();
        assert_eq!(ready(bytes.clone(), true).unwrap().dtype(), DType::I32);
        assert_eq!(ready(bytes, false).unwrap().dtype(), DType::U8);
    }
}
