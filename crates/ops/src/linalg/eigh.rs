//! `eigh`: eigenvalues and eigenvectors of symmetric matrices.

use super::dense::{self, symmetric};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "eigh",
    doc: "Eigenvalues, ascending, and eigenvectors, as columns of length 1, of (x + xᵀ) / 2 over the last two axes. Of \
          each vector the element of greatest magnitude is positive. The gradient by vectors of equal eigenvalues is \
          not finite.",
    source: "Keras 3 keras.ops.eigh",
    dtypes: DTypes::Wide,
    infer: |call| {
        let (lead, n) = dense::square(call, 0)?;
        Ok(smallvec![Type::new(call.dtype(0), dense::shape(&lead, &[n])), call.inputs[0].clone()])
    },
    reference: Reference::Whole(|call, x| {
        let (lead, n) = dense::square(call, 0)?;
        let mut all = Vec::new();
        for a in &dense::matrices(&x[0])? {
            // Where there is a NaN, everything is.
            let failed = || (vec![f64::NAN; n], dense::Matrix { rows: n, columns: n, data: vec![f64::NAN; n * n] });
            all.push(symmetric::eigh(&a.symmetrized()).unwrap_or_else(failed));
        }
        Ok(vec![
            dense::array(call.dtype(0), dense::shape(&lead, &[n]), all.iter().map(|(w, _)| &w[..]))?,
            dense::array(call.dtype(0), call.shape(0).clone(), all.iter().map(|(_, v)| &v.data[..]))?,
        ])
    }),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let (w, v) = (&g.outputs[0], &g.outputs[1]);
            let n = g.shape(0)[g.shape(0).rank() - 1];
            let dtype = w.dtype()?;
            let (lead, eye) = (w.shape()?, Tensor::eye(n, n, 0, dtype));
            let row = |x: &Tensor| x.reshape(dense::shape(&Shape::new(&lead[..lead.rank() - 1]), &[1, n]));
            let mut middle = row(&g.dy_of(0)) * &eye;
            if g.cotangents[1].is_some() {
                let gaps = row(w) - row(w).swap_last() + &eye;
                let between = v.matmul_with(&g.dy_of(1), true, false) * (1.0 - &eye) / gaps;
                middle = middle + between;
            }
            let full = v.matmul_with(&middle, false, false).matmul_with(v, false, true);
            Ok(grads![(&full + full.swap_last()) * 0.5])
        })
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([definite(&[3, 3])], Attrs::default()),
            Case::new([distinct(&[2, 4, 4])], Attrs::default()),
            Case::new([any(&[1, 1])], Attrs::default()),
            Case::new([any(&[0, 2, 2])], Attrs::default()).without_gradient(),
        ]
    }),
    max_rel_err_f32: 32.0 * f32::EPSILON as f64,
    ..Op::BASE
};

impl Tensor {
    /// Eigenvalues `[…, n]`, ascending, and eigenvectors, the columns of `[…, n, n]`, of symmetric matrices.
    ///
    /// # Errors
    /// `dim_mismatch` unless the matrices are square.
    #[track_caller]
    pub fn eigh(&self) -> (Tensor, Tensor) {
        let wide = if self.dtype().is_ok_and(|d| !d.is_inexact()) { self.cast(DType::F32) } else { self.clone() };
        let [w, v] = call_n(&OP, &[&wide], Attrs::default());
        (w, v)
    }
}
