//! `cholesky`: the triangular square root of a positive definite matrix.

use super::dense::{self, factor};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "cholesky",
    doc: "The lower triangular L with L · Lᵀ = (x + xᵀ) / 2, over the last two axes. Refuses a matrix that is not \
          positive definite.",
    source: "Keras 3 keras.ops.cholesky",
    dtypes: DTypes::Wide,
    infer: |call| dense::square(call, 0).map(|_| smallvec![call.inputs[0].clone()]),
    reference: Reference::Whole(|call, x| {
        let factors = dense::matrices(&x[0])?
            .iter()
            .map(|a| {
                factor::cholesky(&a.symmetrized()).ok_or_else(|| {
                    err!(InvalidArgument, "expected a positive definite matrix, found one that is not")
                        .help("add a small multiple of the identity")
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(vec![dense::array(call.dtype(0), call.shape(0).clone(), factors.iter().map(|l| &l.data[..]))?])
    }),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let (l, dy) = (g.y(), g.dy());
            let n = g.shape(0)[g.shape(0).rank() - 1];
            let dtype = dy.dtype()?;
            // The lower triangle with half of its diagonal.
            let half = (Tensor::tri(n, n, 0, dtype) + Tensor::tri(n, n, -1, dtype)) * 0.5;
            let phi = l.matmul_with(&dy, true, false) * half;
            let left = l.solve_triangular_with(&phi, true, true);
            let both = l.solve_triangular_with(&left.swap_last(), true, true);
            Ok(grads![(&both + both.swap_last()) * 0.5])
        })
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([definite(&[3, 3])], Attrs::default()),
            Case::new([definite(&[2, 4, 4])], Attrs::default()),
            Case::new([definite(&[1, 1])], Attrs::default()),
            Case::new([definite(&[0, 2, 2])], Attrs::default()).without_gradient(),
        ]
    }),
    max_rel_err_f32: 16.0 * f32::EPSILON as f64,
    ..Op::BASE
};

impl Tensor {
    /// The triangular L with L · Lᵀ = `self`, or with `upper` the R with Rᵀ · R = `self`, over the last two axes.
    /// Integers become float32.
    ///
    /// # Errors
    /// `dim_mismatch` unless the matrices are square; `invalid_argument` unless they are positive definite.
    #[track_caller]
    pub fn cholesky(&self, upper: bool) -> Tensor {
        let l = crate::arithmetic::float_unary(&OP, self);
        if upper { l.swap_last() } else { l }
    }

    /// The inverse of the matrix whose Cholesky factor `self` is: (L · Lᵀ)⁻¹, or (Rᵀ · R)⁻¹ with `upper`.
    ///
    /// # Errors
    /// `dim_mismatch` unless the matrices are square.
    #[track_caller]
    pub fn cholesky_inverse(&self, upper: bool) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let Some(&n) = shape.last() else { fail!(RankMismatch, "expected at least 2 axes, found 0") };
            let eye = Tensor::eye(n, n, 0, self.dtype()?).broadcast_to(&shape);
            let inverse = self.solve_triangular_with(&eye, !upper, false);
            Ok(inverse.matmul_with(&inverse, !upper, upper))
        })
    }
}
