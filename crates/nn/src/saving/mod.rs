//! Models in files: configs, weights, optimizer state; `.keras`, `.weights.h5`, and `.h5` of Keras 1 to 3.

pub mod config;
mod export;
mod file;
mod legacy;
mod named;
mod program;

pub use export::{ExportFormat, ExportOptions, export, export_with, open_function};
pub use file::{
    LoadOptions, load_model, load_model_from_bytes, load_model_with, load_weights_with, model_from_json, model_to_json,
    save_model,
};
pub(crate) use file::{assign, restore_weights_and_optimizer, values, weights_and_optimizer};
pub use legacy::{H5Options, WeightOptions, save_h5};
pub use named::{load_weights, named_weights, save_weights, set_named_weights};
pub use program::ModelProgram;
