//! `avg_pool`: the mean of each window.

use super::pool::Pool;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "avg_pool",
    doc: "The mean of what each window of x, [batch, spatial…, channels], sees, padding left out; 0 for a window of \
          padding alone. Windows are of the attribute `size`; `padding` is before and after each axis.",
    source: "Keras 3 keras.ops.average_pool; TensorFlow tf.nn.avg_pool",
    attrs: &["size", "strides", "padding"],
    dtypes: DTypes::Float,
    infer: |call| Ok(smallvec![Type::new(call.dtype(0), Pool::of(call, 0, None)?.output_shape())]),
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        let shape = g.shape(0);
        let attrs = g.attrs.clone().with("sizes", &shape[1..shape.rank() - 1]);
        grads![call1(&super::avg_pool_gradient::OP, &[&g.dy()], attrs)]
    }),
    cases: Cases::Of(|| {
        super::pool::cases().into_iter().map(|(p, attrs)| Case::new([any(&p.input_shape())], attrs)).collect()
    }),
    max_rel_err_f32: 4.0 * f32::EPSILON as f64,
    ..Op::BASE
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let sizes = Pool::of(call, 0, None)?;
    let (values, counts) = (x[0].to_f64()?, sizes.counts());
    let mut out = vec![0.0; counts.len()];
    sizes.for_each(|y, i| out[y] += values[i] / counts[y]);
    Ok(vec![Array::from_f64(x[0].dtype(), sizes.output_shape(), &out)?])
}
