//! Convolutions.

mod base_conv;
mod base_conv_transpose;
mod base_depthwise_conv;
mod base_separable_conv;
mod windows;

pub use base_conv::{Conv1D, Conv2D, Conv3D, Convolution1D, Convolution2D, Convolution3D};
pub use base_conv_transpose::{
    Conv1DTranspose, Conv2DTranspose, Conv3DTranspose, Convolution1DTranspose, Convolution2DTranspose,
    Convolution3DTranspose,
};
pub use base_depthwise_conv::{DepthwiseConv1D, DepthwiseConv2D};
pub use base_separable_conv::{SeparableConv1D, SeparableConv2D, SeparableConvolution1D, SeparableConvolution2D};
