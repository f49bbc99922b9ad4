//! What neural networks are made of: convolutions, pools, softmax, losses, normalisation, attention.

pub mod geometry;

mod attention;
mod convolutions;
mod ctc;
mod lanes;
mod losses;
mod normalization;
pub mod pool;
mod pools;

pub use attention::AttentionOptions;
pub use convolutions::ConvOptions;
pub use ctc::CtcDecoder;
pub use losses::EPSILON;
pub use normalization::BATCH_EPSILON;
pub use pools::PoolOptions;

family! {
    avg_pool
    avg_pool_gradient
    conv
    conv_input_gradient
    conv_kernel_gradient
    ctc_beam
    ctc_greedy
    ctc_loss
    ctc_loss_gradient
    log_softmax
    max_pool
    max_pool_gradient
    max_pool_pick
    softmax
    softmax_cross_entropy
    softmax_cross_entropy_gradient
    softmax_gradient
}

use cornet_tensor::Result;

use crate::attrs;
use crate::core::attrs::Attrs;
use crate::core::dispatch::call1;
use crate::core::tensor::Tensor;
use geometry::{Convolution, Windows};

/// The attributes of a convolution.
pub(crate) fn conv_attrs(strides: &[usize], padding: &[usize], dilation: &[usize], groups: usize) -> Attrs {
    attrs! { strides: strides, padding: padding, dilation: dilation, groups: groups }
}

/// The attributes that a convolution has in common with its gradients, in `conv`'s order.
pub(crate) fn window_attrs(attrs: &Attrs) -> Result<Attrs> {
    Ok(attrs! {
        strides: attrs.sizes("strides")?,
        padding: attrs.sizes("padding")?,
        dilation: attrs.sizes("dilation")?,
        groups: attrs.size("groups")?,
    })
}

/// The derivative of a convolution with these attributes by its input, whose spatial sizes are `sizes`.
#[track_caller]
pub(crate) fn conv_input_gradient(dy: &Tensor, kernel: &Tensor, sizes: &[usize], attrs: &Attrs) -> Tensor {
    match window_attrs(attrs) {
        Ok(attrs) => call1(&conv_input_gradient::OP, &[dy, kernel], attrs.with("sizes", sizes)),
        Err(error) => Tensor::failed(error),
    }
}

/// The derivative of a convolution with these attributes by its kernel, whose spatial sizes are `sizes`.
#[track_caller]
pub(crate) fn conv_kernel_gradient(x: &Tensor, dy: &Tensor, sizes: &[usize], attrs: &Attrs) -> Tensor {
    match window_attrs(attrs) {
        Ok(attrs) => call1(&conv_kernel_gradient::OP, &[x, dy], attrs.with("sizes", sizes)),
        Err(error) => Tensor::failed(error),
    }
}

/// The convolutions that the three ops are sampled on.
fn conv_cases() -> Vec<(Convolution, Attrs)> {
    let case = |input: &[usize], kernel: &[usize], channels: [usize; 3], attrs: Attrs| {
        let [inputs, outputs, groups] = channels;
        let windows = Windows::from_attrs(&attrs, input, kernel).ok()?;
        Some((Convolution { batch: 2, inputs, outputs, groups, windows }, attrs))
    };
    [
        case(&[6], &[3], [2, 3, 1], conv_attrs(&[1], &[0, 0], &[1], 1)),
        case(&[7], &[3], [1, 2, 1], conv_attrs(&[2], &[1, 1], &[2], 1)),
        case(&[5, 5], &[3, 3], [3, 4, 1], conv_attrs(&[1, 1], &[1, 1, 1, 1], &[1, 1], 1)),
        case(&[6, 5], &[3, 2], [2, 3, 1], conv_attrs(&[2, 2], &[0, 1, 1, 0], &[1, 1], 1)),
        case(&[5, 6], &[2, 3], [2, 2, 1], conv_attrs(&[1, 1], &[0, 0, 0, 2], &[2, 1], 1)),
        case(&[4, 4], &[1, 1], [3, 5, 1], conv_attrs(&[2, 2], &[0, 0, 0, 0], &[1, 1], 1)),
        case(&[4, 5], &[3, 3], [4, 6, 2], conv_attrs(&[1, 1], &[1, 1, 1, 1], &[1, 1], 2)),
        case(&[5, 5], &[3, 3], [3, 6, 3], conv_attrs(&[2, 2], &[1, 1, 1, 1], &[1, 1], 3)),
        case(&[3, 4, 3], &[2, 2, 2], [2, 2, 1], conv_attrs(&[1, 2, 1], &[0, 1, 0, 0, 1, 0], &[1, 1, 1], 1)),
        case(&[3, 3], &[3, 3], [1, 17, 1], conv_attrs(&[1, 1], &[3, 2, 2, 3], &[1, 1], 1)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
