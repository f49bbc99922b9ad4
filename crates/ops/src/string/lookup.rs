//! `lookup`: values by keys.

use std::cmp::Ordering;

use super::{STRINGS, fingerprint64};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "lookup",
    doc: "For every input the element of `values` that stands where `keys`, a sorted vector, holds it. What is no key has \
          the scalar `default`; or with `buckets` at least 1, for int64 values, that plus a number below `buckets`: the \
          key's Fingerprint64, or an integer key itself, modulo `buckets`.",
    source: "TensorFlow tf.lookup.StaticVocabularyTable; Keras 3 keras.layers.StringLookup",
    attrs: &["keys", "values", "default", "buckets"],
    dtypes: DTypes::Any,
    infer,
    reference: Reference::Whole(reference),
    cases: Cases::Of(cases),
    ..STRINGS
};

fn cases() -> Vec<Case> {
    let words = |w: &[&str]| {
        Array::from_strings(w.iter().map(|w| w.as_bytes().to_vec()).collect(), [w.len()])
            .unwrap_or_else(|_| super::sample())
    };
    let numbers = |n: &[i64]| Array::from_slice(n, [n.len()]).unwrap_or_else(|_| Array::scalar(0_i64));
    let (keys, values) = (words(&["", "b", "dog", "x"]), numbers(&[3, 0, 1, 2]));
    let of = |buckets: i64| {
        let attrs =
            attrs! { keys: keys.clone(), values: values.clone(), default: Array::scalar(4_i64), buckets: buckets };
        Case::new([exactly(super::sample())], attrs)
    };
    vec![of(0), of(3)]
}

fn infer(call: &Call<'_>) -> Result<Types> {
    let (keys, values) = (call.attrs.array("keys")?, call.attrs.array("values")?);
    let (default, buckets) = (call.attrs.array("default")?, call.attrs.int("buckets")?);
    if keys.dtype() != call.dtype(0) || !matches!(keys.dtype(), DType::Str | DType::I64) {
        fail!(DtypeMismatch, "keys: expected string or int64 like the input, found {}", keys.dtype());
    }
    if keys.shape().rank() != 1 || values.shape() != keys.shape() || default.shape().rank() != 0 {
        fail!(ShapeMismatch, "expected as many values as keys, found {} and {}", values.shape(), keys.shape());
    }
    if default.dtype() != values.dtype() || buckets > 0 && values.dtype() != DType::I64 {
        fail!(DtypeMismatch, "default: expected {}, found {}", values.dtype(), default.dtype());
    }
    Ok(smallvec![Type::new(values.dtype(), call.shape(0))])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (keys, values) = (call.attrs.array("keys")?, call.attrs.array("values")?);
    let (default, buckets) = (call.attrs.array("default")?, call.attrs.int("buckets")?);
    let (places, hashes): (Vec<Option<usize>>, Vec<i64>) = if keys.dtype() == DType::Str {
        let keys = keys.strings()?;
        let hash = |s: &Vec<u8>| if buckets > 0 { (fingerprint64(s) % buckets as u64) as i64 } else { 0 };
        x[0].strings()?.iter().map(|s| (keys.binary_search(s).ok(), hash(s))).unzip()
    } else {
        let keys = keys.as_slice::<i64>()?;
        let hash = |i: i64| if buckets > 0 { i.rem_euclid(buckets) } else { 0 };
        x[0].as_slice::<i64>()?.iter().map(|&i| (keys.binary_search(&i).ok(), hash(i))).unzip()
    };
    if values.dtype() == DType::I64 {
        let (values, default) = (values.as_slice::<i64>()?, default.item::<i64>()?);
        let found: Vec<i64> =
            places.iter().zip(hashes).map(|(p, h)| p.map_or(default.wrapping_add(h), |p| values[p])).collect();
        return Ok(vec![Array::from_slice(&found, x[0].shape())?]);
    }
    let (n, mut places) = (keys.elements(), places.into_iter());
    // The default stands behind the values.
    let all = crate::core::backend::run_reference(
        &Call {
            op: &crate::shape::concat::OP,
            inputs: &[Type::of(values), Type::new(default.dtype(), [1])],
            attrs: &attrs! { axis: 0 },
        },
        &[values.clone(), default.reshaped([1])?],
    )?;
    Ok(vec![crate::shape::pick(&all[0], x[0].shape(), |_| places.next().flatten().unwrap_or(n))?])
}

