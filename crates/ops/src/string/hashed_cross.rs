//! `hashed_cross`: one number for a combination of values.

use super::{STRINGS, fingerprint64, sample};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "hashed_cross",
    doc: "For corresponding elements of two inputs, strings or int64, a hash of the pair modulo the attribute `buckets`, as \
          int64. Strings count by their Fingerprint64, integers by themselves.",
    source: "TensorFlow tf.sparse.cross_hashed; Keras 3 keras.layers.HashedCrossing",
    attrs: &["buckets"],
    arity: (2, 2),
    dtypes: DTypes::Any,
    infer: |call| {
        if call.attrs.int("buckets")? < 1 || call.shape(0) != call.shape(1) {
            let (a, b) = (call.shape(0), call.shape(1));
            fail!(ShapeMismatch, "expected buckets and two inputs of one shape, found {a} and {b}");
        }
        for i in 0..2 {
            if !matches!(call.dtype(i), DType::Str | DType::I64) {
                fail!(DtypeMismatch, "expected string or int64, found {}", call.dtype(i));
            }
        }
        Ok(smallvec![Type::new(DType::I64, call.shape(0))])
    },
    reference: Reference::Whole(reference),
    cases: Cases::Of(|| {
        let of = |a: Array, b: Array| Case::new([exactly(a), exactly(b)], attrs! { buckets: 1000 });
        let numbers =
            Array::from_slice(&[0_i64, 1, -1, i64::MAX, 7, 3], [2, 3]).unwrap_or_else(|_| Array::scalar(0_i64));
        vec![of(sample(), sample()), of(numbers.clone(), numbers.clone()), of(sample(), numbers)]
    }),
    ..STRINGS
};

/// The key that TensorFlow mixes in.
const KEY: u64 = 0xDECAFCAFFE;
const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;

fn shift(x: u64) -> u64 {
    x ^ (x >> 47)
}

/// TensorFlow's FingerprintCat64.
fn concatenated(a: u64, b: u64) -> u64 {
    let mixed = (a ^ MULTIPLIER) ^ shift(b.wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
    shift(shift(mixed.wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER))
}

fn features(x: &Array) -> Result<Vec<u64>> {
    match x.dtype() {
        DType::Str => Ok(x.strings()?.iter().map(|s| fingerprint64(s)).collect()),
        _ => Ok(x.as_slice::<i64>()?.iter().map(|&n| n as u64).collect()),
    }
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let buckets = call.attrs.int("buckets")? as u64;
    let (a, b) = (features(&x[0])?, features(&x[1])?);
    let hash = |(a, b)| (concatenated(concatenated(KEY, a), b) % buckets) as i64;
    let found: Vec<i64> = a.into_iter().zip(b).map(hash).collect();
    Ok(vec![Array::from_slice(&found, x[0].shape())?])
}

impl Tensor {
    /// A hash of corresponding elements modulo `buckets`, as int64: TensorFlow's `tf.sparse.cross_hashed`. Integers of
    /// other dtypes are read as int64.
    ///
    /// # Errors
    /// `shape_mismatch` for other shapes or no buckets; `dtype_mismatch` for what is neither string nor integer.
    #[track_caller]
    pub fn hashed_cross(&self, other: &Tensor, buckets: usize) -> Tensor {
        let wide = |x: &Tensor| if x.dtype().is_ok_and(|d| d.is_int()) { x.cast(DType::I64) } else { x.clone() };
        call1(&OP, &[&wide(self), &wide(other)], attrs! { buckets: buckets })
    }
}
