//! `take_along_axis`: elements of an axis by indices that differ from place to place.

use super::{index_dtype, wrap};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "take_along_axis",
    doc: "y[.., i, ..] = x[.., indices[.., i, ..], ..] along the attribute `axis`; the other axes are equal. Negative \
          indices count from the end; others out of range are errors.",
    source: "Keras 3 keras.ops.take_along_axis",
    arity: (2, 2),
    attrs: &["axis"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let axis = g.attrs.size("axis")? as isize;
            let dx =
                g.want(0, || Tensor::zeros_like(g.x(0)).put_along_axis(g.x(1), &g.dy(), axis, super::ScatterMode::Add));
            Ok(grads![dx, None])
        })
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[3, 4]), ints(&[3, 2], 0, 4)], attrs! { axis: 1 }),
            Case::new([any(&[3, 2, 2]), ints(&[5, 2, 2], -3, 3)], attrs! { axis: 0 }),
            Case::new([any(&[3]), ints(&[0], 0, 3)], attrs! { axis: 0 }).without_gradient(),
        ]
    }),
    ..Op::BASE
};

/// Checks that input `i`, indices, fits the first input on all axes but `axis`.
pub(super) fn check(call: &Call<'_>, i: usize) -> Result<()> {
    let (shape, indices, axis) = (call.shape(0), call.shape(i), call.attrs.size("axis")?);
    shape.axis(axis as isize)?;
    index_dtype(call.dtype(i))?;
    if shape.rank() != indices.rank() || (0..shape.rank()).any(|a| a != axis && shape[a] != indices[a]) {
        fail!(ShapeMismatch, "indices: expected {shape} but for axis {axis}, found {indices}");
    }
    Ok(())
}

/// For each index in row-major order, the flat position it names in an array of `shape`.
pub(super) fn targets(indices: &Array, shape: &Shape, axis: usize) -> Result<Vec<usize>> {
    let (wide, strides, n) = (indices.to_i64()?, shape.strides(), shape[axis]);
    let found = wide.iter().map(|&i| wrap(i, n, axis)).collect::<Result<Vec<_>>>()?;
    let (mut out, mut at) = (Vec::with_capacity(found.len()), 0);
    for_each_index(indices.shape(), |index| {
        let of = |a: usize| if a == axis { found[at] } else { index[a] };
        out.push((0..index.len()).map(|a| of(a) * strides[a]).sum());
        at += 1;
    });
    Ok(out)
}

fn infer(call: &Call<'_>) -> Result<Types> {
    check(call, 1)?;
    Ok(smallvec![Type::new(call.dtype(0), call.shape(1))])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let from = targets(&x[1], x[0].shape(), call.attrs.size("axis")?)?;
    let mut next = from.into_iter();
    Ok(vec![crate::shape::pick(&x[0], x[1].shape(), |_| next.next().unwrap_or(0))?])
}

impl Tensor {
    /// `y[.., i, ..] = x[.., indices[.., i, ..], ..]`: what `argsort` and `argmax` answer picks the elements they mean.
    /// Axes other than `axis` broadcast.
    ///
    /// # Errors
    /// `shape_mismatch`; `out_of_range` when it runs, for an index that no element has.
    #[track_caller]
    pub fn take_along_axis(&self, indices: &Tensor, axis: isize) -> Tensor {
        Tensor::lift(|| {
            let axis = self.shape()?.axis(axis)?;
            let (x, indices) = align(self, indices, axis)?;
            Ok(call1(&OP, &[&x, &indices], attrs! { axis: axis }))
        })
    }

    /// The same on the flattened tensor: [`Tensor::take_flat`] of flattened indices.
    #[track_caller]
    pub fn take_along_flat(&self, indices: &Tensor) -> Tensor {
        self.take_flat(&indices.ravel())
    }
}

/// The two broadcast against each other on all axes but `axis`.
pub(super) fn align(x: &Tensor, indices: &Tensor, axis: usize) -> Result<(Tensor, Tensor)> {
    let (own, other) = (x.shape()?, indices.shape()?);
    if own.rank() != other.rank() {
        fail!(RankMismatch, "indices: expected {} axes, found {}", own.rank(), other.rank());
    }
    let without = |s: &Shape| -> Shape { s.iter().enumerate().map(|(a, &d)| if a == axis { 1 } else { d }).collect() };
    let common = without(&own).broadcast(&without(&other))?;
    let with = |n: usize| -> Shape { common.iter().enumerate().map(|(a, &d)| if a == axis { n } else { d }).collect() };
    Ok((x.broadcast_to(with(own[axis])), indices.broadcast_to(with(other[axis]))))
}
