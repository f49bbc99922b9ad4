//! `cornet predict`: a model's outputs for inputs from a file.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use cornet_archive::atomic_write;
use cornet_error::{Limits, Result, err};
use cornet_files::{OpenOptions, detect, open};
use cornet_program::{Program, Signature};
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};

use crate::input::{Pixels, read};
use crate::output::{columns, grouped, print};
use crate::source::classes_of;
use crate::suggest::nearest;

/// Examples shown on stdout.
const SHOWN: usize = 10;
/// Examples a step of a model of layers, as in Keras.
const KERAS_BATCH: usize = 32;

const EXAMPLES: &str = "\
Examples:
  cornet predict mnist-mlp.keras --input digit.png
  cornet predict model.keras --input x.npy --output y.npy
  cornet predict model.onnx --input table.csv --output y.csv
  cornet predict two.keras --input both.npz --output y.npz        arrays by name in, by name out
  cornet predict two.keras --input age=age.npy --input words=words.json
  cornet predict texts.keras --input request.json --json          {\"instances\": [\"a text\", ...]}
  cornet predict saved_model/ --input x.npy --signature encode
  cornet predict model.keras --input scans/ --invert              a folder of images, ink on paper

Any model that `cornet inspect` shows with inputs and outputs runs here. Images are resized to what the model takes and
divided by --scale.";

/// Predict: .npy, .npz, .csv, .json or images in; .npy, .npz, .csv, .json or a summary out.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Predict {
    /// A model file of any format, or the folder of a SavedModel.
    model: PathBuf,
    /// The inputs: a file, NAME=FILE for each of several inputs, several images, or a folder of images.
    #[arg(long, value_name = "X", required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Where to write the outputs: .npy, .npz, .csv or .json. A summary on stdout if not given.
    #[arg(long, value_name = "Y")]
    output: Option<PathBuf>,
    /// Which of the model's functions; by default serving_default, or the first.
    #[arg(long, value_name = "NAME")]
    signature: Option<String>,
    /// Examples a step [default: 32 for Keras's models, all at once for others].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: Option<u32>,
    /// What pixels of images are divided by [default: 255, or 1 for a model that takes integers].
    #[arg(long, value_name = "S")]
    scale: Option<f32>,
    /// Exchange dark and light of images: ink on paper becomes light on dark.
    #[arg(long)]
    invert: bool,
    /// Print the outputs as JSON.
    #[arg(long)]
    json: bool,
}

/// A file that outputs can be written to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Npy,
    Npz,
    Csv,
    Json,
}

/// Outputs by name.
type Outputs = Vec<(String, Array)>;

impl Predict {
    pub fn run(self) -> Result<()> {
        let target = self.output.as_deref().map(target).transpose()?;
        if let Some(scale) = self.scale.filter(|scale| !(scale.is_finite() && *scale > 0.0)) {
            return Err(err!(InvalidArgument, "--scale: expected a positive number, found {scale}"));
        }
        let has_layers = detect(&self.model, &Limits::default())?.has_layers();
        let program = open(&self.model, &OpenOptions::new())?;
        let signature = chosen(&*program, self.signature.as_deref())?;
        if let (Some(Target::Npy | Target::Csv), [_, _, ..]) = (target, signature.outputs.as_slice()) {
            let names = signature.outputs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(err!(
                InvalidArgument,
                "--output: expected .npz or .json for the outputs {names}, found one array"
            )
            .help("an .npz has each output under its name"));
        }
        let inputs = read(&self.input, signature, Pixels { scale: self.scale, invert: self.invert })?;
        let batch_size = self.batch_size.map(|size| size as usize).or(has_layers.then_some(KERAS_BATCH));
        let arrays = cornet_files::run(&*program, signature, &inputs, batch_size)?;
        let outputs: Outputs = signature.outputs.iter().map(|spec| spec.name.clone()).zip(arrays).collect();
        match (&self.output, target) {
            (Some(path), Some(target)) => {
                write(&outputs, path, target)?;
                print(&written(&outputs, path))
            }
            _ if self.json => print(&predictions(&outputs)?.to_string()),
            _ => print(&summaries(&outputs)?),
        }
    }
}

