//! The layers that others are made of.

mod dense;
mod input_layer;

pub use dense::Dense;
pub use input_layer::{Input, InputLayer};
