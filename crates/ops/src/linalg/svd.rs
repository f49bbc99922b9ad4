//! `svd`: singular values and vectors.

use super::dense::{self, svd};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "svd",
    doc: "x = U · diag(s) · Vᵀ over the last two axes: U, s descending, Vᵀ. With the attribute `full`, U and V are square. \
          Of each column of U the element of greatest magnitude is positive (of Vᵀ's rows where x is wider than high). \
          The gradient by vectors of equal singular values is not finite.",
    source: "Keras 3 keras.ops.svd",
    attrs: &["full"],
    dtypes: DTypes::Wide,
    infer: |call| {
        let (lead, m, n, k, full) = sizes(call)?;
        let of = |tail: &[usize]| Type::new(call.dtype(0), dense::shape(&lead, tail));
        Ok(if full {
            smallvec![of(&[m, m]), of(&[k]), of(&[n, n])]
        } else {
            smallvec![of(&[m, k]), of(&[k]), of(&[k, n])]
        })
    },
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(gradient),
    cases: Cases::Of(|| {
        vec![
            Case::new([distinct(&[3, 3])], attrs! { full: true }),
            Case::new([distinct(&[2, 4, 3])], attrs! { full: false }),
            Case::new([distinct(&[2, 5])], attrs! { full: false }),
            Case::new([distinct(&[4, 2])], attrs! { full: true }).without_gradient(),
            Case::new([distinct(&[1, 3])], attrs! { full: true }).without_gradient(),
            Case::new([any(&[0, 2, 3])], attrs! { full: false }).without_gradient(),
        ]
    }),
    max_rel_err_f32: 32.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// Leading axes, rows, columns, the smaller of these, and the mode.
fn sizes(call: &Call<'_>) -> Result<(Shape, usize, usize, usize, bool)> {
    let (lead, m, n) = dense::sizes(call, 0)?;
    Ok((lead, m, n, m.min(n), call.attrs.bool("full")?))
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (_, m, n, k, full) = sizes(call)?;
    let (columns, rows) = if full { (m, n) } else { (k, k) };
    let mut all = Vec::new();
    for a in &dense::matrices(&x[0])? {
        let nan = |rows: usize, columns: usize| dense::Matrix { rows, columns, data: vec![f64::NAN; rows * columns] };
        // Where there is a NaN, everything is.
        all.push(svd::svd(a, full).unwrap_or_else(|| (nan(m, columns), vec![f64::NAN; k], nan(rows, n))));
    }
    let types = infer(call)?;
    Ok(vec![
        dense::array(call.dtype(0), types[0].shape.clone(), all.iter().map(|(u, _, _)| &u.data[..]))?,
        dense::array(call.dtype(0), types[1].shape.clone(), all.iter().map(|(_, s, _)| &s[..]))?,
        dense::array(call.dtype(0), types[2].shape.clone(), all.iter().map(|(_, _, vt)| &vt.data[..]))?,
    ])
}

fn infer(call: &Call<'_>) -> Result<Types> {
    (OP.infer)(call)
}

/// Townsend, Differentiating the singular value decomposition (2016).
fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let shape = g.shape(0);
        let (m, n) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
        let (k, lead) = (m.min(n), Shape::new(&shape[..shape.rank() - 2]));
        let (u, s, vt) = (&g.outputs[0], &g.outputs[1], &g.outputs[2]);
        let vectors = g.cotangents[0].is_some() || g.cotangents[2].is_some();
        if g.attrs.bool("full")? && m != n {
            return Err(err!(
                NotDifferentiable,
                "svd of {m} rows and {n} columns with full matrices has no derivative"
            )
            .help("use full_matrices: false"));
        }
        let row = |x: &Tensor| x.reshape(dense::shape(&lead, &[1, k]));
        let column = |x: &Tensor| x.reshape(dense::shape(&lead, &[k, 1]));
        let values = (u * row(&g.dy_of(1))).matmul_with(vt, false, false);
        if !vectors {
            return Ok(grads![values]);
        }
        let dtype = s.dtype()?;
        let eye = Tensor::eye(k, k, 0, dtype);
        let squares = s * s;
        let f = (1.0 - &eye) / (row(&squares) - column(&squares) + &eye);
        // A cotangent of singular vectors: the part among themselves, and the part outside of their span.
        let among = |a: &Tensor, da: &Tensor| {
            let turn = a.matmul_with(da, true, false);
            (&turn - turn.swap_last()) * &f
        };
        let outside = |a: &Tensor, da: &Tensor| da - a.matmul_with(&a.matmul_with(da, true, false), false, false);
        let (du, v, dv) = (g.dy_of(0), vt.swap_last(), g.dy_of(2).swap_last());
        let middle = among(u, &du) * row(s) + column(s) * among(&v, &dv);
        let mut flow = values + u.matmul_with(&middle, false, false).matmul_with(vt, false, false);
        if m > k {
            flow = flow + (outside(u, &du) / row(s)).matmul_with(vt, false, false);
        }
        if n > k {
            flow = flow + u.matmul_with(&(outside(&v, &dv) / row(s)), false, true);
        }
        Ok(grads![flow])
    })
}

impl Tensor {
    /// U, the singular values in descending order, and Vᵀ, with `self` = U · diag(s) · Vᵀ over the last two axes. U and
    /// V are square with `full_matrices`.
    ///
    /// # Errors
    /// `rank_mismatch` below 2 axes.
    #[track_caller]
    pub fn svd(&self, full_matrices: bool) -> (Tensor, Tensor, Tensor) {
        let wide = if self.dtype().is_ok_and(|d| !d.is_inexact()) { self.cast(DType::F32) } else { self.clone() };
        let [u, s, vt] = call_n(&OP, &[&wide], attrs! { full: full_matrices });
        (u, s, vt)
    }

    /// The singular values alone, in descending order.
    ///
    /// # Errors
    /// `rank_mismatch` below 2 axes.
    #[track_caller]
    pub fn singular_values(&self) -> Tensor {
        self.svd(false).1
    }
}
