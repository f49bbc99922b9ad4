//! `scatter_nd`: slices written, added and so on by indices into several axes at once.

use super::ScatterMode;
use super::gather_nd::{corners, depth, named};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "scatter_nd",
    doc: "x with updates[i, ...] written to x[indices[i, 0], indices[i, 1], ..., ...] by the attribute `mode`: update, \
          add, mul, max or min. Where places coincide all writes count, in order.",
    source: "TensorFlow tf.tensor_scatter_nd_update; Keras 3 keras.ops.scatter_update",
    arity: (3, 3),
    attrs: &["mode"],
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(gradient),
    cases: Cases::Of(cases),
    dtypes: DTypes::Numeric,
    max_rel_err_f32: 4.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// Modes max and min, which complex numbers do not have, are tested beside the suite.
fn cases() -> Vec<Case> {
    let at = |rows: [[i32; 2]; 3]| exactly(Array::from_literal(rows).unwrap_or_else(|_| Array::scalar(0)));
    let apart = || at([[0, 1], [2, 3], [-1, 0]]);
    vec![
        Case::new([any(&[3, 4]), ints(&[5, 2], 0, 3), any(&[5])], attrs! { mode: "add" }),
        Case::new([any(&[3, 4, 2]), ints(&[2, 2, 1], -3, 3), any(&[2, 2, 4, 2])], attrs! { mode: "add" }),
        Case::new([any(&[3, 4]), apart(), any(&[3])], attrs! { mode: "update" }),
        Case::new([any(&[3, 4]), at([[0, 1], [0, 1], [2, 2]]), any(&[3])], attrs! { mode: "mul" }),
    ]
}

fn infer(call: &Call<'_>) -> Result<Types> {
    let mode = ScatterMode::named(call.attrs.str("mode")?)?;
    mode.check(call.dtype(0))?;
    if call.dtype(2) != call.dtype(0) {
        fail!(DtypeMismatch, "updates: expected {}, found {}", call.dtype(0), call.dtype(2));
    }
    let expected = named(call, 1)?;
    if *call.shape(2) != expected {
        fail!(ShapeMismatch, "updates: expected {expected}, found {}", call.shape(2));
    }
    infer::same(call)
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let mode = ScatterMode::named(call.attrs.str("mode")?)?;
    let inner: usize = x[0].shape()[depth(call, 1)?..].iter().product();
    let corners = corners(&x[1], x[0].shape())?;
    Ok(vec![super::put(&x[0], &x[2], &corners, inner, mode)?])
}

fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let mode = ScatterMode::named(g.attrs.str("mode")?)?;
        let (x, at, u, dy) = (g.x(0), g.x(1), g.x(2), g.dy());
        Ok(match mode {
            ScatterMode::Add => grads![g.want(0, || dy.clone()), None, g.want(2, || dy.gather_nd(at))],
            ScatterMode::Update => {
                let dx = g.want(0, || dy.scatter_nd(at, &Tensor::zeros_like(u), mode));
                grads![dx, None, g.want(2, || dy.gather_nd(at))]
            }
            ScatterMode::Mul => {
                let dx = g.want(0, || &dy * Tensor::ones_like(x).scatter_nd(at, u, mode));
                grads![dx, None, g.want(2, || product_gradient(x, at, u, &dy))]
            }
            ScatterMode::Max | ScatterMode::Min => {
                // The cotangent is shared equally among all that attain the extreme.
                let kept = x.equal(g.y()).cast_like(x).stop_gradient();
                let won = u.equal(g.y().gather_nd(at)).cast_like(u).stop_gradient();
                let share = &dy / kept.scatter_nd(at, &won, ScatterMode::Add);
                grads![g.want(0, || &share * &kept), None, g.want(2, || share.gather_nd(at) * &won)]
            }
        })
    })
}

/// The derivative of x times all updates of a place, by each update: the product of the others, found by division
/// unless a factor is zero. With one zero factor only that one's derivative is not zero.
fn product_gradient(x: &Tensor, at: &Tensor, u: &Tensor, dy: &Tensor) -> Tensor {
    let zero = u.equal(0.0);
    let safe = zero.where_(1, u);
    let zeros = Tensor::zeros_like(x).scatter_nd(at, &zero.cast_like(u), ScatterMode::Add).gather_nd(at);
    let others = (dy * x.scatter_nd(at, &safe, ScatterMode::Mul)).gather_nd(at) / &safe;
    let alone = zeros.equal(zero.cast_like(u));
    alone.where_(&others, 0)
}

impl Tensor {
    /// This tensor with `updates` written to the places that the last axis of `indices` names.
    ///
    /// # Shapes
    /// `x`: `[n0, …, nk, …b]`, `indices`: `[…i, k]`, `updates`: `[…i, …b]`.
    ///
    /// # Errors
    /// `shape_mismatch`, `dtype_mismatch`; `out_of_range` when it runs, for a place that does not exist.
    #[track_caller]
    pub fn scatter_nd(&self, indices: &Tensor, updates: &Tensor, mode: ScatterMode) -> Tensor {
        call1(&OP, &[self, indices, updates], attrs! { mode: mode.word() })
    }
}
