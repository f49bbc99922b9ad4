//! Layers that bring several inputs together.

mod concatenate;
mod elementwise;

pub use concatenate::Concatenate;
pub use elementwise::{Add, Average, Maximum, Minimum, Multiply, Subtract};
