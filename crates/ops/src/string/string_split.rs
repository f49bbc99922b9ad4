//! `string_split`: strings into words.

use super::string_strip::is_space;
use super::{Ragged, STRINGS, sample};
use crate::core::prelude::*;
use crate::index::nonzero::data_dependent;

/// The op.
pub static OP: Op = Op {
    name: "string_split",
    doc: "The first `size` parts of every string along a new last axis, empty strings after them, and the int32 number of \
          all parts. Parts lie between occurrences of the attribute `separator`; an empty one stands for any white space, \
          of which none is part of a word. At most `most` separations are made from the left, unless it is negative.",
    source: "TensorFlow tf.strings.split",
    attrs: &["separator", "most", "size"],
    infer: |call| {
        call.attrs.str("separator")?;
        call.attrs.int("most")?;
        let to: Dims = call.shape(0).iter().copied().chain([call.attrs.size("size")?]).collect();
        let to = Shape::checked(&to, size_of::<Vec<u8>>())?;
        Ok(smallvec![Type::new(DType::Str, to), Type::new(DType::I32, call.shape(0))])
    },
    reference: Reference::Whole(reference),
    cases: Cases::Of(|| {
        let by = |separator: &str, most: i64, size: usize| {
            Case::new([exactly(sample())], attrs! { separator: separator, most: most, size: size })
        };
        vec![by("", -1, 3), by("", 1, 2), by(" ", -1, 4), by("l", 1, 1), by("", -1, 0)]
    }),
    ..STRINGS
};

/// The parts of a string; see the op.
fn split<'a>(s: &'a [u8], separator: &[u8], most: i64) -> Vec<&'a [u8]> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (mut parts, mut rest) = (Vec::new(), s);
    if !separator.is_empty() {
        while parts.len() < most
            && let Some(at) = rest.windows(separator.len()).position(|w| w == separator)
        {
            parts.push(&rest[..at]);
            rest = &rest[at + separator.len()..];
        }
        parts.push(rest);
        return parts;
    }
    while let Some(start) = rest.iter().position(|&b| !is_space(b)) {
        rest = &rest[start..];
        if parts.len() == most {
            parts.push(rest);
            return parts;
        }
        let end = rest.iter().position(|&b| is_space(b)).unwrap_or(rest.len());
        parts.push(&rest[..end]);
        rest = &rest[end..];
    }
    // As TensorFlow does: once all separations are made, what is left is a part, even if it is empty.
    if parts.len() == most && most > 0 {
        parts.push(b"");
    }
    parts
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (separator, size) = (call.attrs.str("separator")?.as_bytes(), call.attrs.size("size")?);
    let (most, types) = (call.attrs.int("most")?, call.infer()?);
    let (mut words, mut counts) = (Vec::with_capacity(types[0].shape.elements()), Vec::new());
    for s in x[0].strings()? {
        let parts = split(s, separator, most);
        words.extend((0..size).map(|i| parts.get(i).map_or_else(Vec::new, |p| p.to_vec())));
        counts.push(parts.len() as i32);
    }
    Ok(vec![Array::from_strings(words, &types[0].shape)?, Array::from_slice(&counts, &types[1].shape)?])
}

impl Tensor {
    /// The parts of each string, one row a string in row-major order. An empty separator stands for any white space, of
    /// which none is part of a word; at most `max_splits` separations are made, from the left.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let words = Tensor::of(["a b", "c"].map(String::from)).string_split("", None)?;
    /// assert_eq!(words.values.to_vec::<String>()?, ["a", "b", "c"]);
    /// assert_eq!(words.row_splits.to_vec::<i64>()?, [0, 2, 3]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `data_dependent_shape` for a traced tensor, which can only say [`Tensor::string_split_padded`];
    /// `dtype_mismatch` for what is no string.
    #[track_caller]
    pub fn string_split(&self, separator: &str, max_splits: Option<usize>) -> Result<Ragged> {
        if self.is_traced() {
            return Err(data_dependent("string_split", "give a size with string_split_padded"));
        }
        let most = max_splits.map_or(-1, |m| m as i64);
        let array = self.array()?;
        let rows: Vec<Vec<&[u8]>> = array.strings()?.iter().map(|s| split(s, separator.as_bytes(), most)).collect();
        let lengths = rows.iter().map(Vec::len).collect::<Vec<_>>();
        let words: Vec<Vec<u8>> = rows.into_iter().flatten().map(<[u8]>::to_vec).collect();
        let count = words.len();
        Ragged::new(Array::from_strings(words, [count])?.into(), &lengths)
    }

    /// The first `size` parts of each string along a new last axis, with empty strings after them, and the int32 number
    /// of all parts.
    #[track_caller]
    pub fn string_split_padded(&self, separator: &str, max_splits: Option<usize>, size: usize) -> (Tensor, Tensor) {
        let most = max_splits.map_or(-1, |m| m as i64);
        let [words, counts] = call_n(&OP, &[self], attrs! { separator: separator, most: most, size: size });
        (words, counts)
    }
}
