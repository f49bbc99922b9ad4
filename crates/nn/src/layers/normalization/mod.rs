//! Layers that bring their inputs to a mean, a variance or a norm.

mod axes;
mod batch_normalization;
mod group_normalization;
mod layer_normalization;
mod rms_normalization;
mod scale;
mod spectral_normalization;
mod unit_normalization;

pub use axes::Axes;
pub use batch_normalization::{BatchNormalization, RenormClipping};
pub use group_normalization::GroupNormalization;
pub use layer_normalization::LayerNormalization;
pub use rms_normalization::RMSNormalization;
pub use spectral_normalization::SpectralNormalization;
pub use unit_normalization::UnitNormalization;
