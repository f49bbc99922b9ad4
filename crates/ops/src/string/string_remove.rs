//! `string_remove`: without some characters.

use super::{STRINGS, map, sample};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "string_remove",
    doc: "Every string without the ASCII characters in the attribute `characters`.",
    source: "Keras 3 keras.layers.TextVectorization (strip_punctuation)",
    attrs: &["characters"],
    infer: |call| {
        if !call.attrs.str("characters")?.is_ascii() {
            fail!(InvalidArgument, "characters: expected ASCII, found {:?}", call.attrs.str("characters")?);
        }
        infer::same(call)
    },
    reference: Reference::Whole(|call, x| {
        let characters = call.attrs.str("characters")?.as_bytes();
        map(&x[0], |s| s.iter().copied().filter(|b| !characters.contains(b)).collect())
    }),
    cases: Cases::Of(|| vec![Case::new([exactly(sample())], attrs! { characters: ",! -" })]),
    ..STRINGS
};

/// ASCII's punctuation.
pub const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

impl Tensor {
    /// Without these ASCII characters.
    ///
    /// # Errors
    /// `invalid_argument` for characters beyond ASCII; `dtype_mismatch` for what is no string.
    #[track_caller]
    pub fn string_remove(&self, characters: &str) -> Tensor {
        call1(&OP, &[self], attrs! { characters: characters })
    }

    /// Without ASCII punctuation, as Keras's text vectorization takes it away.
    ///
    /// # Errors
    /// `dtype_mismatch` for what is no string.
    #[track_caller]
    pub fn strip_punctuation(&self) -> Tensor {
        self.string_remove(PUNCTUATION)
    }
}
