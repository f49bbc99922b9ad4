//! Models.

pub(crate) mod model;
mod sequential;
pub mod summary_table;

pub use model::Model;
pub use sequential::Sequential;
