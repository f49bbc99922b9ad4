//! `cornet inspect`: what a file holds, told from its content.

use std::path::PathBuf;

use clap::Args;
use cornet_error::{Limits, Result};
use cornet_files::inspect;

use crate::output::{print, print_json};

const EXAMPLES: &str = "\
Examples:
  cornet inspect digits.keras
  cornet inspect model.onnx
  cornet inspect saved_model/                 signatures as `saved_model_cli show --all` prints them
  cornet inspect weights.safetensors
  cornet inspect checkpoints/model.ckpt-100
  cornet inspect images.npy --json

Format, who made it, inputs and outputs, layers or ops, parameters, sizes, and what does not run here and why. The content
decides, not the name.";

/// Show what a file holds: models, weights, arrays.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Inspect {
    /// The file, the folder of a SavedModel, or the prefix of a checkpoint.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub fn run(self) -> Result<()> {
        let report = inspect(&self.file, &Limits::default())?;
        if self.json { print_json(&report.json) } else { print(&report.text) }
    }
}
