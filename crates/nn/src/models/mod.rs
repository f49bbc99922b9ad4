//! Models.

mod functional;
mod functional_config;
mod graph;
pub(crate) mod model;
mod sequential;
pub mod summary_table;
mod symbol;

pub use functional::Functional;
pub use model::{BoxedModel, Model};
pub use sequential::Sequential;
pub use symbol::{Symbol, Symbolic, Symbols};
