//! Functions on tensors as graphs with open sizes, for writers of other programs' files.
//!
//! Traced graphs know every size. [`open`] therefore traces a function several times, each time with other sizes of the
//! axes that are open (such as the batch), and compares the graphs node by node: they must have one structure, and a
//! size that differs becomes a [`Dim`], a polynomial in the [`Symbol`]s. What comes out is an [`OpenFunction`].
//!
//! ```
//! use cornet_export::{open, Options};
//! use cornet_program::TensorSpec;
//! use cornet_tensor::DType;
//! let input = TensorSpec::new("x", DType::F32, Some(vec![None, Some(3)]));
//! let f = open("twice", &[input], &["y"], &Options::default(), |x| Ok(vec![&x[0] * 2.0]))?;
//! assert_eq!(f.symbols[0].name, "batch");
//! assert_eq!(f.spec(&f.graph.outputs[0]).shape, Some(vec![None, Some(3)]));
//! # Ok::<(), cornet_error::Error>(())
//! ```

mod align;
mod constants;
mod dim;
mod graph;
mod tidy;
mod trace;

pub use dim::{Dim, Samples};
pub use graph::{Body, Named, OpenAttr, OpenAttrs, OpenFunction, OpenNode, OpenType, OpenVariable, Symbol, Value};
pub use trace::{Options, open};
