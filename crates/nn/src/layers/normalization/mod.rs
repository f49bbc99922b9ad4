//! Layers that bring their inputs to a mean, a variance or a norm.

mod axes;
mod batch_normalization;
mod layer_normalization;
mod scale;

pub use axes::Axes;
pub use batch_normalization::{BatchNormalization, RenormClipping};
pub use layer_normalization::LayerNormalization;
