//! Activations as layers.

mod activation;

pub use activation::Activation;
