//! Layers that act on training alone.

mod activity_regularization;
mod noise;
mod spatial_dropout;

pub use activity_regularization::ActivityRegularization;
pub use noise::{AlphaDropout, Dropout, GaussianDropout, GaussianNoise, Noise};
pub use spatial_dropout::{SpatialDropout1D, SpatialDropout2D, SpatialDropout3D};
