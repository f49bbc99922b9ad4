//! `put_along_axis`: elements of an axis written by indices that differ from place to place.

use super::ScatterMode;
use super::take_along_axis::{align, check, targets};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "put_along_axis",
    doc: "x with updates[.., i, ..] written to x[.., indices[.., i, ..], ..] along the attribute `axis`, by the \
          attribute `mode`: update, add, mul, max or min.",
    source: "NumPy numpy.put_along_axis",
    arity: (3, 3),
    attrs: &["axis", "mode"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(gradient),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[3, 4]), ints(&[3, 2], 0, 4), any(&[3, 2])], attrs! { axis: 1, mode: "add" }),
            Case::new(
                [
                    any(&[3, 2]),
                    exactly(Array::from_literal([[2, 0]]).unwrap_or_else(|_| Array::scalar(0))),
                    any(&[1, 2]),
                ],
                attrs! { axis: 0, mode: "update" },
            ),
            Case::new([any(&[3]), ints(&[0], 0, 3), any(&[0])], attrs! { axis: 0, mode: "add" }).without_gradient(),
        ]
    }),
    dtypes: DTypes::Numeric,
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    check(call, 1)?;
    let mode = ScatterMode::named(call.attrs.str("mode")?)?;
    mode.check(call.dtype(0))?;
    if call.dtype(2) != call.dtype(0) {
        fail!(DtypeMismatch, "updates: expected {}, found {}", call.dtype(0), call.dtype(2));
    }
    if call.shape(2) != call.shape(1) {
        fail!(ShapeMismatch, "updates: expected {} as the indices have, found {}", call.shape(1), call.shape(2));
    }
    infer::same(call)
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let mode = ScatterMode::named(call.attrs.str("mode")?)?;
    let to = targets(&x[1], x[0].shape(), call.attrs.size("axis")?)?;
    Ok(vec![super::put(&x[0], &x[2], &to, 1, mode)?])
}

fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let (axis, mode) = (g.attrs.size("axis")? as isize, ScatterMode::named(g.attrs.str("mode")?)?);
        let (indices, dy) = (g.x(1), g.dy());
        match mode {
            ScatterMode::Add => {
                Ok(grads![g.want(0, || dy.clone()), None, g.want(2, || dy.take_along_axis(indices, axis))])
            }
            ScatterMode::Update => Ok(grads![
                g.want(0, || dy.put_along_axis(indices, &Tensor::zeros_like(g.x(2)), axis, mode)),
                None,
                g.want(2, || dy.take_along_axis(indices, axis))
            ]),
            _ => Err(err!(NotDifferentiable, "put_along_axis is not differentiable with mode {}", mode.word())
                .help("scatter_nd is, in every mode")),
        }
    })
}

impl Tensor {
    /// This tensor with `updates[.., i, ..]` written to place `indices[.., i, ..]` of `axis`. Where an index occurs
    /// twice under [`ScatterMode::Update`], the last one stays, and the gradient flows to both.
    ///
    /// # Errors
    /// `shape_mismatch`, `dtype_mismatch`; `out_of_range` when it runs, for an index that no element has.
    #[track_caller]
    pub fn put_along_axis(&self, indices: &Tensor, updates: &Tensor, axis: isize, mode: ScatterMode) -> Tensor {
        Tensor::lift(|| {
            let axis = self.shape()?.axis(axis)?;
            let (x, indices) = align(self, indices, axis)?;
            let updates = updates.cast_like(self).broadcast_to(indices.shape()?);
            Ok(call1(&OP, &[&x, &indices, &updates], attrs! { axis: axis, mode: mode.word() }))
        })
    }
}
