//! `substr`: parts of strings.

use super::string_length::starts;
use super::{STRINGS, sample};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "substr",
    doc: "Of every string, at most `length` bytes (with `characters`, Unicode characters) from `position` on, which counts \
          from the end if negative. A position beyond either end is an error.",
    source: "TensorFlow tf.strings.substr",
    attrs: &["position", "length", "characters"],
    infer: |call| {
        call.attrs.int("position")?;
        call.attrs.size("length")?;
        call.attrs.bool("characters")?;
        infer::same(call)
    },
    reference: Reference::Whole(reference),
    cases: Cases::Of(|| {
        let words = ["hello", "héé", "abcd", "ünïcode"].map(|w| w.as_bytes().to_vec()).to_vec();
        let words = Array::from_strings(words, [4]).unwrap_or_else(|_| sample());
        let part = |position: i64, length: usize, characters: bool| {
            let attrs = attrs! { position: position, length: length, characters: characters };
            Case::new([exactly(words.clone())], attrs)
        };
        vec![part(1, 3, false), part(-3, 2, true), part(3, 9, true), part(0, 0, false)]
    }),
    ..STRINGS
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (position, length) = (call.attrs.int("position")?, call.attrs.size("length")?);
    let characters = call.attrs.bool("characters")?;
    let part = |s: &Vec<u8>| -> Result<Vec<u8>> {
        let bounds: Vec<usize> =
            if characters { starts(s).chain([s.len()]).collect() } else { (0..=s.len()).collect() };
        let n = bounds.len() as i64 - 1;
        let from = if position < 0 { position + n } else { position };
        if !(0..=n).contains(&from) {
            return Err(err!(OutOfRange, "position: expected {} to {n}, found {position}", -n)
                .operand("string", format!("{:?}", String::from_utf8_lossy(s))));
        }
        let to = (from as usize).saturating_add(length).min(n as usize);
        Ok(s[bounds[from as usize]..bounds[to]].to_vec())
    };
    let parts = x[0].strings()?.iter().map(part).collect::<Result<Vec<_>>>()?;
    Ok(vec![Array::from_strings(parts, x[0].shape())?])
}

impl Tensor {
    /// At most `length` bytes of every string from `position` on, which may count from the end; or so many Unicode
    /// characters.
    ///
    /// # Errors
    /// `out_of_range` when it runs, for a string that has no such position.
    #[track_caller]
    pub fn substr(&self, position: i64, length: usize, characters: bool) -> Tensor {
        call1(&OP, &[self], attrs! { position: position, length: length, characters: characters })
    }
}
