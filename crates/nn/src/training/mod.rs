//! The training loop.

mod arrays;
mod batches;
mod compile;
mod evaluate;
mod feed;
mod fit;
mod history;
mod on_batch;
mod options;
mod predict;
pub mod progress;
pub(crate) mod runner;
mod samples;
pub mod step;
mod trainer;

pub use arrays::{Fields, IntoArrays};
pub use batches::{Batch, Batches, IntoBatch, Pass, Repeated, repeated};
pub use compile::{CompileOptions, LossOf, PerOutput};
pub use evaluate::{EvaluateOptions, evaluate, evaluate_on};
pub use fit::{fit, fit_on};
pub use history::{History, Logs};
pub use on_batch::{BatchOptions, predict_on_batch, test_on_batch, train_on_batch};
pub use options::FitOptions;
pub use predict::{PredictOptions, predict, predict_on};
pub use progress::Verbose;
pub use step::{StepData, StepLogs};
pub use trainer::{Compiled, Trainer};

pub(crate) use runner::Traced;
