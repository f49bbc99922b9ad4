//! `cornet train`: a recipe becomes a model.

use std::path::{Path, PathBuf};

use clap::Args;
use cornet::models::{Model, Sequential};
use cornet::training::{FitOptions, History, Logs, Verbose};
use cornet_error::{Result, err};
use serde_json::{Value, json};

use crate::output::{columns, grouped, print, print_json, say};
use crate::recipe::{RECIPES, Recipe};
use crate::source::{Examples, Pair, examples, shaped};

const EXAMPLES: &str = "\
Examples:
  cornet train --list
  cornet train digits-mlp
  cornet train mnist-cnn --epochs 2 --seed 7 --out cnn.keras
  cornet train mnist-mlp --show > mine.toml; cornet train mine.toml

The dataset is downloaded into the cache if it is not there; --data takes its files from a folder.";

/// Train a model after a recipe, test it, and save it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Train {
    /// A built-in recipe, or a .toml file.
    #[arg(value_name = "RECIPE|FILE.toml", required_unless_present = "list")]
    recipe: Option<String>,
    /// List the built-in recipes.
    #[arg(long)]
    list: bool,
    /// Print the recipe and do nothing else.
    #[arg(long)]
    show: bool,
    /// How often all examples are seen, instead of the recipe's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Examples a step, instead of the recipe's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: Option<u32>,
    /// What decides weights, shuffling and dropout.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The file to save the model to [default: RECIPE.keras].
    #[arg(long, value_name = "MODEL.keras")]
    out: Option<PathBuf>,
    /// Take the dataset's files from this folder.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Progress on stderr: 0 none, 1 a bar, 2 a line an epoch.
    #[arg(long, value_name = "0|1|2", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    verbose: u8,
    /// Print JSON: the history of the training and the test.
    #[arg(long)]
    json: bool,
}

impl Train {
    pub fn run(self) -> Result<()> {
        let Some(word) = &self.recipe else { return list() };
        if self.list {
            return list();
        }
        let (name, mut recipe) = Recipe::find(word)?;
        if self.show {
            return show(word);
        }
        if let Some(epochs) = self.epochs {
            recipe.epochs = epochs as usize;
        }
        if let Some(batch_size) = self.batch_size {
            recipe.batch_size = batch_size as usize;
        }
        recipe.seed = self.seed.unwrap_or(recipe.seed);
        let out = self.out.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.keras")));
        check_place(&out)?;
        let verbose = Verbose::from_number(self.verbose).unwrap_or(Verbose::Bar);
        let trained = train(&name, &recipe, self.data.as_deref(), verbose)?;
        trained.model.save(&out)?;
        if self.json { print_json(&as_json(&trained, &out)) } else { print(&as_text(&trained, &out)) }
    }
}

fn list() -> Result<()> {
    let row = |(name, text): &(&str, &str)| Ok(vec![(*name).to_string(), Recipe::parse(text, name)?.about]);
    print(&columns(&RECIPES.iter().map(row).collect::<Result<Vec<_>>>()?))
}

fn show(word: &str) -> Result<()> {
    match RECIPES.iter().find(|(name, _)| *name == word) {
        Some((_, text)) => print(text.trim_end()),
        None => {
            let path = Path::new(word);
            print(&std::fs::read_to_string(path).map_err(|e| cornet_error::Error::io("read", path, &e))?)
        }
    }
}

/// Fails now, and not after the training, where the model could not be saved.
pub fn check_place(out: &Path) -> Result<()> {
    if out.extension().is_none_or(|e| e != "keras") {
        return Err(err!(InvalidArgument, "--out: expected a name that ends in .keras, found {}", out.display()));
    }
    if out.is_dir() {
        return Err(err!(InvalidArgument, "--out: expected a file, found the folder {}", out.display()));
    }
    let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(err!(NotFound, "--out: there is no folder {}", parent.display()).help("make it first"));
    }
    Ok(())
}

/// A model, how it was trained, and how it does on the test.
pub struct Trained {
    pub model: Sequential,
    pub history: History,
    /// None if there are no examples to test with.
    pub test: Option<(Pair, Logs)>,
    pub classes: Vec<String>,
}

/// Trains after a recipe. `non_finite` ends it: a model of NaN is of no use to anyone.
pub fn train(name: &str, recipe: &Recipe, folder: Option<&Path>, verbose: Verbose) -> Result<Trained> {
    let Examples { train, test, classes } = examples(&recipe.dataset, folder)?;
    let ready = |(x, y): Pair| -> Result<Pair> {
        match &recipe.input_shape {
            None => Ok((x, y)),
            Some(shape) => Ok((shaped(&x, &shape.iter().copied().map(Some).collect::<Vec<_>>())?, y)),
        }
    };
    let (x, y) = ready(train)?;
    let example = x.shape().as_slice().get(1..).unwrap_or_default();
    let model = recipe.model(example, recipe.seed).map_err(|e| e.within(name))?;
    if verbose != Verbose::Silent {
        let count = x.shape().as_slice().first().copied().unwrap_or_default();
        let parameters = grouped(model.count_params()? as u64);
        say(&format!("{name}: {} examples, {parameters} parameters", grouped(count as u64)));
    }
    let options = FitOptions::new()
        .epochs(recipe.epochs)
        .batch_size(recipe.batch_size)
        .validation_split(recipe.validation_split)
        .seed(recipe.seed)
        .stop_on_nan(true)
        .verbose(verbose);
    let history = model.fit(&x, &y, options)?;
    let test = match test {
        Some(test) => {
            let (x, y) = ready(test)?;
            let logs = model.evaluate(&x, &y)?;
            Some(((x, y), logs))
        }
        None => None,
    };
    Ok(Trained { model, history, test, classes })
}

fn as_text(trained: &Trained, out: &Path) -> String {
    let mut text = String::new();
    if let Some(((x, _), logs)) = &trained.test {
        let count = x.shape().as_slice().first().copied().unwrap_or_default();
        text.push_str(&format!("test on {} examples: {logs}\n", grouped(count as u64)));
    }
    text + &format!("saved {}", out.display())
}

fn as_json(trained: &Trained, out: &Path) -> Value {
    let history: serde_json::Map<String, Value> =
        trained.history.iter().map(|(name, values)| (name.to_string(), json!(values))).collect();
    let test = trained.test.as_ref().map(|(_, logs)| logs_json(logs));
    json!({"history": history, "test": test, "model": out.display().to_string()})
}

/// Loss and metrics as JSON.
pub fn logs_json(logs: &Logs) -> Value {
    logs.iter().map(|(name, value)| (name.to_string(), json!(value))).collect::<serde_json::Map<_, _>>().into()
}
