//! `tokenize`: strings into words or characters, and runs of these.

use super::string_strip::is_space;
use super::{STRINGS, sample};
use crate::core::prelude::*;
use crate::index::nonzero::data_dependent;

/// The op.
pub static OP: Op = Op {
    name: "tokenize",
    doc: "The first `size` tokens of every string along a new last axis, empty strings after them, and the int32 number of \
          all tokens. The attribute `by` says what a token is: `word`, between ASCII white space; `character`, of UTF-8; \
          `text`, the whole string. With `ngrams`, tokens are runs of so many of these, joined by blanks: all runs of the \
          first length, then of the second, and so on.",
    source: "Keras 3 keras.layers.TextVectorization; TensorFlow tf.strings.split, unicode_split, ngrams",
    attrs: &["by", "ngrams", "size"],
    infer: |call| {
        let (by, ngrams) = (call.attrs.str("by")?, call.attrs.ints("ngrams")?);
        if !["word", "character", "text"].contains(&by) || ngrams.iter().any(|&n| n < 1) {
            fail!(
                InvalidArgument,
                "by: expected word, character or text, and ngrams of 1 or more, found '{by}' and {ngrams:?}"
            );
        }
        let to: Dims = call.shape(0).iter().copied().chain([call.attrs.size("size")?]).collect();
        let to = Shape::checked(&to, size_of::<Vec<u8>>())?;
        Ok(smallvec![Type::new(DType::Str, to), Type::new(DType::I32, call.shape(0))])
    },
    reference: Reference::Whole(reference),
    cases: Cases::Of(|| {
        let with = |by: &str, ngrams: &[i64], size: usize| {
            Case::new([exactly(sample())], attrs! { by: by, ngrams: ngrams, size: size })
        };
        vec![with("word", &[], 3), with("character", &[2], 4), with("text", &[1, 2], 2), with("word", &[1, 3], 5)]
    }),
    ..STRINGS
};

/// The characters of a string; a byte that is not UTF-8 is one by itself.
fn characters(s: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for chunk in s.utf8_chunks() {
        all.extend(chunk.valid().chars().map(|c| c.to_string().into_bytes()));
        if !chunk.invalid().is_empty() {
            all.push("\u{fffd}".as_bytes().to_vec());
        }
    }
    all
}

/// The tokens of a string; see the op.
fn tokens(s: &[u8], by: &str, ngrams: &[i64]) -> Vec<Vec<u8>> {
    let single: Vec<Vec<u8>> = match by {
        "word" => s.split(|&b| is_space(b)).filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect(),
        "character" => characters(s),
        _ => vec![s.to_vec()],
    };
    if ngrams.is_empty() {
        return single;
    }
    ngrams.iter().flat_map(|&n| single.windows(n as usize).map(|run| run.join(&b' '))).collect()
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (by, ngrams, size) = (call.attrs.str("by")?, call.attrs.ints("ngrams")?, call.attrs.size("size")?);
    let types = call.infer()?;
    let (mut words, mut counts) = (Vec::with_capacity(types[0].shape.elements()), Vec::new());
    for s in x[0].strings()? {
        let found = tokens(s, by, ngrams);
        counts.push(found.len() as i32);
        let missing = size.saturating_sub(found.len());
        words.extend(found.into_iter().take(size).chain(std::iter::repeat_n(Vec::new(), missing)));
    }
    Ok(vec![Array::from_strings(words, &types[0].shape)?, Array::from_slice(&counts, &types[1].shape)?])
}

impl Tensor {
    /// The first `size` tokens of each string along a new last axis, with empty strings after them, and the int32 number
    /// of all tokens. `by` is `word`, `character` or `text`; `ngrams` has lengths of runs of tokens, none for no runs.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let (words, counts) = Tensor::of(["a b c", "d"].map(String::from)).tokenize("word", &[], 2);
    /// assert_eq!(words.to_vec::<String>()?, ["a", "b", "d", ""]);
    /// assert_eq!(counts.to_vec::<i32>()?, [3, 1]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn tokenize(&self, by: &str, ngrams: &[i64], size: usize) -> (Tensor, Tensor) {
        let [words, counts] = call_n(&OP, &[self], attrs! { by: by, ngrams: ngrams, size: size });
        (words, counts)
    }

    /// The greatest number of tokens that a string has.
    ///
    /// # Errors
    /// `data_dependent_shape` for a traced tensor; `dtype_mismatch` for what is no string.
    pub fn token_count(&self, by: &str, ngrams: &[i64]) -> Result<usize> {
        if self.is_traced() {
            return Err(data_dependent("token_count", "give a length"));
        }
        Ok(self.array()?.strings()?.iter().map(|s| tokens(s, by, ngrams).len()).max().unwrap_or(0))
    }
}
