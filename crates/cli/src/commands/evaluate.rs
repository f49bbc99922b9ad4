//! `cornet evaluate`: loss and metrics of a model on a dataset.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cornet::models::Model;
use cornet::saving::load_model;
use cornet::training::{EvaluateOptions, PredictOptions};
use cornet_data::ConfusionMatrix;
use cornet_error::{Limits, Result, err};
use cornet_files::{OpenOptions, detect, open};
use cornet_tensor::{Array, DType};
use serde_json::json;

use super::train::logs_json;
use crate::output::{grouped, print, print_json, say};
use crate::source::{classes_of, examples, shaped};

const EXAMPLES: &str = "\
Examples:
  cornet evaluate digits.keras --data digits
  cornet evaluate model.keras --data mnist --dir ~/mnist --confusion
  cornet evaluate model.onnx --data mnist
  cornet evaluate model.keras --data mine.npz --json      arrays x, y or x_test, y_test

Keras models report their loss and metrics. Of other models the one output must have a number for each class, or one for
yes and no: accuracy is reported, and with probabilities the loss.";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Train,
    Test,
}

/// Measure a model on a dataset: loss, metrics, confusion matrix.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Evaluate {
    /// A model file of any format.
    model: PathBuf,
    /// A dataset's name, or a .npz file.
    #[arg(long, value_name = "DATASET")]
    data: String,
    /// Take the dataset's files from this folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Which of its examples.
    #[arg(long, value_enum, default_value_t = Part::Test)]
    part: Part,
    /// Which function of a model that has several.
    #[arg(long, value_name = "NAME")]
    signature: Option<String>,
    /// Examples a step.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: u32,
    /// Show which classes are taken for which.
    #[arg(long)]
    confusion: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    pub fn run(self) -> Result<()> {
        // The model first: a mistake in it is found before data are downloaded.
        let has_layers = detect(&self.model, &Limits::default())?.has_layers() && self.signature.is_none();
        let model = if has_layers { Some(load_model(&self.model)?) } else { None };
        let program = if has_layers { None } else { Some(open(&self.model, &OpenOptions::new())?) };
        let examples = examples(&self.data, self.dir.as_deref())?;
        let (x, y) = match (self.part, examples.test) {
            (Part::Test, Some(test)) => test,
            _ => examples.train,
        };
        let batch_size = self.batch_size as usize;
        let (logs, outputs) = match (model, program) {
            (Some(model), _) => {
                let x = match model.input_shapes().as_deref() {
                    Some([one]) => shaped(&x, one.0.get(1..).unwrap_or_default())?,
                    _ => x.clone(),
                };
                if model.trainer().compiled().is_none() {
                    say("the model was saved without loss: sparse_categorical_crossentropy and accuracy are taken");
                    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
                }
                let logs = model.evaluate_with(&x, &y, EvaluateOptions::new().batch_size(batch_size))?;
                let options = PredictOptions::new().batch_size(batch_size);
                let outputs = if self.confusion { model.predict_with(&x, options)? } else { Vec::new() };
                ((logs_json(&logs), logs.to_string()), outputs)
            }
            (None, Some(program)) => {
                let signature = program.signature(self.signature.as_deref())?;
                let outputs = cornet_files::run(&*program, signature, std::slice::from_ref(&x), Some(batch_size))?;
                (scores(&outputs, &y)?, outputs)
            }
            (None, None) => return Err(err!(Internal, "evaluate: no model")),
        };
        let matrix = if self.confusion { Some(confusion(&outputs, &y, &examples.classes)?) } else { None };
        let count = x.shape().as_slice().first().copied().unwrap_or_default();
        if self.json {
            let counts = matrix.as_ref().map(|(m, classes)| {
                let row = |label| (0..*classes).map(|predicted| m.count(label, predicted)).collect::<Vec<_>>();
                (0..*classes).map(row).collect::<Vec<_>>()
            });
            return print_json(&json!({"examples": count, "logs": logs.0, "confusion": counts}));
        }
        let mut text = format!("{} examples: {}", grouped(count as u64), logs.1);
        if let Some((matrix, _)) = matrix {
            text.push_str(&format!("\n\n{matrix}"));
        }
        print(text.trim_end())
    }
}

/// Accuracy, and the loss where the outputs are probabilities, for programs and for people.
fn scores(outputs: &[Array], y: &Array) -> Result<(serde_json::Value, String)> {
    let [output] = outputs else {
        return Err(err!(InvalidArgument, "evaluate: expected a model of one output, found {}", outputs.len()));
    };
    if y.dtype() == DType::Str || output.dtype() == DType::Str {
        return Err(err!(DtypeMismatch, "evaluate: expected numbers, found strings"));
    }
    let labels = y.to_i64()?;
    let count = output.shape().as_slice().first().copied().unwrap_or_default();
    let width = output.elements() / count.max(1);
    if count != labels.len() || width == 0 || count == 0 {
        return Err(err!(
            ShapeMismatch,
            "evaluate: expected a row for each of {} labels, found {}",
            labels.len(),
            output.shape()
        ));
    }
    let values = output.to_f64()?;
    let rows = || values.chunks_exact(width).zip(&labels);
    if let Some(label) = labels.iter().find(|&&label| label < 0 || label >= width.max(2) as i64) {
        return Err(err!(OutOfRange, "evaluate: expected labels from 0 to {}, found {label}", width.max(2) - 1)
            .operand("outputs", output.shape()));
    }
    let class = |row: &[f64]| match row {
        [one] => i64::from(*one > 0.5),
        row => row.iter().enumerate().fold(0, |best, (i, v)| if *v > row[best] { i } else { best }) as i64,
    };
    let right = rows().filter(|(row, label)| class(row) == **label).count();
    let accuracy = right as f64 / count as f64;
    let is_probability = |row: &[f64]| {
        row.iter().all(|p| (0.0..=1.0).contains(p)) && (row.len() == 1 || (row.iter().sum::<f64>() - 1.0).abs() < 1e-3)
    };
    if !values.chunks_exact(width).all(is_probability) {
        return Ok((json!({"accuracy": accuracy}), format!("accuracy: {accuracy:.4}")));
    }
    // Keras's least probability.
    let surprise = |(row, label): (&[f64], &i64)| {
        let p = match (row, label) {
            ([one], 0) => 1.0 - one,
            ([one], _) => *one,
            (row, label) => row[*label as usize],
        };
        -p.clamp(1e-7, 1.0).ln()
    };
    let loss = rows().map(surprise).sum::<f64>() / count as f64;
    Ok((json!({"loss": loss, "accuracy": accuracy}), format!("loss: {loss:.4} - accuracy: {accuracy:.4}")))
}

/// The matrix and its number of classes.
fn confusion(outputs: &[Array], y: &Array, classes: &[String]) -> Result<(ConfusionMatrix, usize)> {
    let predicted = match outputs {
        [one] => classes_of(one).map(|predicted| (predicted, one.shape()[1])),
        _ => None,
    };
    let Some((predicted, count)) = predicted else {
        return Err(err!(InvalidArgument, "--confusion: expected a model with one output for each of several classes"));
    };
    let labels: Vec<usize> = y.to_i64()?.iter().map(|&label| usize::try_from(label).unwrap_or(usize::MAX)).collect();
    let numbers: Vec<String> = (0..count).map(|i| i.to_string()).collect();
    let names: Vec<&str> = if classes.len() == count { classes } else { &numbers }.iter().map(String::as_str).collect();
    Ok((ConfusionMatrix::new(&labels, &predicted, &names)?, count))
}
