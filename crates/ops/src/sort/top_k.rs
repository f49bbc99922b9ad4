//! `top_k`: the greatest elements of the last axis.

use super::Keys;
use crate::core::prelude::*;
use crate::index::ScatterMode;

/// The op.
pub static OP: Op = Op {
    name: "top_k",
    doc: "The `k` greatest elements of the last axis, greatest first, and their int32 indices. Of equal elements the first \
          counts as greater; NaN counts as greater than everything else.",
    source: "Keras 3 keras.ops.top_k",
    attrs: &["k"],
    dtypes: DTypes::Ordered,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        let (zeros, at) = (Tensor::zeros_like(g.x(0)), &g.outputs[1]);
        grads![zeros.put_along_axis(at, &g.dy(), -1, ScatterMode::Update)]
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([distinct(&[7])], attrs! { k: 3 }),
            Case::new([distinct(&[2, 5])], attrs! { k: 5 }),
            Case::new([distinct(&[1])], attrs! { k: 1 }),
            Case::new([distinct(&[3])], attrs! { k: 0 }).without_gradient(),
            Case::new([ints(&[2, 30], 0, 4)], attrs! { k: 10 }),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let k = call.attrs.size("k")?;
    let mut to = Dims::from_slice(call.shape(0));
    match to.last_mut() {
        Some(n) if *n >= k => *n = k,
        Some(n) => fail!(OutOfRange, "k: expected at most {n}, the size of the last axis, found {k}"),
        None => fail!(RankMismatch, "expected at least 1 axis, found none"),
    }
    Ok(smallvec![Type::new(call.dtype(0), to.clone()), Type::new(DType::I32, to)])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (k, types) = (call.attrs.size("k")?, call.infer()?);
    let (keys, n) = (Keys::of(&x[0])?, x[0].shape()[x[0].shape().rank() - 1]);
    let (mut from, mut index) = (Vec::new(), Vec::new());
    for first in (0..x[0].elements()).step_by(n.max(1)).filter(|_| k > 0) {
        let before = |a: &usize, b: &usize| keys.compare(first + b, first + a).then(a.cmp(b));
        let mut lane: Vec<usize> = (0..n).collect();
        lane.select_nth_unstable_by(k - 1, before);
        lane.truncate(k);
        lane.sort_unstable_by(before);
        from.extend(lane.iter().map(|o| first + o));
        index.extend(lane.iter().map(|&o| o as i32));
    }
    let mut next = from.into_iter();
    let values = crate::shape::pick(&x[0], &types[0].shape, |_| next.next().unwrap_or(0))?;
    Ok(vec![values, Array::from_slice(&index, &types[1].shape)?])
}

impl Tensor {
    /// The `k` greatest elements of the last axis, greatest first, and their int32 indices.
    ///
    /// # Errors
    /// `out_of_range` for a `k` above the size of the last axis; `rank_mismatch` for a scalar.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let (values, indices) = Tensor::of([1.0_f32, 5.0, 3.0]).top_k(2);
    /// assert_eq!(values.to_vec::<f32>()?, [5.0, 3.0]);
    /// assert_eq!(indices.to_vec::<i32>()?, [1, 2]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn top_k(&self, k: usize) -> (Tensor, Tensor) {
        let [values, indices] = call_n(&OP, &[self], attrs! { k: k });
        (values, indices)
    }
}
