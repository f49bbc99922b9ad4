//! Layers that bring several inputs together.

mod concatenate;
mod dot;
mod elementwise;
mod functions;

pub use concatenate::Concatenate;
pub use dot::{Dot, DotAxes};
pub use elementwise::{Add, Average, Maximum, Minimum, Multiply, Subtract};
pub use functions::{add, average, concatenate, dot, maximum, minimum, multiply, subtract};
