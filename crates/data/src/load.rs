//! Reading a dataset into arrays.

use std::fmt;
use std::path::PathBuf;

use cornet_error::{Limits, Result, err, fail};
use cornet_tensor::{Array, DType};

use crate::cache::contents;
use crate::registry::{Dataset, info};
use crate::split::{split_stratified, take};
use crate::{digits, idx};

/// How a dataset is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// A folder that has the files; the cache if `None`.
    pub data: Option<PathBuf>,
    /// Seed of the division into examples to train on and to test with, where the dataset has none of its own (digits).
    pub split_seed: u64,
    /// Bounds on what the files may hold.
    pub limits: Limits,
}

/// Examples to train on and to test with: inputs and labels, as stored (uint8).
#[derive(Clone)]
pub struct Splits {
    /// Inputs `[examples, …]` and labels `[examples]` to train on.
    pub train: (Array, Array),
    /// Inputs and labels to test with.
    pub test: (Array, Array),
}

impl fmt::Debug for Splits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes = |(x, y): &(Array, Array)| format!("x {} y {}", x.shape(), y.shape());
        f.debug_struct("Splits").field("train", &shapes(&self.train)).field("test", &shapes(&self.test)).finish()
    }
}

/// Reads a dataset by name. It is not downloaded: see [`fetch`](crate::fetch).
///
/// # Errors
/// `not_found` for an unknown name or absent files; `corrupt` for files of another content; what reading them fails with.
pub fn load(name: &str, options: &LoadOptions) -> Result<Splits> {
    load_dataset(info(name)?, options)
}

/// Reads a dataset.
///
/// # Errors
/// As [`load`].
pub fn load_dataset(dataset: &Dataset, options: &LoadOptions) -> Result<Splits> {
    let splits = if dataset.is_embedded() { load_digits(options)? } else { load_files(dataset, options)? };
    for ((x, y), examples) in [&splits.train, &splits.test].into_iter().zip(dataset.examples) {
        let mut expected = vec![examples];
        expected.extend(dataset.example);
        if x.shape().as_slice() != expected || y.shape().as_slice() != [examples] {
            return Err(err!(Corrupt, "shape of the examples: expected {expected:?}, found {}", x.shape())
                .operand("labels", y.shape())
                .within(dataset.name));
        }
    }
    Ok(splits)
}

fn load_digits(options: &LoadOptions) -> Result<Splits> {
    let (x, y) = digits()?;
    let division = split_stratified(y.as_slice::<u8>()?, 0.2, options.split_seed)?;
    let part = |indices: &[usize]| Ok((take(&x, indices)?, take(&y, indices)?));
    Ok(Splits { train: part(&division.train)?, test: part(&division.test)? })
}

fn load_files(dataset: &Dataset, options: &LoadOptions) -> Result<Splits> {
    let found = contents(dataset, options.data.as_deref(), &options.limits)?;
    let array = |(path, content): &(PathBuf, Vec<u8>)| {
        idx::parse(content, &options.limits).map_err(|e| e.within(path.display().to_string()))
    };
    let arrays = found.files.iter().map(array).collect::<Result<Vec<Array>>>()?;
    let arrays: [Array; 4] = arrays
        .try_into()
        .map_err(|found: Vec<Array>| err!(Internal, "files of {}: expected 4, found {}", dataset.name, found.len()))?;
    let [train_x, train_y, test_x, test_y] = arrays;
    Ok(Splits { train: (train_x, train_y), test: (test_x, test_y) })
}

/// Bytes as float32 between 0 and 1: `x / max`.
///
/// # Errors
/// `dtype_mismatch` when `x` is not uint8; `invalid_argument` when `max` is 0.
///
/// ```
/// use cornet_data::{info, load, scaled};
/// let digits = load("digits", &Default::default())?;
/// let x = scaled(&digits.train.0, info("digits")?.max_value)?;
/// assert!(x.to_vec::<f32>()?.iter().all(|v| (0.0..=1.0).contains(v)));
/// # Ok::<(), cornet_data::Error>(())
/// ```
pub fn scaled(x: &Array, max: u8) -> Result<Array> {
    x.expect_dtype(DType::U8)?;
    if max == 0 {
        fail!(InvalidArgument, "max: expected at least 1, found 0");
    }
    let mut out = Array::zeros(DType::F32, x.shape());
    for (value, &byte) in out.as_mut_slice::<f32>()?.iter_mut().zip(x.bytes()) {
        *value = f32::from(byte) / f32::from(max);
    }
    Ok(out)
}
