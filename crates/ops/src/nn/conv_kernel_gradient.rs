//! `conv_kernel_gradient`: the derivative of `conv` by its kernel.

use super::geometry::Convolution;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "conv_kernel_gradient",
    doc: "Σ of x · dy over all images and windows of `conv` at which a tap reads x; the kernel's spatial sizes are the \
          attribute `sizes`. x is [batch, spatial…, inputs], dy [batch, spatial…, outputs].",
    source: "TensorFlow Conv2DBackpropFilter",
    arity: (2, 2),
    attrs: &["strides", "padding", "dilation", "groups", "sizes"],
    dtypes: DTypes::Float,
    infer: |call| {
        infer::one_dtype(call, 0)?;
        Ok(smallvec![Type::new(call.dtype(0), Convolution::of_kernel_gradient(call)?.kernel_shape())])
    },
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let (x, dy, v) = (g.x(0), g.x(1), g.dy());
            let input = g.shape(0);
            let attrs = super::window_attrs(g.attrs)?;
            Ok(grads![
                g.want(0, || super::conv_input_gradient(dy, &v, &input[1..input.rank() - 1], g.attrs)),
                g.want(1, || super::conv::conv(x, &v, attrs.clone())),
            ])
        })
    }),
    cases: Cases::Of(|| {
        super::conv_cases()
            .into_iter()
            .map(|(c, attrs)| {
                let attrs = attrs.with("sizes", &c.windows.kernel);
                Case::new([any(&c.input_shape()), any(&c.output_shape())], attrs)
            })
            .collect()
    }),
    max_rel_err_f32: 64.0 * f32::EPSILON as f64,
    ..Op::BASE
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let sizes = Convolution::of_kernel_gradient(call)?;
    let (input, dy) = (x[0].to_f64()?, x[1].to_f64()?);
    let shape = sizes.kernel_shape();
    let mut out = vec![0.0; shape.elements()];
    sizes.for_each(|x, k, y| out[k] += input[x] * dy[y]);
    Ok(vec![Array::from_f64(x[0].dtype(), shape, &out)?])
}
