//! `string_upper`: letters in upper case.

use super::{STRINGS, map, sample};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "string_upper",
    doc: "Every letter in upper case: those of ASCII alone, or with the attribute `unicode` all of Unicode's, where bytes that \
          are not UTF-8 are replaced.",
    source: "TensorFlow tf.strings.upper",
    attrs: &["unicode"],
    infer: |call| {
        call.attrs.bool("unicode")?;
        infer::same(call)
    },
    reference: Reference::Whole(|call, x| {
        let unicode = call.attrs.bool("unicode")?;
        map(&x[0], |s| {
            if unicode { String::from_utf8_lossy(s).to_uppercase().into_bytes() } else { s.to_ascii_uppercase() }
        })
    }),
    cases: Cases::Of(|| [true, false].map(|u| Case::new([exactly(sample())], attrs! { unicode: u })).to_vec()),
    ..STRINGS
};

impl Tensor {
    /// Every letter in upper case: those of ASCII alone, or all of Unicode's.
    ///
    /// # Errors
    /// `dtype_mismatch` for what is no string.
    #[track_caller]
    pub fn string_upper(&self, unicode: bool) -> Tensor {
        call1(&OP, &[self], attrs! { unicode: unicode })
    }
}
