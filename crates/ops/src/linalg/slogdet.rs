//! `slogdet`: the determinant as sign and logarithm.

use super::dense::{self, factor};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "slogdet",
    doc: "Sign and logarithm of the magnitude of the determinant over the last two axes; 0 and -inf for a singular \
          matrix. Primitive because a determinant overflows long before its logarithm does.",
    source: "Keras 3 keras.ops.slogdet",
    dtypes: DTypes::Wide,
    infer: |call| {
        let (lead, _) = dense::square(call, 0)?;
        Ok(smallvec![Type::new(call.dtype(0), &lead), Type::new(call.dtype(0), lead)])
    },
    reference: Reference::Whole(|call, x| {
        let (lead, n) = dense::square(call, 0)?;
        let (mut signs, mut logs) = (Vec::new(), Vec::new());
        for a in &dense::matrices(&x[0])? {
            let lu = factor::lu(a);
            let diagonal = || (0..n).map(|i| lu.packed[(i, i)]);
            let sign = |d: f64| if d == 0.0 { 0.0 } else { d.signum() };
            signs.push(diagonal().map(sign).product::<f64>() * lu.parity());
            logs.push(diagonal().map(|d| d.abs().ln()).sum::<f64>());
        }
        let dtype = call.dtype(0);
        Ok(vec![Array::from_f64(dtype, &lead, &signs)?, Array::from_f64(dtype, &lead, &logs)?])
    }),
    gradient: Gradient::Rule(|g| grads![g.x(0).inv().swap_last() * column(&g.dy_of(1))]),
    cases: Cases::Of(cases),
    max_rel_err_f32: 32.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// One number a matrix, shaped to multiply matrices.
#[track_caller]
pub(super) fn column(x: &Tensor) -> Tensor {
    match x.shape() {
        Ok(shape) => x.reshape(shape.iter().copied().chain([1, 1]).collect::<Shape>()),
        Err(error) => Tensor::failed(error),
    }
}

/// Matrices whose determinants are far from zero.
pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new([definite(&[3, 3])], Attrs::default()),
        Case::new([definite(&[2, 4, 4])], Attrs::default()),
        Case::new([between(&[2, 1, 1], -3.0, -1.0)], Attrs::default()),
        Case::new([definite(&[0, 2, 2])], Attrs::default()).without_gradient(),
    ]
}

impl Tensor {
    /// Sign and logarithm of the magnitude of the determinant over the last two axes.
    ///
    /// # Errors
    /// `dim_mismatch` unless the matrices are square.
    #[track_caller]
    pub fn slogdet(&self) -> (Tensor, Tensor) {
        let wide = if self.dtype().is_ok_and(|d| !d.is_inexact()) { self.cast(DType::F32) } else { self.clone() };
        let [sign, log] = call_n(&OP, &[&wide], Attrs::default());
        (sign, log)
    }

    /// The logarithm of the determinant of positive definite matrices.
    ///
    /// # Errors
    /// `dim_mismatch` unless the matrices are square.
    #[track_caller]
    pub fn logdet(&self) -> Tensor {
        self.slogdet().1
    }
}
