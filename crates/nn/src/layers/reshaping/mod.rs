//! Layers that move elements and compute nothing.

mod flatten;

pub use flatten::Flatten;
