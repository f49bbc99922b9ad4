//! `regex_replace`: what a regular expression matches, replaced.

use regex_lite::Regex;

use super::{STRINGS, map, sample};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "regex_replace",
    doc: "Every string with the first match of the attribute `pattern`, or with `all` every one, replaced by `rewrite`, in \
          which \\1 to \\9 stand for groups and \\0 for the match. Patterns are RE2's but for \\p classes; bytes that are \
          not UTF-8 are replaced.",
    source: "TensorFlow tf.strings.regex_replace",
    attrs: &["pattern", "rewrite", "all"],
    infer: |call| {
        compile(call.attrs.str("pattern")?)?;
        template(call.attrs.str("rewrite")?)?;
        call.attrs.bool("all")?;
        infer::same(call)
    },
    reference: Reference::Whole(reference),
    cases: Cases::Of(|| {
        let with = |pattern: &str, rewrite: &str, all: bool| {
            Case::new([exactly(sample())], attrs! { pattern: pattern, rewrite: rewrite, all: all })
        };
        vec![with("[lé]", "<\\0>", true), with("(.)(l|b)", "\\2$1\\1", false), with("", "-", true)]
    }),
    ..STRINGS
};

/// The pattern, ready to match.
pub(super) fn compile(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|e| err!(InvalidArgument, "regular expression {pattern:?}: {e}"))
}

/// A rewrite in which groups are named as the engine names them.
fn template(rewrite: &str) -> Result<String> {
    let (mut out, mut rest) = (String::new(), rewrite.chars());
    while let Some(c) = rest.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' => match rest.next() {
                Some('\\') => out.push('\\'),
                Some(d) if d.is_ascii_digit() => {
                    out.push_str("${");
                    out.push(d);
                    out.push('}');
                }
                _ => fail!(InvalidArgument, "rewrite {rewrite:?}: expected a digit or a backslash behind a backslash"),
            },
            c => out.push(c),
        }
    }
    Ok(out)
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (pattern, rewrite) = (compile(call.attrs.str("pattern")?)?, template(call.attrs.str("rewrite")?)?);
    let most = if call.attrs.bool("all")? { 0 } else { 1 };
    map(&x[0], |s| pattern.replacen(&String::from_utf8_lossy(s), most, rewrite.as_str()).into_owned().into_bytes())
}

impl Tensor {
    /// Every match of a regular expression in each string replaced; `\1` in the rewrite stands for group 1, `\0` for the
    /// match.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let x = Tensor::of("2026-11-20".to_string());
    /// assert_eq!(x.regex_replace(r"(\d+)-(\d+)", r"\2/\1").to_vec::<String>()?, ["11/2026-20"]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalid_argument` for a pattern or rewrite that is none; `dtype_mismatch` for what is no string.
    #[track_caller]
    pub fn regex_replace(&self, pattern: &str, rewrite: &str) -> Tensor {
        call1(&OP, &[self], attrs! { pattern: pattern, rewrite: rewrite, all: true })
    }

    /// The same for the first match alone.
    #[track_caller]
    pub fn regex_replace_first(&self, pattern: &str, rewrite: &str) -> Tensor {
        call1(&OP, &[self], attrs! { pattern: pattern, rewrite: rewrite, all: false })
    }
}
