//! `random_permutation`: the first numbers in random order.

use super::threefry::element;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "random_permutation",
    doc: "The int32 numbers from 0 to below the attribute `n`, in the order of their elements' 64 random bits.",
    source: "Keras 3 keras.random.shuffle",
    attrs: &["n"],
    infer: |call| {
        super::expect_key(call, 0)?;
        let n = call.attrs.size("n")?;
        if i32::try_from(n).is_err() {
            fail!(LimitExceeded, "n: expected at most {}, found {n}", i32::MAX);
        }
        Ok(smallvec![Type::new(DType::I32, [n])])
    },
    reference: Reference::Whole(|call, x| {
        let (key, n) = (super::key(&x[0])?, call.attrs.size("n")?);
        let mut order: Vec<([u32; 2], i32)> = (0..n).map(|i| (element(key, i, 0), i as i32)).collect();
        order.sort_unstable();
        Ok(vec![Array::from_slice(&order.iter().map(|&(_, i)| i).collect::<Vec<i32>>(), [n])?])
    }),
    gradient: Gradient::None("it is a function of integers"),
    cases: Cases::Of(|| [0_usize, 1, 50].map(|n| Case::new([super::a_key()], attrs! { n: n })).to_vec()),
    ..Op::BASE
};
