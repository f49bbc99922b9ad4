//! Deep learning from the first tensor to production.
//!
//! This crate re-exports what a program uses; ARCHITECTURE.md says which crate holds what.

pub use cornet_cpu::{num_threads, with_threads};
pub use cornet_data as data;
pub use cornet_error::{Code, Error, Limits, Result};
pub use cornet_nn::{
    activations, callbacks, constraints, initializers, layers, losses, metrics, models, optimizers, random,
    regularizers, saving, training,
};
pub use cornet_ops as ops;
pub use cornet_ops::{GradientTape, Tensor, Variable};
pub use cornet_runtime::Function;
pub use cornet_tensor::{Array, DType, Shape};

/// What most programs name: `use cornet::prelude::*;`.
pub mod prelude {
    pub use crate::layers::*;
    pub use crate::models::{Model, Sequential};
    pub use crate::optimizers::{Adam, Sgd};
    pub use crate::saving::load_model;
    pub use crate::training::{FitOptions, Verbose};
    pub use crate::{Array, DType, Error, GradientTape, Result, Tensor, Variable};
}
