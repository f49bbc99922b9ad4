//! Layers that act on training alone.

mod dropout;

pub use dropout::Dropout;
