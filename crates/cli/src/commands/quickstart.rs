//! `cornet quickstart`: from data to a saved model, in one command.

use std::path::{Path, PathBuf};

use clap::Args;
use cornet::models::Model;
use cornet::saving::load_model;
use cornet::training::Verbose;
use cornet_data::render::{Palette, Picture, draw};
use cornet_data::{ConfusionMatrix, info};
use cornet_error::{Error, Result, err};
use cornet_tensor::Array;

use super::train::{Trained, train};
use crate::output::{on_terminal, print, say};
use crate::recipe::Recipe;
use crate::source::classes_of;

/// Digits drawn, so that they fit into a terminal of 80 columns.
const DRAWN: usize = 4;
/// Columns to draw them in.
const COLUMNS: usize = 78;

const EXAMPLES: &str = "\
Examples:
  cornet quickstart
  cornet quickstart --out models

Trains the recipe digits-cnn; `cornet train digits-cnn --show` prints it.";

/// Train, evaluate, save and load a model on real digits that are part of the program.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Quickstart {
    /// The folder to save digits.keras to; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

impl Quickstart {
    pub fn run(self) -> Result<()> {
        std::fs::create_dir_all(&self.out).map_err(|e| Error::io("make the folder", &self.out, &e))?;
        let (_, recipe) = Recipe::find("digits-cnn")?;
        say("Handwritten digits, 8x8 pixels (UCI, CC BY 4.0): four fifths to train on, one held out.");
        let trained = train("digits-cnn", &recipe, None, Verbose::Line)?;
        let Some(((x, y), logs)) = &trained.test else {
            return Err(err!(EmptyData, "digits: expected examples to test with, found none"));
        };
        let outputs = trained.model.predict(x)?;
        let predicted = classes_of(&outputs).ok_or_else(|| err!(Internal, "digits: no classes were predicted"))?;
        let labels: Vec<usize> = y.to_i64()?.iter().map(|&l| usize::try_from(l).unwrap_or_default()).collect();
        let classes: Vec<&str> = trained.classes.iter().map(String::as_str).collect();
        let matrix = ConfusionMatrix::new(&labels, &predicted, &classes)?;
        let accuracy = 100.0 * matrix.correct() as f64 / matrix.total().max(1) as f64;
        print(&format!(
            "held-out fifth: {} of {} digits read correctly: {accuracy:.1}% (loss {:.4})\n\n{matrix}",
            matrix.correct(),
            matrix.total(),
            logs.loss()
        ))?;
        print(&pictures(x, &labels, &predicted)?)?;
        let file = self.out.join("digits.keras");
        print(&saved_and_loaded(&trained, x, &outputs, &file)?)
    }
}

/// A few digits as pictures, the first that was misread among them.
fn pictures(x: &Array, labels: &[usize], predicted: &[usize]) -> Result<String> {
    let misread = (0..labels.len()).find(|&i| labels[i] != predicted[i]);
    let others = (0..labels.len()).filter(|i| Some(*i) != misread);
    let chosen: Vec<usize> = others.take(DRAWN - usize::from(misread.is_some())).chain(misread).collect();
    let picture = |&i: &usize| {
        let caption = match labels[i] == predicted[i] {
            true => format!("read as {}", predicted[i]),
            false => format!("read as {}, is {}", predicted[i], labels[i]),
        };
        Ok(Picture::from_images(x, i, 1.0)?.captioned(caption))
    };
    let drawn = chosen.iter().map(picture).collect::<Result<Vec<_>>>()?;
    Ok(draw(&drawn, COLUMNS, Palette::for_output(on_terminal())))
}

/// Saves the model, loads it again and compares the predictions.
fn saved_and_loaded(trained: &Trained, x: &Array, outputs: &Array, file: &Path) -> Result<String> {
    trained.model.save(file)?;
    let again = load_model(file)?.predict(x)?;
    let (before, after) = (outputs.to_vec::<f32>()?, again.to_vec::<f32>()?);
    let equal = before.len() == after.len() && before.iter().zip(&after).all(|(a, b)| a.to_bits() == b.to_bits());
    if !equal {
        return Err(err!(Internal, "{}: the loaded model predicts something else", file.display()));
    }
    let count = info("digits")?.examples[1];
    Ok(format!(
        "saved {path}, loaded it again: all {count} predictions agree, bit for bit\n\n\
         next:  cornet summary {path}\n       cornet evaluate {path} --data digits --confusion\n       cornet train --list",
        path = file.display()
    ))
}
