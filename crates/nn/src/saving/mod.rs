//! Models in files: configs, weights, optimizer state.

pub mod config;
mod file;
mod program;

pub use file::{
    LoadOptions, load_model, load_model_from_bytes, load_model_with, load_weights, model_from_json, model_to_json,
    save_model, save_weights,
};
pub(crate) use file::{assign, restore_weights_and_optimizer, values, weights_and_optimizer};
pub use program::ModelProgram;
