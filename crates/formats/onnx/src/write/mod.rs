//! Writing: functions with open sizes as ONNX models.
//!
//! ```
//! use cornet_export::{Options, open};
//! use cornet_format_onnx::write::{WriteOptions, to_bytes};
//! use cornet_program::TensorSpec;
//! use cornet_tensor::DType;
//! let input = TensorSpec::new("x", DType::F32, Some(vec![None, Some(3)]));
//! let f = open("f", &[input], &["y"], &Options::default(), |x| Ok(vec![x[0].relu()]))?;
//! let bytes = to_bytes(&f, &WriteOptions::default())?;
//! assert!(bytes.windows(4).any(|w| w == b"Relu"));
//! # Ok::<(), cornet_error::Error>(())
//! ```
//!
//! Source: <https://onnx.ai/onnx/repo-docs/IR.html>, <https://onnx.ai/onnx/operators/>.

mod control;
mod emit;
mod index;
mod nn;
mod numbers;
mod pointwise;
mod reduce;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod text;

use std::io::Write;
use std::path::Path;

use cornet_archive::atomic_write;
use cornet_error::{Result, err};
use cornet_export::OpenFunction;
use cornet_proto::Encoder;

pub use table::unsupported;

/// The operator set that is written.
pub const OPSET: i64 = 20;
/// The version of the format that goes with it.
const IR_VERSION: i64 = 9;
/// The operator set of `ai.onnx.ml`.
const ML_OPSET: i64 = 4;
/// Bytes that one message of protocol buffers can have.
const MOST_BYTES: usize = i32::MAX as usize;

/// What is written beside the graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// What the model is, for people.
    pub doc: String,
    /// Names and values of the model's properties.
    pub metadata: Vec<(String, String)>,
}

/// Writes a function to a file, whole or not at all.
///
/// # Errors
/// As [`to_bytes`]; those of writing.
pub fn write(path: &Path, function: &OpenFunction, options: &WriteOptions) -> Result<()> {
    let bytes = to_bytes(function, options)?;
    atomic_write(path, |w| w.write_all(&bytes))
}

/// A function as an ONNX model.
///
/// # Errors
/// `unsupported` for an op that ONNX has no equivalent of, by name; `limit_exceeded` for weights beyond what one file
/// can hold.
pub fn to_bytes(function: &OpenFunction, options: &WriteOptions) -> Result<Vec<u8>> {
    let weights: usize =
        function.graph.variables.iter().map(|v| v.variable.shape().elements() * v.variable.dtype().size()).sum();
    check_size(weights)?;
    let written = emit::graph(function)?;
    let set = |domain: &str, version: i64| Encoder::new().text(1, domain).int(2, version);
    let mut sets = vec![set("", OPSET)];
    if written.uses_ml {
        sets.push(set("ai.onnx.ml", ML_OPSET));
    }
    let properties = options.metadata.iter().map(|(key, value)| Encoder::new().text(1, key).text(2, value));
    let model = Encoder::new()
        .int(1, IR_VERSION)
        .text(2, "cornet")
        .text(3, env!("CARGO_PKG_VERSION"))
        .text(6, &options.doc)
        .messages(8, sets)
        .messages(14, properties)
        .message(7, written.graph);
    check_size(model.len())?;
    Ok(model.finish())
}

fn check_size(bytes: usize) -> Result<()> {
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(err!(LimitExceeded, "ONNX model: expected at most {MOST_BYTES} bytes, found {bytes}")
        .help("a file of protocol buffers holds less than 2 GiB; write a SavedModel, or the weights in half precision"))
}
