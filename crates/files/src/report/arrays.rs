//! `.npy`, `.npz` and safetensors.

use std::path::Path;

use cornet_error::{Limits, Result};
use cornet_format_safetensors::File;
use cornet_tensor::Array;
use serde_json::{Value, json};

use super::Content;
use crate::text::{bytes, columns, grouped, shown};

/// One array: type, size, spread, values.
pub fn npy(path: &Path, limits: &Limits) -> Result<Content> {
    let array = Array::read_npy_within(path, limits)?;
    let mut text = format!("NumPy array: {} {}, {}", array.dtype(), array.shape(), size(&array));
    if let Some(spread) = Spread::of(&array) {
        text.push_str(&format!("\n{}", spread.text()));
    }
    if array.elements() > 0 {
        text.push_str(&format!("\n{array}"));
    }
    let json = described(&array);
    Ok(Content { text, json })
}

/// Named arrays, one a line.
pub fn npz(path: &Path, limits: &Limits) -> Result<Content> {
    let arrays = Array::read_npz_within(path, limits)?;
    let row = |(name, array): &(String, Array)| {
        let spread = Spread::of(array).map(|s| s.text()).unwrap_or_default();
        vec![format!("  {}", shown(name)), array.dtype().to_string(), array.shape().to_string(), size(array), spread]
    };
    let rows: Vec<Vec<String>> = arrays.iter().map(row).collect();
    let noun = if arrays.len() == 1 { "array" } else { "arrays" };
    let text = format!("NumPy archive: {} {noun}\n{}", arrays.len(), columns(&rows)).trim_end().to_string();
    let listed: serde_json::Map<String, Value> = arrays.iter().map(|(n, a)| (n.clone(), described(a))).collect();
    Ok(Content { text, json: json!({"arrays": listed}) })
}

/// Named arrays, from the header alone.
pub fn safetensors(path: &Path, limits: &Limits) -> Result<Content> {
    let file = File::open(path, limits)?;
    let numbers: u64 = file.entries().iter().map(|entry| entry.shape.elements() as u64).sum();
    let size: u64 = file.entries().iter().map(|entry| entry.end - entry.start).sum();
    let mut rows: Vec<Vec<String>> = Vec::new();
    rows.extend(file.metadata().iter().map(|(key, value)| vec![format!("  @{} = {}", shown(key), shown(value))]));
    for entry in file.entries() {
        let dtype = entry.dtype.map_or(entry.dtype_name, |dtype| dtype.name()).to_owned();
        let why = if entry.dtype.is_none() { "  (a dtype that is not read)" } else { "" };
        rows.push(vec![format!("  {}", shown(&entry.name)), dtype, format!("{}{why}", entry.shape)]);
    }
    let noun = if file.entries().len() == 1 { "array" } else { "arrays" };
    let count = file.entries().len();
    let listed = columns(&rows);
    let text = format!("safetensors: {count} {noun}\n{listed}\nparameters {} ({})", grouped(numbers), bytes(size));
    let array = |entry: &cornet_format_safetensors::Entry| {
        let dtype = entry.dtype.map_or(entry.dtype_name, |dtype| dtype.name());
        (entry.name.clone(), json!({"dtype": dtype, "shape": entry.shape.as_slice(), "read": entry.dtype.is_some()}))
    };
    let arrays: serde_json::Map<String, Value> = file.entries().iter().map(array).collect();
    Ok(Content { text, json: json!({"metadata": file.metadata(), "arrays": arrays, "parameters": numbers}) })
}

fn size(array: &Array) -> String {
    bytes((array.elements() * array.dtype().size()) as u64)
}

fn described(array: &Array) -> Value {
    let mut value = json!({"dtype": array.dtype().name(), "shape": array.shape().as_slice()});
    if let Some(Spread { min, max, mean, non_finite }) = Spread::of(array) {
        value["min"] = json!(min);
        value["max"] = json!(max);
        value["mean"] = json!(mean);
        value["non_finite"] = json!(non_finite);
    }
    value
}

/// Where the finite values lie.
struct Spread {
    min: f64,
    max: f64,
    mean: f64,
    non_finite: usize,
}

impl Spread {
    /// None for texts, complex numbers, and arrays without finite values.
    fn of(array: &Array) -> Option<Self> {
        if array.dtype().is_complex() {
            return None;
        }
        let values = array.to_f64().ok()?;
        let mut finite = values.iter().copied().filter(|v| v.is_finite());
        let first = finite.next()?;
        let (mut min, mut max, mut sum, mut count) = (first, first, first, 1_usize);
        for v in finite {
            (min, max, sum, count) = (min.min(v), max.max(v), sum + v, count + 1);
        }
        Some(Self { min, max, mean: sum / count as f64, non_finite: values.len() - count })
    }

    fn text(&self) -> String {
        let mut text = format!("min {}  max {}  mean {}", Short(self.min), Short(self.max), Short(self.mean));
        if self.non_finite > 0 {
            text.push_str(&format!("  ({} NaN or infinite)", self.non_finite));
        }
        text
    }
}

/// A number without trailing zeros.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self.0.abs() {
            a if a != 0.0 && !(1e-4..1e9).contains(&a) => format!("{:.4e}", self.0),
            _ => {
                let fixed = format!("{:.4}", self.0);
                fixed.trim_end_matches('0').trim_end_matches('.').to_string()
            }
        };
        f.write_str(&text)
    }
}
