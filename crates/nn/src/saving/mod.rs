//! Models in files: configs, weights, optimizer state; `.keras`, `.weights.h5`, and `.h5` of Keras 1 to 3.

pub mod config;
mod export;
mod file;
mod legacy;
mod program;

pub use export::{ExportFormat, ExportOptions, export, export_with, open_function};
pub use file::{
    LoadOptions, load_model, load_model_from_bytes, load_model_with, load_weights, load_weights_with, model_from_json,
    model_to_json, save_model, save_weights,
};
pub(crate) use file::{assign, restore_weights_and_optimizer, values, weights_and_optimizer};
pub use legacy::{H5Options, WeightOptions, save_h5};
pub use program::ModelProgram;
