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

/// Functions on tensors as files of other programs; for models there is [`models::Model::export`].
///
/// ```
/// use cornet::export::{Options, TensorSpec, onnx, open};
/// use cornet::{DType, Tensor};
/// let input = TensorSpec::new("x", DType::F32, Some(vec![None, Some(3)]));
/// let norm = |x: &[Tensor]| Ok(vec![x[0].square().sum(&[1], false).sqrt()]);
/// let function = open("norm", &[input], &["norm"], &Options::default(), norm)?;
/// let bytes = onnx::to_bytes(&function, &onnx::WriteOptions::default())?;
/// assert!(bytes.windows(9).any(|w| w == b"ReduceSum"));
/// # Ok::<(), cornet::Error>(())
/// ```
pub mod export {
    pub use cornet_export::*;
    pub use cornet_format_onnx::write as onnx;
    pub use cornet_format_savedmodel::write as saved_model;
    pub use cornet_program::TensorSpec;
}

/// What `#[derive(Layer)]` and `#[derive(Model)]` expand to; not to be named by programs.
#[doc(hidden)]
pub mod layer_support {
    pub use cornet_nn::layers::custom::{Parts, build_parts, from_json, output_shape, to_json};
    pub use cornet_nn::random::Seeds;
    pub use cornet_nn::shape::PartialShape;
    pub type Map = serde_json::Map<String, serde_json::Value>;
}

pub use cornet_nn::{
    activations, callbacks, constraints, dtype_policy, evaluation, initializers, losses, metrics, optimizers, random,
    regularizers, saving, training, utils,
};

/// Layers, and `#[derive(Layer)]` for layers of the program itself.
///
/// ```
/// use std::sync::Arc;
///
/// use cornet::layers::{Call, Dense, Forward, Input, Layer, LayerBase, Tensors};
/// use cornet::models::{Model, Sequential};
/// use cornet::{Result, Tensor};
///
/// /// `y = x + dense(x)`.
/// #[derive(Layer)]
/// #[layer(package = "my_app")]
/// struct Residual {
///     base: LayerBase,
///     #[argument]
///     units: usize,
///     #[part]
///     dense: Arc<Dense>,
/// }
///
/// impl Residual {
///     fn new(units: usize) -> Self {
///         Self { base: LayerBase::new("Residual"), units, dense: Arc::new(Dense::new(units).activation("relu")) }
///     }
/// }
///
/// impl Forward for Residual {
///     fn forward(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
///         let sum = &inputs[0] + call.apply(&*self.dense, inputs)?;
///         Ok([sum].into_iter().collect())
///     }
/// }
///
/// Residual::register();
/// let model = Sequential::new().add(Input::new([4])).add(Residual::new(4)).add(Dense::new(1));
/// assert_eq!(model.count_params()?, 4 * 4 + 4 + 4 + 1);
/// # Ok::<(), cornet::Error>(())
/// ```
pub mod layers {
    pub use cornet_macros::Layer;
    pub use cornet_nn::layers::*;
}

/// Models, and `#[derive(Model)]` for models of the program itself, which may train by steps of their own. A step is
/// written against tensors and traced as a whole, as the default one is.
///
/// ```
/// use std::sync::Arc;
///
/// use cornet::layers::{Call, Context, Dense, Forward, Layer, LayerBase, Tensors};
/// use cornet::models::Model;
/// use cornet::optimizers::{Sgd, apply_gradients};
/// use cornet::training::{CompileOptions, FitOptions, StepData, StepLogs, Trainer, Verbose};
/// use cornet::{GradientTape, Result, Tensor};
///
/// /// Trained on the absolute error.
/// #[derive(Layer, Model)]
/// #[model(train_step)]
/// struct Robust {
///     base: LayerBase,
///     trainer: Trainer,
///     #[part]
///     dense: Arc<Dense>,
/// }
///
/// impl Robust {
///     fn new() -> Self {
///         let dense = Arc::new(Dense::new(1).kernel_initializer("zeros"));
///         Self { base: LayerBase::new("Robust"), trainer: Trainer::default(), dense }
///     }
///
///     fn train_step(&self, data: &StepData) -> Result<StepLogs> {
///         let weights = self.trainable_weights();
///         let tape = GradientTape::new();
///         let y_pred = self.forward_in(&data.x, &Context::training())?;
///         let loss = (data.target()? - &y_pred[0]).abs().mean(&[], false);
///         let gradients = tape.gradient(&loss, &weights.iter().map(|w| &w.variable).collect::<Vec<_>>())?;
///         if let Some(optimizer) = self.optimizer() {
///             apply_gradients(&*optimizer, &weights, gradients)?;
///         }
///         Ok(StepLogs::default().with("error", &loss))
///     }
/// }
///
/// impl Forward for Robust {
///     fn forward(&self, inputs: &[Tensor], call: &Call<'_>) -> Result<Tensors> {
///         Ok([call.apply(&*self.dense, inputs)?].into_iter().collect())
///     }
/// }
///
/// let model = Robust::new();
/// model.compile_with(CompileOptions::new(Sgd::new().learning_rate(0.25)))?;
/// let (x, y) = (Tensor::of([[1.0_f32], [2.0]]), Tensor::of([[2.0_f32], [4.0]]));
/// let history = model.fit(&x, &y, FitOptions::new().epochs(2).verbose(Verbose::Silent))?;
/// assert_eq!(history.get("error")[0], 3.0);
/// assert!(history.get("error")[1] < 3.0);
/// # Ok::<(), cornet::Error>(())
/// ```
pub mod models {
    pub use cornet_macros::Model;
    pub use cornet_nn::models::*;
}
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
    pub use crate::models::{Functional, Model, Sequential, Symbolic};
    pub use crate::optimizers::{Adam, Sgd};
    pub use crate::saving::load_model;
    pub use crate::training::{CompileOptions, FitOptions, Verbose};
    pub use crate::{Array, DType, Error, Function, GradientTape, Result, Tensor, Variable};
}

/// The examples of the guide, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/graphs.md")]
struct Graphs;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/keras.md")]
struct Keras;
