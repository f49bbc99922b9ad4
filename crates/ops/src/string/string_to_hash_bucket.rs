//! `string_to_hash_bucket`: strings to numbers by a hash.

use super::{STRINGS, fingerprint64, sample, siphash24};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "string_to_hash_bucket",
    doc: "A hash of every string modulo the attribute `buckets`, as int64: FarmHash's Fingerprint64, or with two integers \
          in `key` SipHash-2-4 under them.",
    source: "TensorFlow tf.strings.to_hash_bucket_fast and to_hash_bucket_strong",
    attrs: &["buckets", "key"],
    infer: |call| {
        let (buckets, key) = (call.attrs.int("buckets")?, call.attrs.ints("key")?);
        if buckets < 1 || ![0, 2].contains(&key.len()) {
            fail!(InvalidArgument, "expected buckets and a key of no or two integers, found {buckets} and {key:?}");
        }
        Ok(smallvec![Type::new(DType::I64, call.shape(0))])
    },
    reference: Reference::Whole(reference),
    cases: Cases::Of(|| {
        let with = |buckets: i64, key: &[i64]| Case::new([exactly(sample())], attrs! { buckets: buckets, key: key });
        vec![with(10, &[]), with(i64::MAX, &[]), with(7, &[1, -2])]
    }),
    ..STRINGS
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (buckets, key) = (call.attrs.int("buckets")? as u64, call.attrs.ints("key")?);
    let hash = |s: &Vec<u8>| match *key {
        [a, b] => siphash24(s, [a as u64, b as u64]),
        _ => fingerprint64(s),
    };
    let found: Vec<i64> = x[0].strings()?.iter().map(|s| (hash(s) % buckets) as i64).collect();
    Ok(vec![Array::from_slice(&found, x[0].shape())?])
}

impl Tensor {
    /// FarmHash's Fingerprint64 of every string modulo `buckets`, as int64: TensorFlow's `to_hash_bucket_fast`.
    ///
    /// # Errors
    /// `invalid_argument` for no buckets; `dtype_mismatch` for what is no string.
    #[track_caller]
    pub fn string_to_hash_bucket_fast(&self, buckets: usize) -> Tensor {
        call1(&OP, &[self], attrs! { buckets: buckets, key: Vec::<i64>::new() })
    }

    /// SipHash-2-4 of every string under a key, modulo `buckets`, as int64: TensorFlow's `to_hash_bucket_strong`, for
    /// strings that someone may choose so that they collide.
    ///
    /// # Errors
    /// As [`Tensor::string_to_hash_bucket_fast`].
    #[track_caller]
    pub fn string_to_hash_bucket_strong(&self, buckets: usize, key: [u64; 2]) -> Tensor {
        call1(&OP, &[self], attrs! { buckets: buckets, key: key.map(|k| k as i64).to_vec() })
    }
}
