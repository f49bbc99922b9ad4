//! Convolutions.

mod base_conv;

pub use base_conv::{Conv1D, Conv2D, Conv3D};
