//! `.npy` and `.npz`.

use std::path::Path;

use cornet_error::{Limits, Result};
use cornet_tensor::Array;
use serde_json::{Value, json};

use super::{Report, shown};
use crate::output::{bytes, columns};

/// One array: type, size, spread, values.
pub fn npy(path: &Path, limits: &Limits) -> Result<Report> {
    let array = Array::read_npy_within(path, limits)?;
    let mut text = format!("NumPy array: {} {}, {}", array.dtype(), array.shape(), size(&array));
    if let Some(spread) = Spread::of(&array) {
        text.push_str(&format!("\n{}", spread.text()));
    }
    if array.elements() > 0 {
        text.push_str(&format!("\n{array}"));
    }
    let mut json = described(&array);
    json["format"] = json!("npy");
    Ok(Report { text, json })
}

/// Named arrays, one a line.
pub fn npz(path: &Path, limits: &Limits) -> Result<Report> {
    let arrays = Array::read_npz_within(path, limits)?;
    let row = |(name, array): &(String, Array)| {
        let spread = Spread::of(array).map(|s| s.text()).unwrap_or_default();
        vec![format!("  {}", shown(name)), array.dtype().to_string(), array.shape().to_string(), size(array), spread]
    };
    let rows: Vec<Vec<String>> = arrays.iter().map(row).collect();
    let noun = if arrays.len() == 1 { "array" } else { "arrays" };
    let text = format!("NumPy archive: {} {noun}\n{}", arrays.len(), columns(&rows)).trim_end().to_string();
    let listed: serde_json::Map<String, Value> = arrays.iter().map(|(n, a)| (n.clone(), described(a))).collect();
    Ok(Report { text, json: json!({"format": "npz", "arrays": listed}) })
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
