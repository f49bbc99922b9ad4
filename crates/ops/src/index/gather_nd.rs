//! `gather_nd`: slices by indices into several axes at once.

use super::{ScatterMode, index_dtype, wrap};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "gather_nd",
    doc: "y[i, ...] = x[indices[i, 0], indices[i, 1], ..., ...]: the last axis of `indices` names a place on the first \
          axes of x. Negative indices count from the end; others out of range are errors.",
    source: "TensorFlow tf.gather_nd",
    arity: (2, 2),
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        let dx = g.want(0, || Tensor::zeros_like(g.x(0)).scatter_nd(g.x(1), &g.dy(), ScatterMode::Add));
        grads![dx, None]
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[3, 4]), ints(&[5, 2], 0, 3)], Attrs::default()),
            Case::new([any(&[3, 4, 2]), ints(&[2, 2, 1], -3, 3)], Attrs::default()),
            Case::new([any(&[3]), ints(&[1], 0, 3)], Attrs::default()),
            Case::new([any(&[3, 2]), ints(&[4, 0], 0, 3)], Attrs::default()),
            Case::new([any(&[3, 2]), ints(&[0, 2], 0, 2)], Attrs::default()).without_gradient(),
        ]
    }),
    ..Op::BASE
};

/// How many axes input `i`, indices, names; checks that they are.
pub(super) fn depth(call: &Call<'_>, i: usize) -> Result<usize> {
    index_dtype(call.dtype(i))?;
    let (shape, indices) = (call.shape(0), call.shape(i));
    match indices.last() {
        Some(&k) if k <= shape.rank() => Ok(k),
        Some(&k) => Err(err!(ShapeMismatch, "indices name {k} axes of {}", shape.rank())),
        None => Err(err!(RankMismatch, "indices: expected at least 1 axis, found none")),
    }
}

/// The shape of what the indices name: theirs but for the last axis, then what they leave of the first input's.
pub(super) fn named(call: &Call<'_>, i: usize) -> Result<Shape> {
    let (k, indices) = (depth(call, i)?, call.shape(i));
    let to: Dims = indices[..indices.rank() - 1].iter().chain(&call.shape(0)[k..]).copied().collect();
    Shape::checked(&to, call.dtype(0).size())
}

/// The flat position of the first element of each slice that the indices name.
pub(super) fn corners(indices: &Array, shape: &Shape) -> Result<Vec<usize>> {
    let (k, strides, wide) = (indices.shape().last().copied().unwrap_or(0), shape.strides(), indices.to_i64()?);
    if k == 0 {
        return Ok(vec![0; indices.shape()[..indices.shape().rank() - 1].iter().product()]);
    }
    wide.chunks_exact(k).map(|at| (0..k).map(|a| Ok(wrap(at[a], shape[a], a)? * strides[a])).sum()).collect()
}

fn infer(call: &Call<'_>) -> Result<Types> {
    Ok(smallvec![Type::new(call.dtype(0), named(call, 1)?)])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (to, k) = (named(call, 1)?, depth(call, 1)?);
    let from = corners(&x[1], x[0].shape())?;
    let inner: usize = x[0].shape()[k..].iter().product();
    let flat = Shape::new(&[from.len(), inner]);
    Ok(vec![crate::shape::pick_runs(&x[0], &flat, 1, |at| from[at[0]])?.reshaped(to)?])
}

impl Tensor {
    /// The slices at the places that the last axis of `indices` names.
    ///
    /// # Shapes
    /// `x`: `[n0, …, nk, …b]`, `indices`: `[…i, k]`; the result `[…i, …b]`.
    ///
    /// # Errors
    /// `shape_mismatch`; `out_of_range` when it runs, for a place that does not exist.
    #[track_caller]
    pub fn gather_nd(&self, indices: &Tensor) -> Tensor {
        call1(&OP, &[self, indices], Attrs::default())
    }
}
