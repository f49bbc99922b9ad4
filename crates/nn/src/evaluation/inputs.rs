//! What the functions of this module take, as numbers.

use cornet_error::{Result, err, fail};
use cornet_tensor::{Array, DType, Shape};

use crate::training::IntoArrays;

/// The one array of an argument.
pub(crate) fn one(name: &str, of: &dyn IntoArrays) -> Result<Array> {
    let arrays = of.arrays()?;
    match &arrays[..] {
        [one] => Ok(one.clone()),
        several => Err(err!(InvalidArgument, "{name}: expected one array, found {}", several.len())),
    }
}

/// A number for each sample: `[samples]` or `[samples, 1]`.
pub(super) fn column(name: &str, of: &dyn IntoArrays) -> Result<Vec<f64>> {
    let array = one(name, of)?;
    match array.shape().as_slice() {
        [_] | [_, 1] => array.to_f64(),
        _ => Err(err!(ShapeMismatch, "{name}: expected [samples] or [samples, 1], found {}", array.shape())),
    }
}

/// Fails unless both have one number a sample.
pub(super) fn same_length(name: &str, found: usize, expected: usize) -> Result<()> {
    if found != expected {
        fail!(ShapeMismatch, "{name}: expected {expected} samples, found {found}");
    }
    Ok(())
}

/// The weights of so many samples; 1 each if there are none.
pub(super) fn weights(of: Option<&dyn IntoArrays>, samples: usize) -> Result<Vec<f64>> {
    let Some(of) = of else { return Ok(vec![1.0; samples]) };
    let weights = column("sample_weight", of)?;
    same_length("sample_weight", weights.len(), samples)?;
    Ok(weights)
}

/// The class of each sample. `[samples, classes]` of scores or one-hot rows give the greatest's; `[samples]` or
/// `[samples, 1]` of whole numbers are class numbers.
///
/// # Errors
/// `invalid_argument` for numbers that are no classes: probabilities of a class 1 are compared with a threshold first.
pub fn class_numbers(of: &dyn IntoArrays) -> Result<Vec<usize>> {
    let array = one("classes", of)?;
    let shape: &Shape = array.shape();
    if array.dtype() == DType::Str {
        return Err(
            err!(DtypeMismatch, "classes: expected numbers, found strings").help("number the classes from 0 on")
        );
    }
    let values = array.to_f64()?;
    if let &[_, classes] = shape.as_slice()
        && classes > 1
    {
        // The first of equals, as argmax does.
        let greatest = |row: &[f64]| (0..row.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0);
        return Ok(values.chunks_exact(classes).map(greatest).collect());
    }
    if !matches!(shape.as_slice(), [_] | [_, 1]) {
        fail!(ShapeMismatch, "classes: expected [samples] or [samples, classes], found {shape}");
    }
    let class = |v: &f64| {
        let is_class = *v >= 0.0 && v.fract() == 0.0 && *v < 1e9;
        is_class.then_some(*v as usize).ok_or_else(|| {
            err!(InvalidArgument, "classes: expected whole numbers from 0 on, found {v}").help(
                "compare probabilities with a threshold, such as y.greater(0.5), or give scores [samples, classes]",
            )
        })
    };
    values.iter().map(class).collect()
}
