//! `lu`: triangular factors with exchanged rows.

use super::dense::{self, factor};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "lu",
    doc: "P · x = L · U over the last two axes with partial pivoting: L (without its unit diagonal) and U in one matrix; \
          the rows exchanged, in order (int32); and which row of x each row of P · x is (int32).",
    source: "Keras 3 keras.ops.lu_factor; LAPACK getrf",
    dtypes: DTypes::Wide,
    infer: |call| {
        let (lead, m, n) = dense::sizes(call, 0)?;
        let pivots = Type::new(DType::I32, dense::shape(&lead, &[m.min(n)]));
        Ok(smallvec![call.inputs[0].clone(), pivots, Type::new(DType::I32, dense::shape(&lead, &[m]))])
    },
    reference: Reference::Whole(|call, x| {
        let (lead, m, n) = dense::sizes(call, 0)?;
        let all: Vec<factor::Lu> = dense::matrices(&x[0])?.iter().map(factor::lu).collect();
        Ok(vec![
            dense::array(call.dtype(0), call.shape(0).clone(), all.iter().map(|f| &f.packed.data[..]))?,
            dense::indices(dense::shape(&lead, &[m.min(n)]), all.iter().map(|f| &f.pivots[..]))?,
            dense::indices(dense::shape(&lead, &[m]), all.iter().map(|f| &f.permutation[..]))?,
        ])
    }),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let shape = g.shape(0);
            let (n, columns) = (shape[shape.rank() - 1], shape[shape.rank() - 2]);
            if n != columns {
                fail!(NotDifferentiable, "lu: expected square matrices, found {shape}");
            }
            let (packed, dy) = (g.y(), g.dy());
            let dtype = dy.dtype()?;
            let below = Tensor::tri(n, n, -1, dtype);
            let above = 1.0 - Tensor::tri(n, n, -1, dtype);
            let lower = packed * &below + Tensor::eye(n, n, 0, dtype);
            let flow = lower.matmul_with(&(&dy * &below), true, false) * &below
                + (&dy * &above).matmul_with(&(packed * &above), false, true) * &above;
            let left = lower.solve_triangular_with(&flow, true, true);
            let both = packed.solve_triangular_with(&left.swap_last(), false, false).swap_last();
            // Row i of P has its 1 at the place that the permutation names.
            let rows: Shape = shape[..shape.rank() - 1].iter().copied().chain([1]).collect();
            let places: Vec<i64> = (0..n as i64).collect();
            let places = Tensor::from_result(Array::from_i64(DType::I32, [n], &places));
            let p = g.outputs[2].reshape(rows).equal(&places).cast(dtype);
            Ok(grads![p.matmul_with(&both, true, false)])
        })
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([definite(&[3, 3])], Attrs::default()),
            Case::new([distinct(&[2, 4, 4])], Attrs::default()),
            Case::new([distinct(&[2, 3])], Attrs::default()).without_gradient(),
            Case::new([distinct(&[4, 2])], Attrs::default()).without_gradient(),
            Case::new([any(&[0, 2, 2])], Attrs::default()).without_gradient(),
        ]
    }),
    max_rel_err_f32: 32.0 * f32::EPSILON as f64,
    ..Op::BASE
};

impl Tensor {
    /// L and U of P · `self` = L · U in one matrix, and the rows that were exchanged, counted from 0 as in LAPACK and
    /// Keras on JAX.
    ///
    /// # Errors
    /// `rank_mismatch` below 2 axes.
    #[track_caller]
    pub fn lu_factor(&self) -> (Tensor, Tensor) {
        let wide = if self.dtype().is_ok_and(|d| !d.is_inexact()) { self.cast(DType::F32) } else { self.clone() };
        let [packed, pivots, _] = call_n(&OP, &[&wide], Attrs::default());
        (packed, pivots)
    }
}
