//! `cornet evaluate`: loss and metrics of a model on a dataset.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cornet::models::Model;
use cornet::saving::load_model;
use cornet::training::{EvaluateOptions, PredictOptions};
use cornet_data::ConfusionMatrix;
use cornet_error::{Result, err};
use cornet_tensor::Array;
use serde_json::json;

use super::train::logs_json;
use crate::output::{grouped, print, print_json, say};
use crate::source::{classes_of, examples, shaped};

const EXAMPLES: &str = "\
Examples:
  cornet evaluate digits.keras --data digits
  cornet evaluate model.keras --data mnist --dir ~/mnist --confusion
  cornet evaluate model.keras --data mine.npz --json      arrays x, y or x_test, y_test";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Train,
    Test,
}

/// Measure a model on a dataset: loss, metrics, confusion matrix.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Evaluate {
    /// A .keras file.
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
        let model = load_model(&self.model)?;
        let examples = examples(&self.data, self.dir.as_deref())?;
        let (x, y) = match (self.part, examples.test) {
            (Part::Test, Some(test)) => test,
            _ => examples.train,
        };
        let x = match model.input_shapes().as_deref() {
            Some([one]) => shaped(&x, one.0.get(1..).unwrap_or_default())?,
            _ => x,
        };
        if model.trainer().compiled().is_none() {
            say("the model was saved without loss: sparse_categorical_crossentropy and accuracy are taken");
            model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
        }
        let batch_size = self.batch_size as usize;
        let logs = model.evaluate_with(&x, &y, EvaluateOptions::new().batch_size(batch_size))?;
        let matrix = match self.confusion {
            true => {
                let outputs = model.predict_with(&x, PredictOptions::new().batch_size(batch_size))?;
                Some(confusion(&outputs, &y, &examples.classes)?)
            }
            false => None,
        };
        let count = x.shape().as_slice().first().copied().unwrap_or_default();
        if self.json {
            let counts = matrix.as_ref().map(|(m, classes)| {
                let row = |label| (0..*classes).map(|predicted| m.count(label, predicted)).collect::<Vec<_>>();
                (0..*classes).map(row).collect::<Vec<_>>()
            });
            return print_json(&json!({"examples": count, "logs": logs_json(&logs), "confusion": counts}));
        }
        let mut text = format!("{} examples: {logs}", grouped(count as u64));
        if let Some((matrix, _)) = matrix {
            text.push_str(&format!("\n\n{matrix}"));
        }
        print(text.trim_end())
    }
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
