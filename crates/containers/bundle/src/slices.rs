//! Slices: the parts in which a partitioned variable is kept.

use cornet_error::{Result, err, fail};
use cornet_proto::{Message, Value};

/// A range of each axis of a tensor; `None` for the whole axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Start and length, by axis.
    pub extents: Vec<Option<(u64, u64)>>,
}

impl Slice {
    /// Parses a `TensorSliceProto`.
    pub(crate) fn parse(message: &Message) -> Result<Self> {
        let mut extents = Vec::new();
        for field in message.fields() {
            let (1, Value::Bytes(extent)) = field? else { continue };
            let (mut start, mut length) = (0, None);
            for field in extent.fields() {
                match field? {
                    (1, value) => start = value.int()?,
                    (2, value) => length = Some(value.int()?),
                    _ => {}
                }
            }
            extents.push(match length {
                None => None,
                Some(length) => match (u64::try_from(start), u64::try_from(length)) {
                    (Ok(start), Ok(length)) => Some((start, length)),
                    _ => fail!(Corrupt, "slice: expected a range, found {start} and {length} more"),
                },
            });
        }
        Ok(Self { extents })
    }

    /// Start and size by axis, within a shape.
    ///
    /// # Errors
    /// `corrupt` if it reaches beyond the shape.
    pub fn within(&self, shape: &[u64]) -> Result<(Vec<u64>, Vec<u64>)> {
        let fits = |(extent, &size): (&Option<(u64, u64)>, &u64)| match extent {
            None => Some((0, size)),
            Some((start, length)) => (start.checked_add(*length)? <= size).then_some((*start, *length)),
        };
        let ranges = self.extents.iter().zip(shape).map(fits).collect::<Option<Vec<_>>>();
        match ranges {
            Some(ranges) if self.extents.len() == shape.len() => Ok(ranges.into_iter().unzip()),
            _ => Err(err!(Corrupt, "slice: expected a part of {shape:?}, found {self:?}")),
        }
    }
}

/// The whole shape and the slice of a text such as `10 4 0,5:-`, as `RestoreV2` has it; none for an empty text, which
/// stands for a whole tensor.
///
/// # Errors
/// `corrupt` for other texts.
pub fn parse_spec(text: &str) -> Result<Option<(Vec<u64>, Slice)>> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || err!(Corrupt, "slice: expected sizes and a slice such as '10 4 0,5:-', found '{text}'");
    let (sizes, slice) = text.trim_end().rsplit_once(' ').ok_or_else(wrong)?;
    let shape = sizes.split_whitespace().map(|s| s.parse().ok()).collect::<Option<Vec<u64>>>().ok_or_else(wrong)?;
    let extent = |part: &str| match part {
        "-" => Some(None),
        _ => part.split_once(',').and_then(|(s, l)| Some(Some((s.parse().ok()?, l.parse().ok()?)))),
    };
    let extents = slice.split(':').map(extent).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
    let slice = Slice { extents };
    slice.within(&shape)?;
    Ok(Some((shape, slice)))
}

/// The flat positions, in elements, of the runs of a box of `size` at `start` in `shape`: each run is one row of the last
/// axis.
pub(crate) fn runs(shape: &[u64], start: &[u64], size: &[u64]) -> impl Iterator<Item = u64> + use<> {
    let rank = shape.len();
    let mut strides = vec![1_u64; rank];
    (0..rank.saturating_sub(1)).rev().for_each(|a| strides[a] = strides[a + 1].saturating_mul(shape[a + 1]));
    let lead = size[..rank.saturating_sub(1)].to_vec();
    let count: u64 = if size.contains(&0) { 0 } else { lead.iter().product() };
    let base: u64 = start.iter().zip(&strides).map(|(s, t)| s * t).sum();
    (0..count).map(move |mut i| {
        let mut at = base;
        for axis in (0..lead.len()).rev() {
            at += i % lead[axis] * strides[axis];
            i /= lead[axis];
        }
        at
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_parsed() {
        let (shape, slice) = parse_spec("10 4 2,5:-").unwrap().unwrap();
        assert_eq!((shape, slice.extents), (vec![10, 4], vec![Some((2, 5)), None]));
        assert!(parse_spec("").unwrap().is_none());
        for wrong in ["10", "10 4 0,5", "10 4 8,5:-", "a 0,1", "10 -1,2"] {
            assert!(parse_spec(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn runs_are_rows_of_a_box() {
        assert_eq!(runs(&[3, 4], &[1, 2], &[2, 2]).collect::<Vec<_>>(), [6, 10]);
        assert_eq!(runs(&[], &[], &[]).collect::<Vec<_>>(), [0]);
        assert_eq!(runs(&[5], &[2], &[0]).count(), 0);
    }
}
