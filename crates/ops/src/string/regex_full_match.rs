//! `regex_full_match`: whether a regular expression describes a whole string.

use super::regex_replace::compile;
use super::{STRINGS, sample};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "regex_full_match",
    doc: "Whether the attribute `pattern` matches each string from beginning to end: bool.",
    source: "TensorFlow tf.strings.regex_full_match",
    attrs: &["pattern"],
    infer: |call| {
        compile(call.attrs.str("pattern")?)?;
        Ok(smallvec![Type::new(DType::Bool, call.shape(0))])
    },
    reference: Reference::Whole(|call, x| {
        let pattern = compile(&format!("\\A(?:{})\\z", call.attrs.str("pattern")?))?;
        let found = x[0].strings()?.iter().map(|s| pattern.is_match(&String::from_utf8_lossy(s))).collect();
        Ok(vec![Array::from_vec::<bool>(found, x[0].shape())?])
    }),
    cases: Cases::Of(|| {
        ["", "x|a b", ".*[sl].*"].map(|p| Case::new([exactly(sample())], attrs! { pattern: p })).to_vec()
    }),
    ..STRINGS
};

impl Tensor {
    /// Whether a regular expression matches each string from beginning to end.
    ///
    /// # Errors
    /// `invalid_argument` for a pattern that is none; `dtype_mismatch` for what is no string.
    #[track_caller]
    pub fn regex_full_match(&self, pattern: &str) -> Tensor {
        call1(&OP, &[self], attrs! { pattern: pattern })
    }
}
