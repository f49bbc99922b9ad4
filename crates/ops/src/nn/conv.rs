//! `conv`: convolution over one or more spatial axes.

use super::geometry::Convolution;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "conv",
    doc: "y[n, o, c] = Σ over taps k and channels i of x[n, o · strides + k · dilation - padding, i] · kernel[k, i, c], \
          zero where x is read outside. x is [batch, spatial…, inputs], kernel [spatial…, inputs / groups, outputs]; \
          output channel c sees only its group's inputs. `padding` is before and after each axis. Half precision \
          sums in float32.",
    source: "Keras 3 keras.ops.conv; TensorFlow tf.nn.convolution",
    arity: (2, 2),
    attrs: &["strides", "padding", "dilation", "groups"],
    dtypes: DTypes::Float,
    infer: |call| {
        infer::one_dtype(call, 0)?;
        Ok(smallvec![Type::new(call.dtype(0), Convolution::of_forward(call)?.output_shape())])
    },
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let (x, kernel, dy) = (g.x(0), g.x(1), g.dy());
            let (input, taps) = (g.shape(0), g.shape(1));
            let dx = g.want(0, || super::conv_input_gradient(&dy, kernel, &input[1..input.rank() - 1], g.attrs));
            let dk = g.want(1, || super::conv_kernel_gradient(x, &dy, &taps[..taps.rank() - 2], g.attrs));
            Ok(grads![dx, dk])
        })
    }),
    cases: Cases::Of(|| {
        let mut cases: Vec<Case> = super::conv_cases()
            .into_iter()
            .map(|(c, attrs)| Case::new([any(&c.input_shape()), any(&c.kernel_shape())], attrs))
            .collect();
        cases.push(
            Case::new([any(&[0, 4, 2]), any(&[2, 2, 3])], super::conv_attrs(&[1], &[0, 0], &[1], 1)).without_gradient(),
        );
        cases
    }),
    max_rel_err_f32: 32.0 * f32::EPSILON as f64,
    ..Op::BASE
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let sizes = Convolution::of_forward(call)?;
    let (input, kernel) = (x[0].to_f64()?, x[1].to_f64()?);
    let shape = sizes.output_shape();
    let mut out = vec![0.0; shape.elements()];
    sizes.for_each(|x, k, y| out[y] += input[x] * kernel[k]);
    Ok(vec![Array::from_f64(x[0].dtype(), shape, &out)?])
}

/// Convolution with all attributes explicit: `[batch, spatial…, inputs]` with
/// `[spatial…, inputs / groups, outputs]`. No promotion.
#[track_caller]
pub(crate) fn conv(x: &Tensor, kernel: &Tensor, attrs: Attrs) -> Tensor {
    call1(&OP, &[x, kernel], attrs)
}
