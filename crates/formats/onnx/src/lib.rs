//! ONNX models: read, described, and run through the engine.
//!
//! The messages of the format are read where they lie ([`proto`]); a graph is planned once, its names resolved; the plan
//! is interpreted on tensors, so that it becomes a compiled graph where shapes are known and runs op by op where they
//! depend on values. What is made of constants and shapes alone is computed while planning the run.

mod call;
pub mod element;
mod model;
pub mod narrow;
mod ops;
mod plan;
pub mod proto;
mod value;
pub mod write;

pub use model::{ModelInfo, OnnxModel};
pub use ops::supported;
pub use value::{Map, Value};
