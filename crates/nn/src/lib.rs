//! Layers, losses, metrics, optimizers, models and training, as Keras has them.
//!
//! ```
//! use cornet_nn::layers::{Dense, Input};
//! use cornet_nn::models::{Model, Sequential};
//! use cornet_nn::optimizers::Adam;
//! use cornet_nn::training::{FitOptions, Verbose};
//! use cornet_ops::Tensor;
//!
//! let model = Sequential::new()
//!     .seed(7)
//!     .add(Input::new([2]))
//!     .add(Dense::new(8).activation("tanh"))
//!     .add(Dense::new(1).activation("sigmoid"));
//! model.compile(Adam::new().learning_rate(0.1), "binary_crossentropy", ["accuracy"])?;
//!
//! let x = Tensor::of([[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
//! let y = Tensor::of([[0.0_f32], [1.0], [1.0], [0.0]]);
//! let options = FitOptions::new().epochs(100).seed(7).verbose(Verbose::Silent);
//! let history = model.fit(&x, &y, options)?;
//! assert_eq!(history.last("accuracy"), Some(1.0));
//! # Ok::<(), cornet_error::Error>(())
//! ```

pub mod activations;
pub mod arg;
pub mod callbacks;
pub mod constraints;
pub mod dtype_policy;
pub mod evaluation;
pub mod initializers;
pub mod layers;
pub mod losses;
pub mod metrics;
pub mod models;
pub mod names;
pub mod optimizers;
pub mod own;
pub mod random;
pub mod regularizers;
pub mod saving;
pub mod shape;
pub mod training;
pub mod utils;
