//! Arrays of several requests as one, and the outputs apart again.

use cornet_error::{Result, err};
use cornet_program::Signature;
use cornet_tensor::{Array, DType};

/// What requests must share to run together: the function, and each input's dtype and shape past the batch axis.
pub(crate) type Key = (String, Vec<(DType, Vec<usize>)>);

/// The key and the number of rows of a request; `None` where it cannot be joined with others, since an input has no open
/// batch axis or the inputs differ in it. With `ragged`, shapes count by their number of axes alone.
pub(crate) fn key_of(signature: &Signature, inputs: &[Array], ragged: bool) -> Option<(Key, usize)> {
    let open = |shape: &Option<Vec<Option<usize>>>| shape.as_ref().is_none_or(|s| matches!(s.first(), Some(None)));
    let batched = signature.inputs.iter().chain(&signature.outputs).all(|spec| open(&spec.shape));
    let rows = *inputs.first()?.shape().as_slice().first()?;
    let same = inputs.iter().all(|a| a.shape().as_slice().first() == Some(&rows));
    let tail = |a: &Array| {
        let tail = a.shape().as_slice().get(1..).unwrap_or_default();
        (a.dtype(), if ragged { vec![0; tail.len()] } else { tail.to_vec() })
    };
    (batched && same && rows > 0).then(|| ((signature.name.clone(), inputs.iter().map(tail).collect()), rows))
}

/// Joins along the first axis, and repeats the first row at the end up to `rows`. Arrays whose other axes differ are
/// filled up to the largest with their own first element.
pub(crate) fn join(parts: &[&Array], rows: usize) -> Result<Array> {
    let first = parts.first().ok_or_else(|| err!(Internal, "batching: a batch without requests"))?;
    let mut tail = first.shape().as_slice().get(1..).unwrap_or_default().to_vec();
    for part in parts {
        let other = part.shape().as_slice().get(1..).unwrap_or_default();
        if other.len() != tail.len() {
            return Err(err!(RankMismatch, "batching: expected {} axes, found {}", tail.len() + 1, other.len() + 1));
        }
        tail.iter_mut().zip(other).for_each(|(t, o)| *t = (*t).max(*o));
    }
    let given: usize = parts.iter().map(|p| p.shape()[0]).sum();
    let mut shape = vec![given.max(rows)];
    shape.extend(&tail);
    let per_row: usize = tail.iter().product();
    if first.dtype() == DType::Str {
        let mut items = Vec::with_capacity(shape[0].saturating_mul(per_row));
        for part in parts {
            place(part.strings()?, part.shape().as_slice(), &tail, 1, &mut items);
        }
        repeat_first(&mut items, per_row, shape[0] - given);
        return Array::from_strings(items, shape);
    }
    let size = first.dtype().size();
    let mut bytes = Vec::with_capacity(shape[0].saturating_mul(per_row).saturating_mul(size));
    for part in parts {
        place(part.bytes(), part.shape().as_slice(), &tail, size, &mut bytes);
    }
    repeat_first(&mut bytes, per_row * size, shape[0] - given);
    Array::from_bytes(first.dtype(), shape, &bytes)
}

fn repeat_first<T: Clone>(items: &mut Vec<T>, per_row: usize, times: usize) {
    if let Some(row) = items.get(..per_row).map(<[T]>::to_vec) {
        (0..times).for_each(|_| items.extend_from_slice(&row));
    }
}

/// Copies an array's items into a place of `tail` a row, filling with the first element (`unit` items each).
fn place<T: Clone + Default>(items: &[T], shape: &[usize], tail: &[usize], unit: usize, into: &mut Vec<T>) {
    if shape.get(1..) == Some(tail) {
        into.extend_from_slice(items);
        return;
    }
    let filler = items.get(..unit).map_or_else(|| vec![T::default(); unit], <[T]>::to_vec);
    let mut at = 0;
    (0..shape[0]).for_each(|_| fill(items, &shape[1..], tail, unit, &filler, &mut at, into));
}

fn fill<T: Clone>(
    items: &[T],
    shape: &[usize],
    tail: &[usize],
    unit: usize,
    filler: &[T],
    at: &mut usize,
    into: &mut Vec<T>,
) {
    let ([size, inner @ ..], [wanted, wanted_inner @ ..]) = (shape, tail) else {
        into.extend_from_slice(&items[*at..*at + unit]);
        *at += unit;
        return;
    };
    (0..*size).for_each(|_| fill(items, inner, wanted_inner, unit, filler, at, into));
    let missing = (wanted - size) * wanted_inner.iter().product::<usize>();
    (0..missing).for_each(|_| into.extend_from_slice(filler));
}

/// Rows `from..from + rows` of an array.
///
/// # Errors
/// `shape_mismatch` if it has fewer.
pub(crate) fn rows_of(array: &Array, from: usize, rows: usize) -> Result<Array> {
    let shape = array.shape().as_slice();
    let (Some(&all), Some(end)) = (shape.first(), from.checked_add(rows)) else {
        return Err(err!(ShapeMismatch, "batching: expected an array with a batch axis, found a scalar"));
    };
    if end > all {
        return Err(err!(ShapeMismatch, "batching: expected {end} rows, found {all}"));
    }
    if from == 0 && rows == all {
        return Ok(array.clone());
    }
    let per_row: usize = shape[1..].iter().product();
    let mut part = shape.to_vec();
    part[0] = rows;
    if array.dtype() == DType::Str {
        return Array::from_strings(array.strings()?[from * per_row..end * per_row].to_vec(), part);
    }
    let unit = per_row * array.dtype().size();
    Array::from_bytes(array.dtype(), part, &array.bytes()[from * unit..end * unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(values: &[f32], shape: &[usize]) -> Array {
        Array::from_slice(values, shape).unwrap()
    }

    #[test]
    fn rows_are_joined_padded_and_parted() {
        let (a, b) = (array(&[1.0, 2.0], &[1, 2]), array(&[3.0, 4.0, 5.0, 6.0], &[2, 2]));
        let joined = join(&[&a, &b], 5).unwrap();
        assert_eq!(joined, array(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1.0, 2.0, 1.0, 2.0], &[5, 2]));
        assert_eq!(rows_of(&joined, 1, 2).unwrap(), b);
        assert!(rows_of(&joined, 4, 2).is_err());
        assert!(rows_of(&Array::scalar(1.0_f32), 0, 1).is_err());
    }

    #[test]
    fn strings_are_joined_and_parted() {
        let a = Array::from_strings(vec![b"x".to_vec()], [1]).unwrap();
        let b = Array::from_strings(vec![b"y".to_vec(), Vec::new()], [2]).unwrap();
        let joined = join(&[&a, &b], 4).unwrap();
        assert_eq!(joined.strings().unwrap(), [b"x".to_vec(), b"y".to_vec(), Vec::new(), b"x".to_vec()]);
        assert_eq!(rows_of(&joined, 1, 2).unwrap(), b);
    }

    #[test]
    fn shorter_rows_are_filled_with_their_first_element() {
        // TensorFlow Serving's documentation of pad_variable_length_inputs, in two axes.
        let a = array(&[1.0, 2.0, 3.0, 4.0], &[1, 2, 2]);
        let b = array(&[5.0, 6.0, 7.0], &[1, 1, 3]);
        let joined = join(&[&a, &b], 2).unwrap();
        let expected = [1.0, 2.0, 1.0, 3.0, 4.0, 1.0, 5.0, 6.0, 7.0, 5.0, 5.0, 5.0];
        assert_eq!(joined, array(&expected, &[2, 2, 3]));
    }
}
