//! What a server is told: models, batching and monitoring, as TensorFlow Serving's text protos or as TOML.

mod batching;
mod models;
mod text;

pub use batching::BatchingParameters;
pub use models::{ModelConfig, Monitoring, ServerConfig};
pub use text::{Field, Fields, Scalar, parse};
