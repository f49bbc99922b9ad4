//! `prod`: the product over axes.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "prod",
    doc: "The product over the attribute `axes` (sorted), which `keepdims` keeps as size 1. Integers wrap. The empty product \
          is 1.",
    source: "Keras 3 keras.ops.prod",
    attrs: &["axes", "keepdims"],
    dtypes: DTypes::Real,
    infer: super::infer,
    reference: Reference::Whole(|call, x| super::fold(call, &x[0], (1.0, |a, b| a * b), (1, i64::wrapping_mul))),
    gradient: Gradient::Rule(gradient),
    cases: Cases::Of(|| {
        let case = |shape: &[usize], axes: Vec<usize>, keep: bool| {
            Case::new([between(shape, 0.5, 1.8)], attrs! { axes: axes, keepdims: keep })
        };
        vec![
            case(&[2, 3], vec![1], false),
            case(&[2, 3, 4], vec![0, 2], true),
            case(&[5], vec![0], false),
            case(&[3, 0], vec![1], false).without_gradient(),
            case(&[3, 70], vec![0], false),
        ]
    }),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// The product of all other elements, as the product of those before and of those after, which zeros do not disturb.
fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let (axes, shape) = (g.attrs.sizes("axes")?, g.shape(0));
        let order: Vec<isize> =
            (0..shape.rank()).filter(|a| !axes.contains(a)).chain(axes.iter().copied()).map(|a| a as isize).collect();
        let mut back = vec![0_isize; order.len()];
        order.iter().enumerate().for_each(|(i, &a)| back[a as usize] = i as isize);
        let moved = g.x(0).transpose(&order);
        let count: usize = axes.iter().map(|&a| shape[a]).product();
        let lines = moved.reshape([shape.elements().checked_div(count).unwrap_or(0), count]);
        let others = lines.cumprod_with(Some(1), true, false) * lines.cumprod_with(Some(1), true, true);
        let others = others.reshape(moved.shape()?).transpose(&back);
        Ok(grads![super::restore(&g.dy(), &shape, &axes) * others])
    })
}

impl Tensor {
    /// The product over `axes` (all of them if empty), kept as size 1 with `keepdims`. Bools and integers of less than
    /// 32 bits become int32 or uint32 first.
    #[track_caller]
    pub fn prod(&self, axes: &[isize], keepdims: bool) -> Tensor {
        super::reduce(&OP, &super::widened(self), axes, keepdims)
    }
}
