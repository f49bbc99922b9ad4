//! The training loop.

mod data;
mod evaluate;
mod fit;
mod history;
mod predict;
pub mod progress;
mod step;
mod trainer;

pub use data::IntoArrays;
pub use evaluate::{EvaluateOptions, evaluate};
pub use fit::{FitOptions, fit, train_on_batch};
pub use history::{History, Logs};
pub use predict::{PredictOptions, predict};
pub use progress::Verbose;
pub use trainer::{Compiled, Trainer};