/// A table from strings or int64 keys to values: a vocabulary, or the reverse of one.
#[derive(Clone, Debug)]
pub struct LookupTable {
    keys: Array,
    values: Array,
    default: Array,
    buckets: usize,
}

impl LookupTable {
    /// A table of keys, a vector of strings or int64, to values, with a `default` for what is no key.
    ///
    /// # Errors
    /// `shape_mismatch` unless there is one value a key; `dtype_mismatch` for other keys; `already_exists` for a key
    /// that occurs twice; `not_traced` for traced tensors.
    pub fn new(keys: &Tensor, values: &Tensor, default: &Tensor) -> Result<Self> {
        let (keys, values, default) = (keys.array()?, values.array()?, default.array()?.reshaped([])?);
        if keys.shape().rank() != 1 || values.shape() != keys.shape() {
            fail!(ShapeMismatch, "lookup table: {} keys for {} values", keys.shape(), values.shape());
        }
        if !matches!(keys.dtype(), DType::Str | DType::I64) {
            fail!(DtypeMismatch, "lookup table: keys: expected string or int64, found {}", keys.dtype());
        }
        let order = crate::sort::Keys::of(&keys)?;
        let mut places: Vec<usize> = (0..keys.elements()).collect();
        places.sort_by(|&a, &b| order.compare(a, b));
        if let Some(w) = places.windows(2).find(|w| order.compare(w[0], w[1]) == Ordering::Equal) {
            fail!(AlreadyExists, "lookup table: keys {} and {} are the same", w[0], w[1]);
        }
        let sorted = |x: &Array| crate::shape::pick(x, x.shape(), |at| places[at[0]]);
        Ok(Self { keys: sorted(&keys)?, values: sorted(&values)?, default, buckets: 0 })
    }

    /// The table of a vocabulary: its words, or int64 tokens, in order stand for `first`, `first + 1`, and so on. What is
    /// no word stands for one of `buckets` numbers from `unknown` on, by its hash.
    ///
    /// # Errors
    /// As [`LookupTable::new`].
    ///
    /// ```
    /// use cornet_ops::{Tensor, string::LookupTable};
    /// let words = Tensor::of(["cat", "dog"].map(String::from));
    /// let table = LookupTable::vocabulary(&words, 1, 0, 1)?;
    /// let x = Tensor::of(["dog", "bird"].map(String::from));
    /// assert_eq!(table.lookup(&x).to_vec::<i64>()?, [2, 0]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    pub fn vocabulary(words: &Tensor, first: i64, unknown: i64, buckets: usize) -> Result<Self> {
        let numbers = Tensor::range(words.shape()?.elements()).cast(DType::I64) + first;
        Ok(Self { buckets, ..Self::new(words, &numbers, &Tensor::of(unknown))? })
    }

    /// The reverse of [`LookupTable::vocabulary`]: from int64 numbers to words, `unknown` for what has none.
    ///
    /// # Errors
    /// As [`LookupTable::new`].
    pub fn inverse_vocabulary(words: &Tensor, first: i64, unknown: &Tensor) -> Result<Self> {
        let numbers = Tensor::range(words.shape()?.elements()).cast(DType::I64) + first;
        Self::new(&numbers, words, unknown)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.elements()
    }

    /// True without keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of every element; integers of other dtypes are read as int64.
    ///
    /// # Errors
    /// `dtype_mismatch` for elements of another kind than the keys.
    #[track_caller]
    pub fn lookup(&self, x: &Tensor) -> Tensor {
        let x = if x.dtype().is_ok_and(|d| d.is_int()) { x.cast(DType::I64) } else { x.clone() };
        let Self { keys, values, default, buckets } = self.clone();
        call1(&OP, &[&x], attrs! { keys: keys, values: values, default: default, buckets: buckets })
    }
}
