//! Models of any format as programs.

use std::path::Path;

use cornet_error::{Limits, Result, err};
use cornet_format_onnx::OnnxModel;
use cornet_format_savedmodel::SavedModel;
use cornet_nn::saving::{LoadOptions, ModelProgram, load_model_with};
use cornet_program::Program;

use crate::detect::{Format, detect};

/// How a model file is opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    limits: Limits,
}

impl OpenOptions {
    /// The default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the file may take.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Opens a model of any format, to run it.
///
/// # Errors
/// As [`detect`]; `unsupported_format` for weights and arrays; what the format's reader fails with.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Box<dyn Program>> {
    match detect(path, &options.limits)? {
        Format::Keras | Format::KerasH5 => {
            let options = LoadOptions::new().compile(false).limits(options.limits);
            let model = load_model_with(path, &options)?;
            Ok(Box::new(ModelProgram::new(model).map_err(|e| e.within(path.display().to_string()))?))
        }
        Format::Onnx => Ok(Box::new(OnnxModel::open(path, &options.limits)?)),
        Format::SavedModel => {
            let model = SavedModel::open(path, &[], &options.limits);
            Ok(Box::new(model.map_err(|e| e.within(path.display().to_string()))?))
        }
        format => Err(no_model(path, format)),
    }
}

/// The error of a file that is no model.
pub(crate) fn no_model(path: &Path, format: Format) -> cornet_error::Error {
    let error = err!(UnsupportedFormat, "{}: expected a model, found {}", path.display(), found(format));
    match format {
        Format::KerasWeights | Format::LegacyWeights | Format::Checkpoint | Format::Safetensors => {
            error.help("weights need the model that they are for: cornet convert WEIGHTS MODEL --into MODEL.keras")
        }
        _ => error.help("cornet inspect says what is in it"),
    }
}

fn found(format: Format) -> &'static str {
    match format {
        Format::KerasWeights | Format::LegacyWeights => "weights only",
        Format::Checkpoint => "a checkpoint, which has weights only",
        Format::Safetensors => "safetensors, which have weights only",
        Format::Npz => "arrays",
        Format::Npy => "an array",
        Format::Hdf5 => "HDF5 without a model",
        Format::Onnx | Format::Keras | Format::KerasH5 | Format::SavedModel => "a model",
    }
}
