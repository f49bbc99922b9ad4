//! TensorFlow's SavedModels and checkpoints, read and run through Cornet's engine.
//!
//! [`SavedModel`] opens a folder: its graph becomes functions on tensors, which trace to compiled graphs; its variables
//! are restored by the graph's own restoring nodes and its tables filled by its own initialising ones, as TensorFlow
//! Serving does. [`Checkpoint`] reads the variables alone. Files are data: nothing outside the folder is read, and what
//! the graph asks of the file system beyond its assets is refused.
//!
//! * `proto`, `attr`, `constant`: what `saved_model.pb` says.
//! * `graph`: nodes with their edges resolved. `interpret`, `control`: running them; branches and loops.
//! * `value`, `state`: what flows along edges, and what stays.
//! * `ops`: what each op computes, by family; one table leads from names to functions.
//! * [`mod@write`]: SavedModels of functions traced here.
//!
//! # Source
//! TensorFlow's `saved_model.proto`, `meta_graph.proto`, `graph.proto`, `function.proto`, `saved_object_graph.proto` and
//! the documentation of its ops.

mod attr;
mod checkpoint;
mod constant;
mod control;
mod describe;
mod graph;
mod interpret;
mod model;
mod ops;
mod outputs;
mod proto;
mod state;
mod value;
pub mod write;

pub use checkpoint::Checkpoint;
pub use model::{SavedModel, UnsupportedOp};
