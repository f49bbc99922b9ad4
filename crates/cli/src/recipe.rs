//! Recipes: a dataset, layers, and how to train, as TOML.

use std::path::Path;

use cornet::layers::Input;
use cornet::layers::registry::layer_from_json;
use cornet::losses::Loss;
use cornet::metrics::{MetricArg, Metrics};
use cornet::models::{Model, Sequential};
use cornet::optimizers::OptimizerArg;
use cornet_error::{Error, Limits, Result, err, fail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::suggest::nearest;

/// The recipes that are part of the program, by name.
pub const RECIPES: &[(&str, &str)] = &[
    ("digits-cnn", include_str!("../recipes/digits-cnn.toml")),
    ("digits-mlp", include_str!("../recipes/digits-mlp.toml")),
    ("fashion-cnn", include_str!("../recipes/fashion-cnn.toml")),
    ("fashion-mlp", include_str!("../recipes/fashion-mlp.toml")),
    ("mnist-cnn", include_str!("../recipes/mnist-cnn.toml")),
    ("mnist-mlp", include_str!("../recipes/mnist-mlp.toml")),
];

/// Bytes of a recipe, beyond which it is none.
const RECIPE_BYTES_MAX: u64 = 1 << 20;

/// A training, described.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// One line about it.
    #[serde(default)]
    pub about: String,
    /// A dataset's name or the path of a `.npz` file.
    pub dataset: String,
    /// Axes of one example as the model takes it; those of the data if not given.
    pub input_shape: Option<Vec<usize>>,
    /// How often all examples are seen.
    pub epochs: usize,
    /// Examples a step.
    #[serde(default = "default_batch_size")]
    pub batch_size: usize,
    /// Share of the examples, the last ones, to validate on after each epoch.
    #[serde(default)]
    pub validation_split: f64,
    /// What decides weights, shuffling and dropout.
    #[serde(default)]
    pub seed: u64,
    /// A name, or a table with `class` and arguments.
    pub loss: Value,
    /// Names, or tables.
    #[serde(default)]
    pub metrics: Vec<Value>,
    /// A name, or a table.
    pub optimizer: Value,
    /// Tables with `class` and arguments as Keras names them.
    pub layers: Vec<Map<String, Value>>,
}

fn default_batch_size() -> usize {
    32
}

impl Recipe {
    /// The recipe of that name, or in that file; and what to call it.
    ///
    /// # Errors
    /// `not_found`, with a guess at what was meant; `unsupported_format` for a file that is no recipe; what reading fails with.
    pub fn find(word: &str) -> Result<(String, Self)> {
        if let Some((name, text)) = RECIPES.iter().find(|(name, _)| *name == word) {
            return Ok(((*name).to_string(), Self::parse(text, name)?));
        }
        let path = Path::new(word);
        if path.extension().is_some_and(|e| e == "toml") || path.is_file() {
            let text = read(path)?;
            let stem = path.file_stem().map_or_else(|| "model".into(), |s| s.to_string_lossy().into_owned());
            return Ok((stem, Self::parse(&text, word)?));
        }
        Err(unknown(word))
    }

    /// Reads the text of a recipe.
    ///
    /// # Errors
    /// `unsupported_format`, with the line.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let wrong = |e: toml::de::Error| {
            let line = e.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map_or_else(|| place.to_string(), |line| format!("{place}:{line}"));
            err!(UnsupportedFormat, "{}", e.message().trim_end_matches('\n').replace('\n', "; "))
                .help("`cornet train mnist-mlp --show` prints a recipe that works")
                .within(place)
        };
        toml::from_str(text).map_err(wrong)
    }

    /// The model, compiled, for examples of this shape.
    ///
    /// # Errors
    /// A class or an argument that there is not; layers that do not fit each other.
    pub fn model(&self, example: &[usize], seed: u64) -> Result<Sequential> {
        let mut model = Sequential::new().seed(seed);
        if self.layers.is_empty() {
            fail!(InvalidArgument, "layers: expected at least one, found none");
        }
        model.push(Input::new(example))?;
        for layer in &self.layers {
            model.push(layer_from_json(&object(layer, "layers")?)?)?;
        }
        model.check_built()?;
        let metrics: Vec<MetricArg> =
            self.metrics.iter().map(|m| MetricArg::from_json(&named(m, "metrics")?)).collect::<Result<_>>()?;
        let optimizer = OptimizerArg::from_json(&named(&self.optimizer, "optimizer")?)?;
        model.compile(optimizer, Loss::from_json(&named(&self.loss, "loss")?)?, Metrics(metrics))?;
        Ok(model)
    }
}

