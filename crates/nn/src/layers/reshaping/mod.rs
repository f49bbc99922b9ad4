//! Layers that bring samples to another shape.

mod cropping;
mod flatten;
mod permute;
mod repeat_vector;
mod reshape;
mod sides;
mod up_sampling;
mod zero_padding;

pub use cropping::{Cropping1D, Cropping2D, Cropping3D};
pub use flatten::Flatten;
pub use permute::Permute;
pub use repeat_vector::RepeatVector;
pub use reshape::Reshape;
pub use sides::Sides;
pub use up_sampling::{UpSampling1D, UpSampling2D, UpSampling3D};
pub use zero_padding::{ZeroPadding1D, ZeroPadding2D, ZeroPadding3D};

use cornet_tensor::DType;

use super::LayerBase;

/// The dtypes of outputs that are inputs in another form: floats become what the layer computes in, others stay.
pub(crate) fn kept_dtypes(base: &LayerBase, inputs: &[DType]) -> Vec<DType> {
    let compute = base.policy().compute_dtype();
    inputs.iter().map(|&dtype| if dtype.is_float() && compute.is_float() { compute } else { dtype }).collect()
}
