//! Graphs: text and its parser, drawings, lists of operations, verifier and passes.
//!
//! ```
//! use cornet_graph::{GraphExt, optimize, parse};
//! use cornet_ops::{Tensor, Type, trace};
//! use cornet_tensor::DType;
//! let traced = trace("f", &[("x", Type::new(DType::F32, [2]))], |x| {
//!     let unused = x[0].exp();
//!     drop(unused);
//!     Ok(vec![&x[0] * 1.0 + &x[0] * 1.0])
//! })?;
//! let graph = optimize(traced.graph)?;
//! assert_eq!(graph.to_text(), r#"graph "f" {
//!   input %x: float32[2] "x"
//!   %add: float32[2] = add(%x, %x)
//!   output "output_0" = %add
//! }
//! "#);
//! assert_eq!(parse(&graph.to_text())?.to_text(), graph.to_text());
//! # Ok::<(), cornet_error::Error>(())
//! ```

mod base64;
mod dot;
mod inspect;
mod lex;
mod names;
mod parse;
mod passes;
mod text;
mod verify;

pub use dot::to_dot;
pub use inspect::{GraphExt, Operation, operations};
pub use parse::{ParseOptions, parse, parse_with};
pub use passes::{PASSES, Pass, optimize};
pub use text::{TextOptions, to_text, to_text_with};
pub use verify::verify;
