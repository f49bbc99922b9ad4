//! `string_length`: how long strings are.

use super::{STRINGS, sample};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "string_length",
    doc: "The int32 number of bytes of every string, or with the attribute `characters` of Unicode characters.",
    source: "TensorFlow tf.strings.length",
    attrs: &["characters"],
    infer: |call| {
        call.attrs.bool("characters")?;
        Ok(smallvec![Type::new(DType::I32, call.shape(0))])
    },
    reference: Reference::Whole(|call, x| {
        let characters = call.attrs.bool("characters")?;
        let length = |s: &Vec<u8>| if characters { starts(s).count() } else { s.len() };
        let out: Vec<i32> = x[0].strings()?.iter().map(|s| length(s) as i32).collect();
        Ok(vec![Array::from_slice(&out, x[0].shape())?])
    }),
    cases: Cases::Of(|| [true, false].map(|c| Case::new([exactly(sample())], attrs! { characters: c })).to_vec()),
    ..STRINGS
};

/// Where characters begin: at every byte that does not continue one.
pub(super) fn starts(s: &[u8]) -> impl Iterator<Item = usize> + '_ {
    (0..s.len()).filter(|&i| s[i] & 0xC0 != 0x80)
}

impl Tensor {
    /// The int32 number of bytes of every string, or of its Unicode characters.
    ///
    /// # Errors
    /// `dtype_mismatch` for what is no string.
    #[track_caller]
    pub fn string_length(&self, characters: bool) -> Tensor {
        call1(&OP, &[self], attrs! { characters: characters })
    }
}
