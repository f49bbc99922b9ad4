//! `max_pool_gradient`: what flows back through `max_pool`.

use super::pool::Pool;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "max_pool_gradient",
    doc: "Zeros of the shape of x, with each window's dy added at the window's first maximum of x in row-major order.",
    source: "TensorFlow MaxPoolGrad",
    arity: (2, 2),
    attrs: &["size", "strides", "padding"],
    dtypes: DTypes::Float,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        // Linear in dy; where the maxima are does not change with x but in jumps.
        grads![None, g.want(1, || call1(&super::max_pool_pick::OP, &[g.x(0), &g.dy()], g.attrs.clone()))]
    }),
    cases: Cases::Of(|| {
        super::pool::cases()
            .into_iter()
            .map(|(p, attrs)| Case::new([distinct(&p.input_shape()), any(&p.output_shape())], attrs))
            .collect()
    }),
    max_rel_err_f32: 4.0 * f32::EPSILON as f64,
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    infer::one_dtype(call, 0)?;
    let sizes = Pool::of(call, 0, None)?;
    sizes.check_output(call, 1)?;
    Ok(smallvec![call.inputs[0].clone()])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let sizes = Pool::of(call, 0, None)?;
    let (values, dy) = (x[0].to_f64()?, x[1].to_f64()?);
    let mut out = vec![0.0; values.len()];
    for (at, dy) in sizes.first_maxima(&values).into_iter().zip(dy) {
        if let Some(i) = at {
            out[i] += dy;
        }
    }
    Ok(vec![Array::from_f64(x[0].dtype(), x[0].shape(), &out)?])
}
