//! `cornet predict`: a model's outputs for inputs from a file.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use cornet::models::Model;
use cornet::saving::{LoadOptions, load_model_with};
use cornet::training::PredictOptions;
use cornet_archive::atomic_write;
use cornet_error::{Result, err};
use cornet_tensor::Array;
use serde_json::{Value, json};

use crate::input::{Pixels, read};
use crate::output::{columns, grouped, print};
use crate::source::{classes_of, shaped};

/// Examples shown on stdout.
const SHOWN: usize = 10;

const EXAMPLES: &str = "\
Examples:
  cornet predict mnist-mlp.keras --input digit.png
  cornet predict model.keras --input x.npy --output y.npy
  cornet predict model.keras --input table.csv --output y.csv
  cornet predict model.keras --input scans/ --invert        a folder of images, ink on paper

Images are resized to what the model takes and divided by --scale.";

/// Predict: .npy, .npz, .csv, .json or images in; .npy, .csv, .json or a summary out.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Predict {
    /// A .keras file.
    model: PathBuf,
    /// The inputs: a file, several images, or a folder of images.
    #[arg(long, value_name = "X", required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Where to write the outputs: .npy, .csv or .json. A summary on stdout if not given.
    #[arg(long, value_name = "Y")]
    output: Option<PathBuf>,
    /// Examples a step.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: u32,
    /// What pixels of images are divided by.
    #[arg(long, value_name = "S", default_value_t = 255.0)]
    scale: f32,
    /// Exchange dark and light of images: ink on paper becomes light on dark.
    #[arg(long)]
    invert: bool,
    /// Print the outputs as JSON.
    #[arg(long)]
    json: bool,
}

/// A file that outputs can be written to.
#[derive(Clone, Copy)]
enum Target {
    Npy,
    Csv,
    Json,
}

impl Predict {
    pub fn run(self) -> Result<()> {
        let target = self.output.as_deref().map(target).transpose()?;
        if !(self.scale.is_finite() && self.scale > 0.0) {
            return Err(err!(InvalidArgument, "--scale: expected a positive number, found {}", self.scale));
        }
        let model = load_model_with(&self.model, &LoadOptions::new().compile(false))?;
        let shapes = model.input_shapes().unwrap_or_default();
        let example = shapes.first().and_then(|s| s.0.get(1..)).unwrap_or_default().to_vec();
        let x = read(&self.input, &example, Pixels { scale: self.scale, invert: self.invert })?;
        let x = shaped(&x, &example)?;
        let options = PredictOptions::new().batch_size(self.batch_size as usize);
        let outputs = model.predict_with(&x, options)?;
        let [y] = outputs.as_slice() else {
            return Err(err!(Unsupported, "predict: expected a model of one output, found {}", outputs.len()));
        };
        match (&self.output, target) {
            (Some(path), Some(target)) => {
                write(y, path, target)?;
                let count = y.shape().as_slice().first().copied().unwrap_or(1);
                print(&format!(
                    "{}: {} {} for {} examples",
                    path.display(),
                    y.dtype(),
                    y.shape(),
                    grouped(count as u64)
                ))
            }
            _ if self.json => print(&json!({"predictions": nested(y)?}).to_string()),
            _ => print(&summary(y)?),
        }
    }
}

fn target(path: &Path) -> Result<Target> {
    match path.extension().map(|e| e.to_string_lossy().to_lowercase()).as_deref() {
        Some("npy") => Ok(Target::Npy),
        Some("csv") => Ok(Target::Csv),
        Some("json") => Ok(Target::Json),
        _ => Err(err!(InvalidArgument, "--output: expected a name in .npy, .csv or .json, found {}", path.display())),
    }
}

fn write(y: &Array, path: &Path, target: Target) -> Result<()> {
    match target {
        Target::Npy => y.write_npy(path),
        Target::Csv => {
            let text = table(y)?;
            atomic_write(path, |file| file.write_all(text.as_bytes()))
        }
        Target::Json => {
            let text = format!("{}\n", json!({"predictions": nested(y)?}));
            atomic_write(path, |file| file.write_all(text.as_bytes()))
        }
    }
}

/// A line an example, its outputs flat.
fn table(y: &Array) -> Result<String> {
    let values = y.to_f64()?;
    let rows = y.shape().as_slice().first().copied().unwrap_or(1).max(1);
    let line = |row: &[f64]| row.iter().map(|v| (*v as f32).to_string()).collect::<Vec<_>>().join(",") + "\n";
    Ok(values.chunks((values.len() / rows).max(1)).map(line).collect())
}

/// Nested lists; what is not finite is null, since JSON has no word for it.
fn nested(y: &Array) -> Result<Value> {
    fn level(values: &[f64], shape: &[usize]) -> Value {
        match shape {
            [] => values.first().filter(|v| v.is_finite()).map_or(Value::Null, |v| json!(*v as f32)),
            [0, ..] => json!([]),
            [size, rest @ ..] => values.chunks((values.len() / size).max(1)).map(|part| level(part, rest)).collect(),
        }
    }
    Ok(level(&y.to_f64()?, y.shape().as_slice()))
}

/// The first examples: the likeliest class where there are classes, the outputs otherwise.
fn summary(y: &Array) -> Result<String> {
    let Some(classes) = classes_of(y) else {
        return Ok(format!("{} {}\n{y}", y.dtype(), y.shape()));
    };
    let (values, width) = (y.to_f64()?, y.shape()[1]);
    let mut rows = vec![vec!["example".to_string(), "class".to_string(), "output".to_string()]];
    for (i, class) in classes.iter().take(SHOWN).enumerate() {
        rows.push(vec![i.to_string(), class.to_string(), format!("{:.4}", values[i * width + class])]);
    }
    let mut text = columns(&rows);
    if classes.len() > SHOWN {
        text.push_str(&format!("\n... and {} more; --output writes all", grouped((classes.len() - SHOWN) as u64)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_nested_and_tabled() {
        let y = Array::from_vec(vec![0.5_f32, 0.25, f32::NAN, 1.0], [2, 2]).unwrap();
        assert_eq!(nested(&y).unwrap().to_string(), "[[0.5,0.25],[null,1.0]]");
        assert_eq!(table(&y).unwrap(), "0.5,0.25\nNaN,1\n");
    }
}