/// The function of that name, or the main one.
fn chosen<'a>(program: &'a dyn Program, name: Option<&str>) -> Result<&'a Signature> {
    program.signature(name).map_err(|error| {
        let names = program.signatures().iter().map(|s| s.name.as_str());
        match name.and_then(|name| nearest(name, names)) {
            Some(near) => error.help(format!("did you mean '{near}'?")),
            None => error,
        }
    })
}

fn target(path: &Path) -> Result<Target> {
    match path.extension().map(|e| e.to_string_lossy().to_lowercase()).as_deref() {
        Some("npy") => Ok(Target::Npy),
        Some("npz") => Ok(Target::Npz),
        Some("csv") => Ok(Target::Csv),
        Some("json") => Ok(Target::Json),
        _ => {
            let found = path.display();
            Err(err!(InvalidArgument, "--output: expected a name in .npy, .npz, .csv or .json, found {found}"))
        }
    }
}

fn write(outputs: &Outputs, path: &Path, target: Target) -> Result<()> {
    let only = || match outputs.as_slice() {
        [(_, y)] => Ok(y),
        _ => Err(err!(InvalidArgument, "--output: expected one output, found {}", outputs.len())),
    };
    // NumPy reads texts back as texts; bytes that are none stay bytes.
    let is_text = |y: &Array| y.strings().is_ok_and(|s| s.iter().all(|s| std::str::from_utf8(s).is_ok()));
    match target {
        Target::Npy if is_text(only()?) => only()?.write_npy_unicode(path),
        Target::Npy => only()?.write_npy(path),
        Target::Npz => {
            let arrays = outputs.iter().map(|(name, y)| (entry_name(name), y));
            match outputs.iter().all(|(_, y)| y.dtype() != DType::Str || is_text(y)) {
                true => Array::write_npz_unicode(path, arrays),
                false => Array::write_npz(path, arrays),
            }
        }
        Target::Csv => {
            let text = table(only()?)?;
            atomic_write(path, |file| file.write_all(text.as_bytes()))
        }
        Target::Json => {
            let text = format!("{}\n", predictions(outputs)?);
            atomic_write(path, |file| file.write_all(text.as_bytes()))
        }
    }
}

/// The name of an output as that of an entry of an archive, which has no absolute paths.
fn entry_name(name: &str) -> &str {
    let name = name.trim_start_matches('/');
    if name.is_empty() { "output" } else { name }
}

fn written(outputs: &Outputs, path: &Path) -> String {
    match outputs.as_slice() {
        [(_, y)] => {
            let count = y.shape().as_slice().first().copied().unwrap_or(1);
            format!("{}: {} {} for {} examples", path.display(), y.dtype(), y.shape(), grouped(count as u64))
        }
        several => {
            let row = |(name, y): &(String, Array)| format!("  {name}: {} {}", y.dtype(), y.shape());
            format!("{}:\n{}", path.display(), several.iter().map(row).collect::<Vec<_>>().join("\n"))
        }
    }
}

