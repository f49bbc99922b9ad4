//! `solve_triangular`: systems of a triangular matrix.

use super::dense::{self, factor};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "solve_triangular",
    doc: "x with t · x = b over the last two axes, where t is the lower or upper triangle of a, by the attribute `lower`, \
          `transposed` if that says so, and with ones on its diagonal if `unit` does. Leading axes are equal. A zero on \
          the diagonal gives infinities or NaN.",
    source: "Keras 3 keras.ops.solve_triangular",
    arity: (2, 2),
    attrs: &["lower", "transposed", "unit"],
    dtypes: DTypes::Wide,
    infer: |call| super::solve::check(call).map(|()| smallvec![call.inputs[1].clone()]),
    reference: Reference::Whole(|call, x| {
        let triangle = factor::Triangle {
            lower: call.attrs.bool("lower")?,
            transposed: call.attrs.bool("transposed")?,
            unit: call.attrs.bool("unit")?,
        };
        let mut out = dense::matrices(&x[1])?;
        for (a, b) in dense::matrices(&x[0])?.iter().zip(&mut out) {
            factor::solve_triangular(a, b, &triangle);
        }
        Ok(vec![dense::array(call.dtype(1), call.shape(1).clone(), out.iter().map(|b| &b.data[..]))?])
    }),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let (lower, transposed, unit) =
                (g.attrs.bool("lower")?, g.attrs.bool("transposed")?, g.attrs.bool("unit")?);
            let attrs = attrs! { lower: lower, transposed: !transposed, unit: unit };
            let db = call1(&OP, &[g.x(0), &g.dy()], attrs);
            let da = g.want(0, || {
                let (x, shape) = (g.y(), g.shape(0));
                let n = shape[shape.rank() - 1];
                let flow = if transposed { x.matmul_with(&db, false, true) } else { db.matmul_with(x, false, true) };
                let dtype = g.type_of(0).dtype;
                let seen = if lower {
                    Tensor::tri(n, n, -i64::from(unit), dtype)
                } else {
                    1.0 - Tensor::tri(n, n, i64::from(unit) - 1, dtype)
                };
                -(flow * seen)
            });
            Ok(grads![da, g.want(1, || db.clone())])
        })
    }),
    cases: Cases::Of(|| {
        let case = |lower: bool, transposed: bool, unit: bool, lead: &[usize], n: usize, m: usize| {
            let a = definite(&[lead, &[n, n]].concat());
            Case::new([a, any(&[lead, &[n, m]].concat())], attrs! { lower: lower, transposed: transposed, unit: unit })
        };
        vec![
            case(true, false, false, &[], 3, 2),
            case(true, true, false, &[2], 3, 2),
            case(false, false, false, &[2], 3, 1),
            case(false, true, false, &[], 4, 3),
            case(true, false, true, &[], 3, 3),
            case(false, true, true, &[], 3, 2),
            case(true, false, false, &[], 2, 0).without_gradient(),
        ]
    }),
    max_rel_err_f32: 32.0 * f32::EPSILON as f64,
    ..Op::BASE
};

impl Tensor {
    /// x with `self` · x = `b`, where only the lower or upper triangle of `self` counts.
    ///
    /// # Shapes
    /// `self` `[…, n, n]`, `b` `[…, n, m]` or `[…, n]`; the result is like `b`.
    ///
    /// # Errors
    /// `dim_mismatch` or `shape_mismatch` where sizes do not fit.
    #[track_caller]
    pub fn solve_triangular(&self, b: &Tensor, lower: bool) -> Tensor {
        super::solve::with_vectors(self, b, |a, b| a.solve_triangular_with(b, lower, false))
    }

    /// The same with the triangle transposed if asked for. No promotion, no vectors.
    #[track_caller]
    pub(crate) fn solve_triangular_with(&self, b: &Tensor, lower: bool, transposed: bool) -> Tensor {
        call1(&OP, &[self, b], attrs! { lower: lower, transposed: transposed, unit: false })
    }
}
