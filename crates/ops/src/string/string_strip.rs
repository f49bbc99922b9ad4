//! `string_strip`: without spaces at the ends.

use super::{STRINGS, map, sample};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "string_strip",
    doc: "Every string without the ASCII white space at its ends.",
    source: "TensorFlow tf.strings.strip",
    reference: Reference::Whole(|_, x| map(&x[0], |s| strip(s).to_vec())),
    cases: Cases::Of(|| vec![Case::new([exactly(sample())], Attrs::default())]),
    ..STRINGS
};

/// Space, tab, line feed, vertical tab, form feed, carriage return.
pub(super) fn is_space(byte: u8) -> bool {
    byte == b' ' || (9..=13).contains(&byte)
}

/// Without white space at the ends.
pub(super) fn strip(s: &[u8]) -> &[u8] {
    let start = s.iter().position(|&b| !is_space(b)).unwrap_or(s.len());
    let end = s.iter().rposition(|&b| !is_space(b)).map_or(start, |e| e + 1);
    &s[start..end]
}

impl Tensor {
    /// Without the ASCII white space at the ends of each string.
    ///
    /// # Errors
    /// `dtype_mismatch` for what is no string.
    #[track_caller]
    pub fn string_strip(&self) -> Tensor {
        call1(&OP, &[self], Attrs::default())
    }
}
