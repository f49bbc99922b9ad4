//! Graphs: verifier and passes.
//!
//! ```
//! use cornet_graph::optimize;
//! use cornet_ops::{Tensor, Type, trace};
//! use cornet_tensor::DType;
//! let traced = trace("f", &[("x", Type::new(DType::F32, [2]))], |x| {
//!     let unused = x[0].exp();
//!     drop(unused);
//!     Ok(vec![&x[0] * 1.0 + &x[0] * 1.0])
//! })?;
//! assert_eq!(optimize(traced.graph)?.nodes.len(), 1); // x + x
//! # Ok::<(), cornet_error::Error>(())
//! ```

mod passes;
mod verify;

pub use passes::{PASSES, Pass, optimize};
pub use verify::verify;
