//! `max_pool_pick`: what another tensor holds where each window's maximum is.

use super::pool::Pool;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "max_pool_pick",
    doc: "v at the first maximum of x in each window, in row-major order; 0 for a window of padding alone. The \
          derivative of max_pool along v, and of max_pool_gradient by dy.",
    source: "TensorFlow MaxPoolGradGrad",
    arity: (2, 2),
    attrs: &["size", "strides", "padding"],
    dtypes: DTypes::Float,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        grads![None, g.want(1, || call1(&super::max_pool_gradient::OP, &[g.x(0), &g.dy()], g.attrs.clone()))]
    }),
    cases: Cases::Of(|| {
        super::pool::cases()
            .into_iter()
            .map(|(p, attrs)| Case::new([distinct(&p.input_shape()), any(&p.input_shape())], attrs))
            .collect()
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    infer::one_dtype(call, 0)?;
    if call.shape(0) != call.shape(1) {
        fail!(ShapeMismatch, "v: expected {}, found {}", call.shape(0), call.shape(1));
    }
    Ok(smallvec![Type::new(call.dtype(0), Pool::of(call, 0, None)?.output_shape())])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let sizes = Pool::of(call, 0, None)?;
    let (values, v) = (x[0].to_f64()?, x[1].to_f64()?);
    let out: Vec<f64> = sizes.first_maxima(&values).into_iter().map(|at| at.map_or(0.0, |i| v[i])).collect();
    Ok(vec![Array::from_f64(x[0].dtype(), sizes.output_shape(), &out)?])
}