/// A line an example, its outputs flat.
fn table(y: &Array) -> Result<String> {
    let rows = y.shape().as_slice().first().copied().unwrap_or(1).max(1);
    let width = (y.elements() / rows).max(1);
    if y.dtype() == DType::Str {
        let field = |s: &Vec<u8>| {
            let text = String::from_utf8_lossy(s);
            let is_plain = !text.contains([',', '"', '\n', '\r']);
            if is_plain { text.into_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
        };
        let line = |row: &[Vec<u8>]| row.iter().map(field).collect::<Vec<_>>().join(",") + "\n";
        return Ok(y.strings()?.chunks(width).map(line).collect());
    }
    let is_whole = !y.dtype().is_inexact();
    let number = |v: &f64| if is_whole { v.to_string() } else { (*v as f32).to_string() };
    let line = |row: &[f64]| row.iter().map(number).collect::<Vec<_>>().join(",") + "\n";
    Ok(y.to_f64()?.chunks(width).map(line).collect())
}

/// As TensorFlow Serving answers: a value for each example, an object of outputs where there are several; outputs that
/// have no row for each example as a whole.
fn predictions(outputs: &Outputs) -> Result<Value> {
    if let [(_, y)] = outputs.as_slice() {
        return Ok(json!({"predictions": nested(y)?}));
    }
    let lists = outputs.iter().map(|(name, y)| Ok((name, nested(y)?))).collect::<Result<Vec<_>>>()?;
    let counts: Vec<Option<usize>> = outputs.iter().map(|(_, y)| y.shape().as_slice().first().copied()).collect();
    match counts.first().copied().flatten().filter(|n| counts.iter().all(|other| *other == Some(*n))) {
        Some(count) => {
            let example = |i: usize| -> Value {
                lists.iter().map(|(name, list)| ((*name).clone(), list[i].clone())).collect::<Map<_, _>>().into()
            };
            Ok(json!({"predictions": (0..count).map(example).collect::<Vec<_>>()}))
        }
        None => Ok(json!({"outputs": lists.into_iter().map(|(n, v)| (n.clone(), v)).collect::<Map<_, _>>()})),
    }
}

/// Nested lists; what is not finite is null, since JSON has no word for it.
fn nested(y: &Array) -> Result<Value> {
    fn level(values: &[Value], shape: &[usize]) -> Value {
        match shape {
            [] => values.first().cloned().unwrap_or_default(),
            [0, ..] => json!([]),
            [size, rest @ ..] => values.chunks((values.len() / size).max(1)).map(|part| level(part, rest)).collect(),
        }
    }
    let values: Vec<Value> = match y.dtype() {
        DType::Str => y.strings()?.iter().map(|s| json!(String::from_utf8_lossy(s))).collect(),
        DType::Bool => y.to_f64()?.iter().map(|v| json!(*v != 0.0)).collect(),
        DType::F64 => y.to_f64()?.iter().map(|v| json!(v)).collect(),
        dtype if dtype.is_int() => y.to_i64()?.iter().map(|v| json!(v)).collect(),
        _ => y.to_f64()?.iter().map(|v| if v.is_finite() { json!(*v as f32) } else { Value::Null }).collect(),
    };
    Ok(level(&values, y.shape().as_slice()))
}

fn summaries(outputs: &Outputs) -> Result<String> {
    if let [(_, y)] = outputs.as_slice() {
        return summary(y);
    }
    let one = |(name, y): &(String, Array)| Ok(format!("{name}: {}", summary(y)?));
    Ok(outputs.iter().map(one).collect::<Result<Vec<_>>>()?.join("\n\n"))
}

/// The first examples: the likeliest class where there are classes, the outputs otherwise.
fn summary(y: &Array) -> Result<String> {
    let Some(classes) = classes_of(y).filter(|_| y.dtype().is_float()) else {
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
        let texts = Array::from_strings(vec!["a,b".into(), "c".into()], [2, 1]).unwrap();
        assert_eq!(nested(&texts).unwrap().to_string(), "[[\"a,b\"],[\"c\"]]");
        assert_eq!(table(&texts).unwrap(), "\"a,b\"\nc\n");
        let whole = Array::from_vec(vec![16_777_217_i64], [1]).unwrap();
        assert_eq!(nested(&whole).unwrap().to_string(), "[16777217]");
        assert_eq!(table(&whole).unwrap(), "16777217\n");
    }

    #[test]
    fn several_outputs_are_objects_as_tensorflow_serving_has_them() {
        let a = Array::from_vec(vec![1_i32, 2], [2]).unwrap();
        let b = Array::from_vec(vec![true, false], [2]).unwrap();
        let text = |outputs: &Outputs| predictions(outputs).unwrap().to_string();
        let both = vec![("a".to_string(), a.clone()), ("b".to_string(), b)];
        assert_eq!(text(&both), r#"{"predictions":[{"a":1,"b":true},{"a":2,"b":false}]}"#);
        let uneven = vec![("a".to_string(), a), ("n".to_string(), Array::scalar(0.5_f32))];
        assert_eq!(text(&uneven), r#"{"outputs":{"a":[1,2],"n":0.5}}"#);
    }
}
