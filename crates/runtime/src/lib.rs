//! Traced functions: a Rust function on tensors, compiled once per signature of its arguments.

mod function;

pub use cornet_ops::{Backend, Executable, Tensor, Variable, backend, with_backend};
pub use function::{Concrete, Function};
