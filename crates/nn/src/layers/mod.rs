//! Layers, in Keras's folders and under Keras's names.

pub mod activations;
mod affine;
mod context;
pub mod convolutional;
pub mod core;
mod input_spec;
pub(crate) mod layer;
pub mod merging;
pub mod pooling;
pub mod registry;
pub mod regularization;
pub mod reshaping;
pub mod spatial;
mod weight;

pub use activations::Activation;
pub use context::{Arguments, Call, Context, Masks, Outputs, Tensors};
pub use convolutional::{Conv1D, Conv2D, Conv3D};
pub use core::{Dense, Input, InputLayer};
pub use input_spec::InputSpec;
pub use layer::{IntoLayer, Layer, LayerBase, apply, apply_call, build, layer_to_json};
pub use merging::{Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract};
pub use pooling::{AveragePooling1D, AveragePooling2D, AveragePooling3D, MaxPooling1D, MaxPooling2D, MaxPooling3D};
pub use registry::{layer_from_json, register_layer};
pub use regularization::Dropout;
pub use reshaping::Flatten;
pub use weight::{Weight, WeightSpec, Weights};
