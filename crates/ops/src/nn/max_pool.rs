//! `max_pool`: the maximum of each window.

use super::pool::Pool;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "max_pool",
    doc: "The maximum of each window of x, [batch, spatial…, channels]; NaN if the window has one. Windows are of the \
          attribute `size`; padding (before and after each axis) is never the maximum, and a window of padding alone \
          gives the least value. The gradient goes to the first maximum in row-major order.",
    source: "Keras 3 keras.ops.max_pool; TensorFlow tf.nn.max_pool",
    attrs: &["size", "strides", "padding"],
    dtypes: DTypes::Real,
    infer: |call| Ok(smallvec![Type::new(call.dtype(0), Pool::of(call, 0, None)?.output_shape())]),
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| grads![call1(&super::max_pool_gradient::OP, &[g.x(0), &g.dy()], g.attrs.clone())]),
    cases: Cases::Of(|| {
        super::pool::cases().into_iter().map(|(p, attrs)| Case::new([distinct(&p.input_shape())], attrs)).collect()
    }),
    ..Op::BASE
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let sizes = Pool::of(call, 0, None)?;
    let shape = sizes.output_shape();
    if x[0].dtype().is_int() {
        let values = x[0].to_i64()?;
        let unsigned = x[0].dtype() == DType::U64;
        let least = if x[0].dtype().is_unsigned_int() { 0 } else { i64::MIN >> (64 - 8 * x[0].dtype().size()) };
        let mut out = vec![least; shape.elements()];
        let greater = |a: i64, b: i64| if unsigned { a as u64 > b as u64 } else { a > b };
        sizes.for_each(|y, i| {
            if greater(values[i], out[y]) {
                out[y] = values[i];
            }
        });
        return Ok(vec![Array::from_i64(x[0].dtype(), shape, &out)?]);
    }
    let values = x[0].to_f64()?;
    let out: Vec<f64> =
        sizes.first_maxima(&values).into_iter().map(|at| at.map_or(f64::NEG_INFINITY, |i| values[i])).collect();
    Ok(vec![Array::from_f64(x[0].dtype(), shape, &out)?])
}
