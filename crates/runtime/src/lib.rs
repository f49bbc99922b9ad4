//! Traced functions: a Rust function on tensors, compiled once per signature of its arguments; and TensorFlow 1's
//! sessions on the same graphs.

pub mod attribute;
pub mod autodiff;
mod function;
pub mod session;

pub use cornet_ops::{Backend, Executable, Tensor, Variable, backend, with_backend};
pub use function::{Concrete, Function};
