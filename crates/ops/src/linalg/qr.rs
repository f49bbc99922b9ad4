//! `qr`: orthogonal and triangular factors.

use super::dense::{self, factor};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "qr",
    doc: "x = Q · R over the last two axes, Q with orthonormal columns, R upper triangular. With the attribute `full`, \
          Q is square; otherwise it has as many columns as the smaller size of x. Signs are LAPACK's.",
    source: "Keras 3 keras.ops.qr; LAPACK geqrf",
    attrs: &["full"],
    dtypes: DTypes::Wide,
    infer: |call| {
        let (lead, m, n, k) = sizes(call)?;
        let of = |rows: usize, columns: usize| Type::new(call.dtype(0), dense::shape(&lead, &[rows, columns]));
        Ok(smallvec![of(m, k), of(k, n)])
    },
    reference: Reference::Whole(|call, x| {
        let (lead, m, n, k) = sizes(call)?;
        let full = call.attrs.bool("full")?;
        let all: Vec<_> = dense::matrices(&x[0])?.iter().map(|a| factor::qr(a, full)).collect();
        Ok(vec![
            dense::array(call.dtype(0), dense::shape(&lead, &[m, k]), all.iter().map(|(q, _)| &q.data[..]))?,
            dense::array(call.dtype(0), dense::shape(&lead, &[k, n]), all.iter().map(|(_, r)| &r.data[..]))?,
        ])
    }),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let shape = g.shape(0);
            let (m, n) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
            if m < n || g.attrs.bool("full")? && m != n {
                return Err(err!(NotDifferentiable, "qr of {m} rows and {n} columns in this mode has no derivative")
                    .help("use the reduced mode on matrices of at least as many rows as columns"));
            }
            let (q, r, dq, dr) = (&g.outputs[0], &g.outputs[1], g.dy_of(0), g.dy_of(1));
            let dtype = dq.dtype()?;
            let dr = dr * (1.0 - Tensor::tri(n, n, -1, dtype));
            let flow = r.matmul_with(&dr, false, true) - dq.matmul_with(q, true, false);
            let symmetric = &flow * Tensor::tri(n, n, 0, dtype) + (&flow * Tensor::tri(n, n, -1, dtype)).swap_last();
            let right = &dq + q.matmul_with(&symmetric, false, false);
            Ok(grads![r.solve_triangular_with(&right.swap_last(), false, false).swap_last()])
        })
    }),
    cases: Cases::Of(|| {
        vec![
            Case::new([distinct(&[3, 3])], attrs! { full: false }),
            Case::new([distinct(&[2, 5, 3])], attrs! { full: false }),
            Case::new([definite(&[3, 3])], attrs! { full: true }),
            Case::new([distinct(&[4, 2])], attrs! { full: true }).without_gradient(),
            Case::new([distinct(&[2, 4])], attrs! { full: false }).without_gradient(),
            Case::new([any(&[0, 3, 2])], attrs! { full: false }).without_gradient(),
        ]
    }),
    max_rel_err_f32: 32.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// Leading axes, rows, columns, and columns of Q.
fn sizes(call: &Call<'_>) -> Result<(Shape, usize, usize, usize)> {
    let (lead, m, n) = dense::sizes(call, 0)?;
    Ok((lead, m, n, if call.attrs.bool("full")? { m } else { m.min(n) }))
}

impl Tensor {
    /// Q and R with `self` = Q · R over the last two axes. Q is square with `full` (Keras's mode 'complete'), and has
    /// as many columns as the smaller size without ('reduced').
    ///
    /// # Errors
    /// `rank_mismatch` below 2 axes.
    #[track_caller]
    pub fn qr(&self, full: bool) -> (Tensor, Tensor) {
        let wide = if self.dtype().is_ok_and(|d| !d.is_inexact()) { self.cast(DType::F32) } else { self.clone() };
        let [q, r] = call_n(&OP, &[&wide], attrs! { full: full });
        (q, r)
    }
}
