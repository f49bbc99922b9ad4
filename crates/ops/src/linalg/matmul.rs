//! `matmul`: batched matrix product.

use num_complex::Complex64;

use crate::arithmetic::{Arg, common_dtype};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "matmul",
    doc: "a · b over the last two axes, each transposed first if its attribute says so; leading axes broadcast. \
          Products are summed in float32 for half precision, in the dtype itself otherwise; integers wrap.",
    source: "TensorFlow tf.linalg.matmul; Keras 3 keras.ops.matmul",
    arity: (2, 2),
    attrs: &["transpose_a", "transpose_b"],
    dtypes: DTypes::Numeric,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(gradient),
    cases: Cases::Of(|| {
        let case = |a: &[usize], b: &[usize], ta: bool, tb: bool| {
            Case::new([any(a), any(b)], attrs! { transpose_a: ta, transpose_b: tb })
        };
        vec![
            case(&[2, 3], &[3, 4], false, false),
            case(&[3, 2], &[3, 4], true, false),
            case(&[2, 3], &[4, 3], false, true),
            case(&[3, 2], &[4, 3], true, true),
            case(&[5, 2, 3], &[3, 4], false, false),
            case(&[2, 1, 2, 3], &[3, 3, 2], false, false),
            case(&[17, 33], &[33, 19], false, false),
            case(&[2, 0], &[0, 3], false, false).without_gradient(),
        ]
    }),
    max_rel_err_f32: 16.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// Sizes of a product: batch shape, rows, inner, columns.
fn sizes(call: &Call<'_>) -> Result<(Shape, usize, usize, usize)> {
    infer::one_dtype(call, 0)?;
    let side = |i: usize, transposed: bool| {
        let shape = call.shape(i);
        let [lead @ .., rows, columns] = shape.as_slice() else {
            return Err(err!(RankMismatch, "input {i}: expected at least 2 axes, found {}", shape.rank())
                .help("a vector is a matrix of one row or column: add an axis"));
        };
        Ok((Shape::new(lead), if transposed { (*columns, *rows) } else { (*rows, *columns) }))
    };
    let (lead_a, (m, k)) = side(0, call.attrs.bool("transpose_a")?)?;
    let (lead_b, (k_b, n)) = side(1, call.attrs.bool("transpose_b")?)?;
    if k != k_b {
        fail!(DimMismatch, "inner sizes differ: {k} columns against {k_b} rows");
    }
    Ok((lead_a.broadcast(&lead_b)?, m, k, n))
}

fn infer(call: &Call<'_>) -> Result<Types> {
    let (lead, m, _, n) = sizes(call)?;
    Ok(smallvec![Type::new(call.dtype(0), lead.iter().copied().chain([m, n]).collect::<Shape>())])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (lead, m, k, n) = sizes(call)?;
    let to: Shape = lead.iter().copied().chain([m, n]).collect();
    let (ta, tb) = (call.attrs.bool("transpose_a")?, call.attrs.bool("transpose_b")?);
    let lead_strides = |a: &Array| {
        let rank = a.shape().rank();
        Shape::new(&a.shape()[..rank - 2]).broadcast_strides(&lead)
    };
    let (sa, sb) = (lead_strides(&x[0]), lead_strides(&x[1]));
    let at = |base: usize, i: usize, j: usize, rows: usize, columns: usize, t: bool| {
        base * rows * columns + if t { j * rows + i } else { i * columns + j }
    };
    // Calls `sum(output position, [(position in a, position in b)])` for every element of the product.
    let visit = |each: &mut dyn FnMut(&mut dyn Iterator<Item = (usize, usize)>)| {
        for_each_index(&to, |index| {
            let (b, [i, j]) = (&index[..lead.rank()], [index[lead.rank()], index[lead.rank() + 1]]);
            let base = |s: &Dims| b.iter().zip(s).map(|(i, s)| i * s).sum::<usize>();
            let (base_a, base_b) = (base(&sa), base(&sb));
            each(&mut (0..k).map(|l| (at(base_a, i, l, m, k, ta), at(base_b, l, j, k, n, tb))));
        });
    };
    let dtype = x[0].dtype();
    if dtype.is_complex() {
        let (a, b) = (x[0].to_c128()?, x[1].to_c128()?);
        let mut out: Vec<Complex64> = Vec::with_capacity(to.elements());
        visit(&mut |terms| out.push(terms.map(|(p, q)| a[p] * b[q]).sum()));
        return Ok(vec![Array::from_c128(&to, &out)?]);
    }
    if dtype.is_float() {
        let (a, b) = (x[0].to_f64()?, x[1].to_f64()?);
        let mut out = Vec::with_capacity(to.elements());
        visit(&mut |terms| out.push(terms.map(|(p, q)| a[p] * b[q]).sum::<f64>()));
        return Ok(vec![Array::from_f64(dtype, &to, &out)?]);
    }
    let (a, b) = (x[0].to_i64()?, x[1].to_i64()?);
    let mut out = Vec::with_capacity(to.elements());
    visit(&mut |terms| out.push(terms.fold(0_i64, |s, (p, q)| s.wrapping_add(a[p].wrapping_mul(b[q])))));
    Ok(vec![Array::from_i64(dtype, &to, &out)?])
}

fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let (ta, tb) = (g.attrs.bool("transpose_a")?, g.attrs.bool("transpose_b")?);
        let (a, b, dy) = (g.x(0), g.x(1), g.dy());
        let da = g.want(0, || {
            let da = if ta { b.matmul_with(&dy, tb, true) } else { dy.matmul_with(b, false, !tb) };
            da.sum_to_shape(&g.shape(0))
        });
        let db = g.want(1, || {
            // Rows of all leading axes are summed over in one product.
            if let (&[k, n], false, false) = (g.shape(1).as_slice(), ta, tb) {
                let rows = g.shape(0).elements().checked_div(k).unwrap_or_default();
                return a.reshape([rows, k]).matmul_with(&dy.reshape([rows, n]), true, false);
            }
            let db = if tb { dy.matmul_with(a, true, ta) } else { a.matmul_with(&dy, !ta, false) };
            db.sum_to_shape(&g.shape(1))
        });
        Ok(grads![da, db])
    })
}

impl Tensor {
    /// Matrix product over the last two axes; leading axes broadcast. A vector on the left is a row, on the right a
    /// column, and its axis is gone from the result.
    ///
    /// # Shapes
    /// `[…, m, k] · […, k, n]` gives `[…, m, n]`.
    ///
    /// # Errors
    /// `dim_mismatch` when the inner sizes differ; `rank_mismatch` for scalars.
    #[track_caller]
    pub fn matmul(&self, other: impl Into<Arg>) -> Tensor {
        let other = other.into();
        Tensor::lift(|| {
            let dtype = common_dtype(&[self.into(), other.clone()])?;
            let (a, b) = (self.cast(dtype), other.to(dtype)?);
            match (a.rank()?, b.rank()?) {
                (1, 1) => Ok((a * b).sum(&[], false)),
                (1, _) => {
                    let k = a.shape()?[0];
                    let y = a.reshape([1, k]).matmul_with(&b, false, false);
                    let s = y.shape()?;
                    Ok(y.reshape(
                        s.iter().enumerate().filter(|(i, _)| i + 2 != s.rank()).map(|(_, &d)| d).collect::<Shape>(),
                    ))
                }
                (_, 1) => {
                    let k = b.shape()?[0];
                    let y = a.matmul_with(&b.reshape([k, 1]), false, false);
                    let s = y.shape()?;
                    Ok(y.reshape(&s[..s.rank() - 1]))
                }
                _ => Ok(a.matmul_with(&b, false, false)),
            }
        })
    }

    /// Matrix product with either side transposed in its last two axes. No promotion, no vectors.
    #[track_caller]
    pub fn matmul_with(&self, other: &Tensor, transpose_a: bool, transpose_b: bool) -> Tensor {
        call1(&OP, &[self, other], attrs! { transpose_a: transpose_a, transpose_b: transpose_b })
    }
}
