//! Models as files of other programs.

use std::path::Path;
use std::str::FromStr;

use cornet_error::{Error, Result, err};
use cornet_export::{OpenFunction, Options, open};
use cornet_format_onnx::write::{WriteOptions, write};
use cornet_format_savedmodel::write as savedmodel;
use cornet_program::{DEFAULT_SIGNATURE, TensorSpec};

use crate::models::Model;

/// What a model is exported as. The words are Keras's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// `tf_saved_model`: a folder, which TensorFlow and TensorFlow Serving run.
    TfSavedModel,
    /// `onnx`: one file, which onnxruntime and many others run.
    Onnx,
}

impl FromStr for ExportFormat {
    type Err = Error;
    fn from_str(word: &str) -> Result<Self> {
        match word {
            "tf_saved_model" => Ok(ExportFormat::TfSavedModel),
            "onnx" => Ok(ExportFormat::Onnx),
            _ => Err(err!(InvalidArgument, "format: expected tf_saved_model or onnx, found '{word}'")),
        }
    }
}

/// How a model is exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// The one batch size of the exported model; by default any.
    pub batch_size: Option<usize>,
    /// The one size of every other axis that the inputs leave open; by default any.
    pub length: Option<usize>,
}

/// Writes what a model predicts as a file that needs neither Cornet nor the model's code: Keras's `model.export`.
///
/// # Errors
/// `invalid_argument` for another format; `unsupported` for a model that the format cannot express, with the layer;
/// those of writing.
pub fn export(model: &dyn Model, path: impl AsRef<Path>, format: &str) -> Result<()> {
    export_with(model, path, format.parse()?, &ExportOptions::default())
}

/// The same with options.
///
/// # Errors
/// As [`export`].
pub fn export_with(
    model: &dyn Model,
    path: impl AsRef<Path>,
    format: ExportFormat,
    options: &ExportOptions,
) -> Result<()> {
    let function = open_function(model, options)?;
    match format {
        ExportFormat::TfSavedModel => savedmodel::write(path.as_ref(), &[(DEFAULT_SIGNATURE, &function)]),
        ExportFormat::Onnx => write(path.as_ref(), &function, &WriteOptions::default()),
    }
}

/// What a model predicts, as a graph with open sizes. Inputs have the names of the model's entries, outputs those that
/// Keras gives them: `output_0` and so on.
///
/// # Errors
/// `invalid_state` for a model without input shapes; `unsupported` for one that depends on sizes in other ways than
/// files can say.
pub fn open_function(model: &dyn Model, options: &ExportOptions) -> Result<OpenFunction> {
    model.check_built()?;
    let (shapes, names, dtypes) = (model.input_shapes().unwrap_or_default(), model.entry_names(), model.entry_dtypes());
    let spec = |(i, shape): (usize, &crate::shape::PartialShape)| {
        let name = names.get(i).cloned().unwrap_or_else(|| format!("input_{i}"));
        TensorSpec::new(name, dtypes.get(i).copied().unwrap_or(cornet_tensor::DType::F32), Some(shape.0.clone()))
    };
    let inputs: Vec<TensorSpec> = shapes.iter().enumerate().map(spec).collect();
    let options = Options { batch_size: options.batch_size, length: options.length };
    let mut function = open(model.name(), &inputs, &[], &options, |x| model.predict_step(x))?;
    for (i, output) in function.graph.outputs.iter_mut().enumerate() {
        output.name = format!("output_{i}");
    }
    Ok(function)
}
