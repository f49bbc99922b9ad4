//! Models.

mod dot;
mod functional;
mod functional_config;
mod graph;
mod layout;
pub(crate) mod model;
mod outline;
mod picture;
mod sequential;
pub mod summary_table;
mod symbol;

pub use dot::{Plot, PlotBox, PlotFrame, PlotOptions, model_to_dot, plot};
pub use functional::Functional;
pub use model::{BoxedModel, Model};
pub use outline::{Outline, OutlineLayer, SummaryOptions};
pub use picture::{model_picture, plot_model};
pub use sequential::Sequential;
pub use symbol::{Symbol, Symbolic, Symbols};
