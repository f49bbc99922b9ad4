//! Elements by index: gather, scatter, segments, and the indexing syntax.
//!
//! An index from `-n` to `-1` counts from the end of an axis of `n`; any other outside `0` to `n - 1` is an
//! `out_of_range` error when the op runs.

mod mask;
mod one_hot;
mod scatter;
mod segment;
mod syntax;

family! {
    gather_nd
    nonzero
    put_along_axis
    scatter_nd
    take
    take_along_axis
}

pub use syntax::{Ellipsis, Index, NewAxis, Slot};

use cornet_tensor::{Array, DType, Result, err, fail};
use num_complex::Complex64;

/// What becomes of an element that a scatter writes to; where it writes more than once, all writes count in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScatterMode {
    /// Replaced; the last write stays.
    Update,
    /// The sum of old and new.
    Add,
    /// The product of old and new.
    Mul,
    /// The greater of old and new.
    Max,
    /// The lesser of old and new.
    Min,
}

impl ScatterMode {
    /// Every mode.
    pub const ALL: [ScatterMode; 5] =
        [ScatterMode::Update, ScatterMode::Add, ScatterMode::Mul, ScatterMode::Max, ScatterMode::Min];

    /// The word in the attribute `mode`, which is Keras's name of the reduction.
    pub const fn word(self) -> &'static str {
        match self {
            ScatterMode::Update => "update",
            ScatterMode::Add => "add",
            ScatterMode::Mul => "mul",
            ScatterMode::Max => "max",
            ScatterMode::Min => "min",
        }
    }

    /// The mode of that word.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub fn named(word: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|m| m.word() == word)
            .ok_or_else(|| err!(InvalidArgument, "scatter mode: expected update, add, mul, max or min, found {word:?}"))
    }

    fn float(self, old: f64, new: f64) -> f64 {
        match self {
            ScatterMode::Update => new,
            ScatterMode::Add => old + new,
            ScatterMode::Mul => old * new,
            // A NaN stays, as in maximum and minimum.
            ScatterMode::Max if old.is_nan() || old > new => old,
            ScatterMode::Min if old.is_nan() || old < new => old,
            ScatterMode::Max | ScatterMode::Min => new,
        }
    }

    fn int(self, old: i64, new: i64) -> i64 {
        match self {
            ScatterMode::Update => new,
            ScatterMode::Add => old.wrapping_add(new),
            ScatterMode::Mul => old.wrapping_mul(new),
            ScatterMode::Max => old.max(new),
            ScatterMode::Min => old.min(new),
        }
    }

    fn uint(self, old: u64, new: u64) -> u64 {
        match self {
            ScatterMode::Max => old.max(new),
            ScatterMode::Min => old.min(new),
            _ => self.int(old as i64, new as i64) as u64,
        }
    }

    /// Fails where this mode means nothing for `dtype`: strings and bools are only replaced, complex numbers also added
    /// and multiplied.
    pub(crate) fn check(self, dtype: DType) -> Result<()> {
        let admitted = match self {
            ScatterMode::Update => true,
            ScatterMode::Add | ScatterMode::Mul => dtype.is_int() || dtype.is_inexact(),
            ScatterMode::Max | ScatterMode::Min => dtype.is_int() || dtype.is_float(),
        };
        if !admitted {
            fail!(DtypeMismatch, "scatter {}: not defined for {dtype}", self.word());
        }
        Ok(())
    }
}

/// `x` with `updates` written to it in runs of `run` elements, the `i`th to flat position `targets[i]` and on, in order.
pub(crate) fn put(x: &Array, updates: &Array, targets: &[usize], run: usize, mode: ScatterMode) -> Result<Array> {
    let (dtype, shape) = (x.dtype(), x.shape());
    mode.check(dtype)?;
    if run == 0 {
        return Ok(x.clone());
    }
    if dtype == DType::Str {
        let (mut out, new) = (x.strings()?.to_vec(), updates.strings()?);
        targets.iter().zip(new.chunks_exact(run)).for_each(|(&t, s)| out[t..t + run].clone_from_slice(s));
        return Array::from_strings(out, shape);
    }
    if mode == ScatterMode::Update {
        let (mut out, size) = (x.clone(), dtype.size());
        let bytes = out.bytes_mut();
        for (&t, new) in targets.iter().zip(updates.bytes().chunks_exact(run * size)) {
            bytes[t * size..][..run * size].copy_from_slice(new);
        }
        return Ok(out);
    }
    if dtype.is_float() {
        let mut out = x.to_f64()?;
        write(&mut out, &updates.to_f64()?, targets, run, |old, new| mode.float(old, new));
        return Array::from_f64(dtype, shape, &out);
    }
    if dtype.is_complex() {
        let (mut out, new): (Vec<Complex64>, _) = (x.to_c128()?, updates.to_c128()?);
        match mode {
            ScatterMode::Add => write(&mut out, &new, targets, run, |old, new| old + new),
            _ => write(&mut out, &new, targets, run, |old, new| old * new),
        }
        return Array::from_c128(shape, &out);
    }
    let (mut out, new) = (x.to_i64()?, updates.to_i64()?);
    if dtype.is_unsigned_int() {
        write(&mut out, &new, targets, run, |old, new| mode.uint(old as u64, new as u64) as i64);
    } else {
        write(&mut out, &new, targets, run, |old, new| mode.int(old, new));
    }
    Array::from_i64(dtype, shape, &out)
}

/// Combines each run of `updates` with the run of `out` that begins at its target.
fn write<T: Copy>(out: &mut [T], updates: &[T], targets: &[usize], run: usize, combine: impl Fn(T, T) -> T) {
    for (&t, new) in targets.iter().zip(updates.chunks_exact(run)) {
        out[t..t + run].iter_mut().zip(new).for_each(|(old, &new)| *old = combine(*old, new));
    }
}

/// The position that index `i` names on an axis of `n`.
pub(crate) fn wrap(i: i64, n: usize, axis: usize) -> Result<usize> {
    let at = if i < 0 { i + n as i64 } else { i };
    if (0..n as i64).contains(&at) {
        return Ok(at as usize);
    }
    if n == 0 {
        fail!(OutOfRange, "index {i} on axis {axis}, which has no elements");
    }
    Err(err!(OutOfRange, "index on axis {axis}: expected {} to {}, found {i}", -(n as i64), n - 1))
}

/// Fails unless `dtype` can be an index.
pub(crate) fn index_dtype(dtype: DType) -> Result<()> {
    if dtype.is_int() {
        return Ok(());
    }
    Err(err!(DtypeMismatch, "indices: expected an integer, found {dtype}").help("convert them with cast(int32)"))
}
