//! `sum`: the sum over axes.

use num_complex::Complex64;

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "sum",
    doc: "The sum over the attribute `axes` (sorted), which `keepdims` keeps as size 1. Integers wrap. The empty sum is 0.",
    source: "Keras 3 keras.ops.sum",
    attrs: &["axes", "keepdims"],
    dtypes: DTypes::Numeric,
    infer: super::infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| g.lift(|| Ok(grads![super::restore(&g.dy(), &g.shape(0), &g.attrs.sizes("axes")?)]))),
    cases: Cases::Of(super::cases),
    max_rel_err_f32: 4.0 * f32::EPSILON as f64,
    ..Op::BASE
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    if x[0].dtype().is_complex() {
        let (axes, to) = (call.attrs.sizes("axes")?, super::reduced_shape(call)?);
        let (values, mut out) = (x[0].to_c128()?, vec![Complex64::default(); to.elements()]);
        super::for_each_reduced(x[0].shape(), &axes, |o, i| out[o] += values[i]);
        return Ok(vec![Array::from_c128(to, &out)?]);
    }
    super::fold(call, &x[0], (0.0, |a, b| a + b), (0, i64::wrapping_add))
}

impl Tensor {
    /// The sum over `axes` (all of them if empty), kept as size 1 with `keepdims`. Bools and integers of less than 32
    /// bits become int32 or uint32 first.
    #[track_caller]
    pub fn sum(&self, axes: &[isize], keepdims: bool) -> Tensor {
        super::reduce(&OP, &super::widened(self), axes, keepdims)
    }
}
