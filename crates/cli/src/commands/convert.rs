//! `cornet convert`: a model or weights in another format.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cornet_error::Result;
use cornet_files::{ConvertOptions, Format, NameMap, convert};
use serde_json::json;

use crate::output::{print, print_json, say};

const EXAMPLES: &str = "\
Examples:
  cornet convert model.keras model.onnx
  cornet convert old.h5 model.keras
  cornet convert model.keras saved_model/1/                     a folder is a SavedModel
  cornet convert model.keras weights.safetensors
  cornet convert weights.safetensors new.keras --into model.keras
  cornet convert torch.safetensors new.keras --into model.keras --map names.toml
  cornet convert model.ckpt-100 weights.npz

A name map has lines \"name in SRC\" = \"new name\" (TOML or JSON). A * stands for any letters, a new name of false (null in
JSON) leaves an array out, and { name = \"*/kernel\", transpose = [1, 0] } turns it:
  \"layers.*.weight\" = { name = \"dense_*/kernel\", transpose = [1, 0] }";

/// Write a model or weights in another format.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Convert {
    /// A model file, a SavedModel's folder, weights, or a checkpoint's prefix; told by content.
    src: PathBuf,
    /// What to write; its ending says the format: .keras, .h5, .weights.h5, .onnx, .safetensors, .npz, .ckpt, a folder.
    dst: PathBuf,
    /// The format to write, whatever the ending is.
    #[arg(long, value_enum)]
    format: Option<Target>,
    /// New names for weights: a .toml or .json file.
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// The Keras model that the weights of SRC are for; DST is that model with them.
    #[arg(long, value_name = "MODEL")]
    into: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The formats that are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    Keras,
    H5,
    #[value(name = "weights.h5")]
    Weights,
    Savedmodel,
    Onnx,
    Safetensors,
    Npz,
    Checkpoint,
}

impl Target {
    fn format(self) -> Format {
        match self {
            Self::Keras => Format::Keras,
            Self::H5 => Format::KerasH5,
            Self::Weights => Format::KerasWeights,
            Self::Savedmodel => Format::SavedModel,
            Self::Onnx => Format::Onnx,
            Self::Safetensors => Format::Safetensors,
            Self::Npz => Format::Npz,
            Self::Checkpoint => Format::Checkpoint,
        }
    }
}

impl Convert {
    pub fn run(self) -> Result<()> {
        let mut options = ConvertOptions::new();
        if let Some(format) = self.format {
            options = options.format(format.format());
        }
        if let Some(map) = &self.map {
            options = options.map(NameMap::open(map)?);
        }
        if let Some(model) = self.into {
            options = options.into_model(model);
        }
        let done = convert(&self.src, &self.dst, &options)?;
        let path = self.dst.display();
        if self.json {
            let (from, to) = (done.from.word(), done.to.word());
            return print_json(&json!({"from": from, "to": to, "path": path.to_string(), "notes": done.notes}));
        }
        done.notes.iter().for_each(|note| say(&format!("note: {note}")));
        print(&format!("{path}: {}, from {}", done.to, done.from))
    }
}