fn read(path: &Path) -> Result<String> {
    let size = std::fs::metadata(path).map_err(|e| Error::io("read", path, &e))?.len();
    Limits::check("bytes of a recipe", size, RECIPE_BYTES_MAX).map_err(|e| e.within(path.display().to_string()))?;
    std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))
}

fn unknown(word: &str) -> Error {
    let names: Vec<&str> = RECIPES.iter().map(|(name, _)| *name).collect();
    let error = err!(NotFound, "recipe '{word}': expected a .toml file or one of {}", names.join(", "));
    match nearest(word, names) {
        Some(meant) => error.help(format!("did you mean '{meant}'?")),
        None => error.help("`cornet train --list` says what each is"),
    }
}

/// A table with `class` and arguments as Keras's config object.
fn object(table: &Map<String, Value>, place: &str) -> Result<Value> {
    let mut arguments = table.clone();
    match arguments.shift_remove("class") {
        Some(Value::String(class)) => Ok(json!({"class_name": class, "config": arguments})),
        _ => Err(err!(InvalidArgument, "{place}: expected a table with class, found {}", Value::from(arguments))),
    }
}

/// A name as it is, a table as an object.
fn named(value: &Value, place: &str) -> Result<Value> {
    match value {
        Value::Object(table) => object(table, place),
        other => Ok(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_error::Code;

    #[test]
    fn every_recipe_makes_a_model_for_its_data() {
        for (name, text) in RECIPES {
            let recipe = Recipe::parse(text, name).unwrap();
            let dataset = cornet_data::info(&recipe.dataset).unwrap();
            let example = recipe.input_shape.clone().unwrap_or_else(|| dataset.example.to_vec());
            assert_eq!(example.iter().product::<usize>(), dataset.example.iter().product::<usize>(), "{name}");
            let model = recipe.model(&example, 1).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(model.count_params().unwrap() > 0, "{name}");
            assert!(!recipe.about.is_empty(), "{name}");
        }
    }

    #[test]
    fn the_mlp_of_mnist_has_the_parameters_of_the_course() {
        let (_, recipe) = Recipe::find("mnist-mlp").unwrap();
        assert_eq!(recipe.model(&[28, 28], 0).unwrap().count_params().unwrap(), 101_770);
        let (_, recipe) = Recipe::find("mnist-cnn").unwrap();
        assert_eq!(recipe.model(&[28, 28, 1], 0).unwrap().count_params().unwrap(), 93_322);
    }

    #[test]
    fn the_recipe_of_the_manual_works() {
        let manual = include_str!("../../../docs/command-line.md");
        let text = manual.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
        let recipe = Recipe::parse(text, "docs/command-line.md").unwrap();
        assert_eq!(recipe.model(&[28, 28], 0).unwrap().count_params().unwrap(), 101_770);
    }

    #[test]
    fn a_recipe_that_is_wrong_says_where() {
        let error = Recipe::parse("dataset = \"digits\"\nepoch = 3\n", "my.toml").unwrap_err();
        assert_eq!(error.code(), Code::UnsupportedFormat);
        assert!(error.to_string().starts_with("my.toml:2: unknown field `epoch`"), "{error}");
    }
}
