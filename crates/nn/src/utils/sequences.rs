//! Sequences of one length.

use cornet_error::{Result, fail};
use cornet_tensor::{Array, Item};

use crate::arg::{Arg, Choice, unknown};

/// An end of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The beginning.
    #[default]
    Pre,
    /// The end.
    Post,
}

impl Choice for Side {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "pre" => Ok(Self::Pre),
            "post" => Ok(Self::Post),
            _ => Err(unknown("side", name, &["pre", "post"])),
        }
    }
}

/// How sequences are brought to one length: Keras's arguments of `pad_sequences`.
pub struct PadSequences<T> {
    maxlen: Option<usize>,
    padding: Arg<Side>,
    truncating: Arg<Side>,
    value: T,
}

impl<T: Item + Default> Default for PadSequences<T> {
    fn default() -> Self {
        Self { maxlen: None, padding: Side::Pre.into(), truncating: Side::Pre.into(), value: T::default() }
    }
}

impl<T: Item + Default> PadSequences<T> {
    /// Keras's defaults: the length of the longest, with zeros before the others.
    pub fn new() -> Self {
        Self::default()
    }

    /// The length; by default that of the longest sequence.
    #[must_use]
    pub fn maxlen(mut self, maxlen: usize) -> Self {
        self.maxlen = Some(maxlen);
        self
    }

    /// Where short sequences are filled up: `pre` (the default) or `post`.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Arg<Side>>) -> Self {
        self.padding = padding.into();
        self
    }

    /// Where long sequences are cut: `pre` (the default) or `post`.
    #[must_use]
    pub fn truncating(mut self, truncating: impl Into<Arg<Side>>) -> Self {
        self.truncating = truncating.into();
        self
    }

    /// What fills up short sequences; by default zero.
    #[must_use]
    pub fn value(mut self, value: T) -> Self {
        self.value = value;
        self
    }

    /// The sequences as `[sequences, length]`.
    ///
    /// # Errors
    /// `invalid_argument` for a word that is no side; `limit_exceeded` for an array of more than 2³¹ elements.
    pub fn pad<S: AsRef<[T]>>(&self, sequences: &[S]) -> Result<Array> {
        let side = |arg: &Arg<Side>| arg.0.as_ref().copied().map_err(Clone::clone);
        let (padding, truncating) = (side(&self.padding)?, side(&self.truncating)?);
        let longest = sequences.iter().map(|s| s.as_ref().len()).max().unwrap_or(0);
        let length = self.maxlen.unwrap_or(longest);
        if length.saturating_mul(sequences.len()) > i32::MAX as usize {
            fail!(LimitExceeded, "maxlen: {length} steps of {} sequences are too many", sequences.len());
        }
        let mut values = Vec::with_capacity(length * sequences.len());
        for sequence in sequences {
            let own = sequence.as_ref();
            let kept = own.len().min(length);
            let own = if truncating == Side::Pre { &own[own.len() - kept..] } else { &own[..kept] };
            let filling = std::iter::repeat_n(self.value.clone(), length - kept);
            match padding {
                Side::Pre => values.extend(filling.chain(own.iter().cloned())),
                Side::Post => values.extend(own.iter().cloned().chain(filling)),
            }
        }
        Array::from_vec(values, [sequences.len(), length])
    }
}

/// Sequences as `[sequences, maxlen]`, short ones with zeros before them, long ones without their beginning; further
/// arguments are those of [`PadSequences`].
///
/// ```
/// use cornet_nn::utils::pad_sequences;
/// let x = pad_sequences(&[vec![1], vec![2, 3], vec![4, 5, 6]], Some(2))?;
/// assert_eq!(x.to_vec::<i32>()?, [0, 1, 2, 3, 5, 6]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
///
/// # Errors
/// As [`PadSequences::pad`].
///
/// # Source
/// Keras 3 `keras.utils.pad_sequences`.
pub fn pad_sequences<T: Item + Default, S: AsRef<[T]>>(sequences: &[S], maxlen: Option<usize>) -> Result<Array> {
    PadSequences { maxlen, ..PadSequences::default() }.pad(sequences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_filled_and_cut_at_either_end() {
        let sequences = [vec![1.0_f32], vec![2.0, 3.0], vec![4.0, 5.0, 6.0]];
        let padded = |p: PadSequences<f32>| p.pad(&sequences).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(padded(PadSequences::new()), [0.0, 0.0, 1.0, 0.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let post = PadSequences::new().padding("post").value(-1.0);
        assert_eq!(padded(post), [1.0, -1.0, -1.0, 2.0, 3.0, -1.0, 4.0, 5.0, 6.0]);
        assert_eq!(padded(PadSequences::new().maxlen(2).truncating("post")), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(PadSequences::new().padding("left").pad(&sequences).is_err());
        assert_eq!(pad_sequences::<i32, Vec<i32>>(&[], None).unwrap().shape().as_slice(), [0, 0]);
    }
}
