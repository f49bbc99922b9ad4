//! What files hold.

mod arrays;
mod hdf5;
mod keras;
mod programs;

use std::path::Path;

use cornet_error::{Limits, Result};
use serde_json::{Value, json};

use crate::detect::{Format, detect};
use crate::text::{bytes, shown};

/// What a file holds, for people and for programs.
#[derive(Clone, Debug)]
pub struct Report {
    /// The format.
    pub format: Format,
    /// Lines for people.
    pub text: String,
    /// The same for programs.
    pub json: Value,
}

/// What a report says before format, sizes and the file's name are added.
pub(crate) struct Content {
    pub text: String,
    pub json: Value,
}

/// Reads a file and says what it holds: format, who made it, inputs and outputs, layers or ops, parameters, sizes, and
/// what does not run here and why.
///
/// # Errors
/// As [`detect`], and what the format's reader fails with.
pub fn inspect(path: &Path, limits: &Limits) -> Result<Report> {
    let format = detect(path, limits)?;
    let Content { text, mut json } = match format {
        Format::Npy => arrays::npy(path, limits),
        Format::Npz => arrays::npz(path, limits),
        Format::Safetensors => arrays::safetensors(path, limits),
        Format::Keras | Format::KerasH5 | Format::LegacyWeights => keras::model(path, format, limits),
        Format::KerasWeights | Format::Hdf5 => hdf5::file(path, format, limits),
        Format::Onnx => programs::onnx(path, limits),
        Format::SavedModel => programs::saved_model(path, limits),
        Format::Checkpoint => programs::checkpoint(path, limits),
    }?;
    let size = if path.is_dir() { folder_bytes(path) } else { std::fs::metadata(path).map_or(0, |m| m.len()) };
    json["format"] = json!(format.word());
    json["file_bytes"] = json!(size);
    let text = if size > 0 { format!("{text}\nfile {}", bytes(size)) } else { text };
    Ok(Report { format, text, json })
}

/// The bytes of the files in a folder, two levels deep, as far as they can be seen.
fn folder_bytes(path: &Path) -> u64 {
    fn of(path: &Path, depth: usize) -> u64 {
        let Ok(entries) = std::fs::read_dir(path) else { return 0 };
        let size = |entry: std::fs::DirEntry| match entry.metadata() {
            Ok(found) if found.is_file() => found.len(),
            Ok(found) if found.is_dir() && depth > 0 => of(&entry.path(), depth - 1),
            _ => 0,
        };
        entries.flatten().map(size).sum()
    }
    of(path, 2)
}

/// Inputs and outputs of each function, for people.
pub(crate) fn signatures_text(signatures: &[cornet_program::Signature]) -> String {
    let mut rows = Vec::new();
    for signature in signatures {
        rows.push(vec![format!("signature '{}'", shown(&signature.name))]);
        for (word, specs) in [("in", &signature.inputs), ("out", &signature.outputs)] {
            rows.extend(specs.iter().map(|spec| vec![format!("  {word}"), shown(&spec.name), spec.to_string()]));
        }
    }
    let (heads, cells): (Vec<_>, Vec<_>) = rows.iter().cloned().partition(|row| row.len() == 1);
    let table = crate::text::columns(&cells);
    let (mut heads, mut cells) = (heads.into_iter(), table.lines());
    let line = |row: &Vec<String>| match row.len() {
        1 => heads.next().map(|row| row.concat()).unwrap_or_default(),
        _ => cells.next().unwrap_or_default().to_owned(),
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Inputs and outputs of each function, for programs.
pub(crate) fn signatures_json(signatures: &[cornet_program::Signature]) -> Value {
    let spec = |spec: &cornet_program::TensorSpec| json!({"name": spec.name, "dtype": spec.dtype.name(), "shape": spec.shape, "tensor": spec.tensor});
    let one = |s: &cornet_program::Signature| {
        json!({
            "name": s.name,
            "method": s.method,
            "inputs": s.inputs.iter().map(spec).collect::<Vec<_>>(),
            "outputs": s.outputs.iter().map(spec).collect::<Vec<_>>(),
        })
    };
    signatures.iter().map(one).collect()
}
