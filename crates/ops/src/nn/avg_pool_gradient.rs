//! `avg_pool_gradient`: what flows back through `avg_pool`.

use super::pool::Pool;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "avg_pool_gradient",
    doc: "Each window's dy, divided by how many elements the window sees, added at all of them; the spatial sizes of \
          the result are the attribute `sizes`.",
    source: "TensorFlow AvgPoolGrad",
    attrs: &["size", "strides", "padding", "sizes"],
    dtypes: DTypes::Float,
    infer: |call| Ok(smallvec![Type::new(call.dtype(0), sizes(call)?.input_shape())]),
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let a = g.attrs;
            let attrs = super::pool::attrs(&a.sizes("size")?, &a.sizes("strides")?, &a.sizes("padding")?);
            Ok(grads![call1(&super::avg_pool::OP, &[&g.dy()], attrs)])
        })
    }),
    cases: Cases::Of(|| {
        super::pool::cases()
            .into_iter()
            .map(|(p, attrs)| Case::new([any(&p.output_shape())], attrs.with("sizes", &p.windows.input)))
            .collect()
    }),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::BASE
};

/// The sizes of the pool whose gradient this is.
pub fn sizes(call: &Call<'_>) -> Result<Pool> {
    let input = super::geometry::spatial(call, call.shape(0).rank().saturating_sub(2))?;
    let sizes = Pool::of(call, 0, Some(&input))?;
    sizes.check_output(call, 0)?;
    Ok(sizes)
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let sizes = sizes(call)?;
    let (dy, counts) = (x[0].to_f64()?, sizes.counts());
    let shape = sizes.input_shape();
    let mut out = vec![0.0; shape.elements()];
    sizes.for_each(|y, i| out[i] += dy[y] / counts[y]);
    Ok(vec![Array::from_f64(x[0].dtype(), shape, &out)?])
}
