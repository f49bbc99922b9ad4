//! `solve`: systems of linear equations.

use super::dense::{self, factor};
use crate::arithmetic::common_dtype;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "solve",
    doc: "x with a · x = b over the last two axes, by elimination with partial pivoting. Leading axes are equal. Refuses \
          a singular matrix.",
    source: "Keras 3 keras.ops.solve",
    arity: (2, 2),
    dtypes: DTypes::Wide,
    infer: |call| check(call).map(|()| smallvec![call.inputs[1].clone()]),
    reference: Reference::Whole(|call, x| {
        let mut out = Vec::new();
        for (a, b) in dense::matrices(&x[0])?.iter().zip(&dense::matrices(&x[1])?) {
            let lu = factor::lu(a);
            if (0..a.rows).any(|i| lu.packed[(i, i)] == 0.0) {
                return Err(err!(InvalidArgument, "expected a matrix that has an inverse, found a singular one")
                    .help("lstsq and pinv take singular matrices"));
            }
            out.push(lu.solve(b));
        }
        Ok(vec![dense::array(call.dtype(1), call.shape(1).clone(), out.iter().map(|b| &b.data[..]))?])
    }),
    gradient: Gradient::Rule(|g| {
        let db = call1(&OP, &[&g.x(0).swap_last(), &g.dy()], Attrs::default());
        grads![g.want(0, || -db.matmul_with(g.y(), false, true)), g.want(1, || db.clone())]
    }),
    cases: Cases::Of(|| {
        let case = |lead: &[usize], n: usize, m: usize| {
            Case::new([definite(&[lead, &[n, n]].concat()), any(&[lead, &[n, m]].concat())], Attrs::default())
        };
        vec![case(&[], 3, 2), case(&[2], 4, 1), case(&[2, 1], 1, 3), case(&[0], 2, 2).without_gradient()]
    }),
    max_rel_err_f32: 32.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// Fails unless input 0 holds square matrices and input 1 as many matrices of as many rows.
pub(super) fn check(call: &Call<'_>) -> Result<()> {
    infer::one_dtype(call, 0)?;
    let (lead, n) = dense::square(call, 0)?;
    let (lead_b, rows, _) = dense::sizes(call, 1)?;
    if rows != n {
        fail!(DimMismatch, "b: expected {n} rows, found {rows}");
    }
    if lead != lead_b {
        fail!(ShapeMismatch, "leading axes: expected {lead}, found {lead_b}");
    }
    Ok(())
}

/// Applies a solver of matrices to a right side that may be vectors, leading axes broadcast, in the float dtype where
/// both meet.
#[track_caller]
pub(super) fn with_vectors(a: &Tensor, b: &Tensor, solve: impl FnOnce(&Tensor, &Tensor) -> Tensor) -> Tensor {
    Tensor::lift(|| {
        let dtype = match common_dtype(&[a.into(), b.into()])? {
            d if d.is_float() => d,
            DType::C64 => fail!(DtypeMismatch, "dtype: expected float32 or float64, found complex64"),
            _ => DType::F32,
        };
        let (a, b) = (a.cast(dtype), b.cast(dtype));
        let (sa, sb) = (a.shape()?, b.shape()?);
        if sa.rank() < 2 || sb.rank() < 1 {
            fail!(RankMismatch, "expected matrices […, n, n] and a right side, found {sa} and {sb}");
        }
        let vectors = sb.rank() + 1 == sa.rank();
        let b = if vectors { b.reshape(sb.iter().copied().chain([1]).collect::<Shape>()) } else { b };
        let shape = b.shape()?;
        if shape.rank() < 2 {
            fail!(RankMismatch, "right side: expected at least 2 axes, found {}", shape.rank());
        }
        let lead = Shape::new(&sa[..sa.rank() - 2]).broadcast(&Shape::new(&shape[..shape.rank() - 2]))?;
        let a = a.broadcast_to(dense::shape(&lead, &sa[sa.rank() - 2..]));
        let b = b.broadcast_to(dense::shape(&lead, &shape[shape.rank() - 2..]));
        let x = solve(&a, &b);
        if !vectors {
            return Ok(x);
        }
        let shape = x.shape()?;
        Ok(x.reshape(&shape[..shape.rank() - 1]))
    })
}

impl Tensor {
    /// x with `self` · x = `b`.
    ///
    /// # Shapes
    /// `self` `[…, n, n]`, `b` `[…, n, m]` or `[…, n]`; the result is like `b`.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let a = Tensor::of([[2.0_f32, 0.0], [0.0, 4.0]]);
    /// assert_eq!(a.solve(&Tensor::of([1.0_f32, 2.0])).to_vec::<f32>()?, [0.5, 0.5]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `dim_mismatch` or `shape_mismatch` where sizes do not fit; `invalid_argument` for a singular matrix.
    #[track_caller]
    pub fn solve(&self, b: &Tensor) -> Tensor {
        with_vectors(self, b, |a, b| call1(&OP, &[a, b], Attrs::default()))
    }

    /// The inverse over the last two axes.
    ///
    /// # Errors
    /// `dim_mismatch` unless the matrices are square; `invalid_argument` for a singular one.
    #[track_caller]
    pub fn inv(&self) -> Tensor {
        Tensor::lift(|| {
            let x = if self.dtype()?.is_float() { self.clone() } else { self.cast(DType::F32) };
            let shape = x.shape()?;
            let Some(&n) = shape.last() else { fail!(RankMismatch, "inv: expected at least 2 axes, found 0") };
            let eye = Tensor::eye(n, n, 0, x.dtype()?).broadcast_to(&shape);
            Ok(call1(&OP, &[&x, &eye], Attrs::default()))
        })
    }
}
