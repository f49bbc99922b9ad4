//! `cornet inspect`: what a file holds, told from its content.

use std::path::PathBuf;

use clap::Args;
use cornet_error::Result;

use crate::inspect::look;
use crate::output::{print, print_json};

const EXAMPLES: &str = "\
Examples:
  cornet inspect digits.keras
  cornet inspect weights.weights.h5
  cornet inspect images.npy --json

Reads .keras, .h5, .npy and .npz files; the content decides, not the name.";

/// Show what a file holds: models, weights, arrays.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Inspect {
    /// The file.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub fn run(self) -> Result<()> {
        let report = look(&self.file)?;
        if self.json { print_json(&report.json) } else { print(&report.text) }
    }
}
