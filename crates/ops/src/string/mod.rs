//! Strings of bytes, usually UTF-8. None of this has a derivative.

mod hash;
mod ragged;

family! {
    as_string
    hashed_cross
    lookup
    regex_full_match
    regex_replace
    string_join
    string_length
    string_lower
    string_reduce_join
    string_remove
    string_split
    string_strip
    string_to_hash_bucket
    string_to_number
    string_upper
    substr
    tokenize
}

pub use as_string::NumberFormat;
pub use hash::{fingerprint64, siphash24};
pub use lookup::LookupTable;
pub use ragged::Ragged;

use cornet_tensor::{Array, Result};

use crate::core::grad::Gradient;
use crate::core::op::{DTypes, Op};

/// An op of strings.
const STRINGS: Op = Op { dtypes: DTypes::Str, gradient: Gradient::None("strings are not numbers"), ..Op::BASE };

/// `f` of every string.
fn map(x: &Array, f: impl Fn(&[u8]) -> Vec<u8>) -> Result<Vec<Array>> {
    Ok(vec![Array::from_strings(x.strings()?.iter().map(|s| f(s)).collect(), x.shape())?])
}

/// Strings to sample ops on: empty, spaces, signs, more than ASCII.
fn sample() -> Array {
    let words = ["", " Hello, World! ", "a b  c", "ÀÉ straße", "\t-1.5e3\n", "x"];
    Array::from_strings(words.iter().map(|w| w.as_bytes().to_vec()).collect(), [2, 3])
        .unwrap_or_else(|_| Array::scalar(String::new()))
}
