//! Deep learning from the first tensor to production.
//!
//! This crate re-exports what a program uses; ARCHITECTURE.md says which crate holds what.
//!
//! ```
//! use cornet::prelude::*;
//!
//! #[cornet::function]
//! fn distance(x: &Tensor, y: &Tensor) -> Result<Tensor> {
//!     Ok((x - y).square().sum(&[], false).sqrt())
//! }
//!
//! let x = Tensor::of([3.0_f32, 4.0]);
//! let tape = GradientTape::new();
//! tape.watch(&x);
//! let d = distance(&x, &Tensor::of([0.0_f32, 0.0]))?;
//! assert_eq!(d.item::<f32>()?, 5.0);
//! assert_eq!(tape.gradient(&d, &[&x])?[0].to_vec::<f32>()?, [0.6, 0.8]);
//! # Ok::<(), Error>(())
//! ```

pub use cornet_cpu::{num_threads, with_threads};
pub use cornet_data as data;
pub use cornet_error::{Code, Error, Limits, Result};
pub use cornet_graph as graph;
pub use cornet_macros::function;
pub use cornet_nn::{
    activations, callbacks, constraints, initializers, layers, losses, metrics, models, optimizers, random,
    regularizers, saving, training,
};
pub use cornet_ops as ops;
pub use cornet_ops::{GradientTape, Tensor, Variable};
pub use cornet_runtime::{Function, autodiff, session};
pub use cornet_tensor::{Array, DType, Shape};

/// What [`function`](macro@function) expands to; not to be named by programs.
#[doc(hidden)]
pub use cornet_runtime::attribute as function_support;

/// What most programs name: `use cornet::prelude::*;`.
pub mod prelude {
    pub use crate::layers::*;
    pub use crate::models::{Model, Sequential};
    pub use crate::optimizers::{Adam, Sgd};
    pub use crate::saving::load_model;
    pub use crate::training::{FitOptions, Verbose};
    pub use crate::{Array, DType, Error, Function, GradientTape, Result, Tensor, Variable};
}

/// The examples of the guide, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/graphs.md")]
struct Guide;
