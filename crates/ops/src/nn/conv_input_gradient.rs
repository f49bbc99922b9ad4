//! `conv_input_gradient`: the derivative of `conv` by its input, which is the transposed convolution.

use super::geometry::Convolution;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "conv_input_gradient",
    doc: "Σ of dy · kernel over all windows and taps of `conv` that read each input element; the input's spatial sizes \
          are the attribute `sizes`. dy is [batch, spatial…, outputs], kernel [spatial…, inputs / groups, outputs].",
    source: "TensorFlow tf.nn.conv_transpose (Conv2DBackpropInput)",
    arity: (2, 2),
    attrs: &["strides", "padding", "dilation", "groups", "sizes"],
    dtypes: DTypes::Float,
    infer: |call| {
        infer::one_dtype(call, 0)?;
        Ok(smallvec![Type::new(call.dtype(0), Convolution::of_input_gradient(call)?.input_shape())])
    },
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let (dy, kernel, v) = (g.x(0), g.x(1), g.dy());
            let taps = g.shape(1);
            let attrs = super::window_attrs(g.attrs)?;
            Ok(grads![
                g.want(0, || super::conv::conv(&v, kernel, attrs.clone())),
                g.want(1, || super::conv_kernel_gradient(&v, dy, &taps[..taps.rank() - 2], g.attrs)),
            ])
        })
    }),
    cases: Cases::Of(|| {
        super::conv_cases()
            .into_iter()
            .map(|(c, attrs)| {
                let attrs = attrs.with("sizes", &c.windows.input);
                Case::new([any(&c.output_shape()), any(&c.kernel_shape())], attrs)
            })
            .collect()
    }),
    max_rel_err_f32: 32.0 * f32::EPSILON as f64,
    ..Op::BASE
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let sizes = Convolution::of_input_gradient(call)?;
    let (dy, kernel) = (x[0].to_f64()?, x[1].to_f64()?);
    let shape = sizes.input_shape();
    let mut out = vec![0.0; shape.elements()];
    sizes.for_each(|x, k, y| out[x] += dy[y] * kernel[k]);
    Ok(vec![Array::from_f64(x[0].dtype(), shape, &out)?])
}
