//! Models and weights in the HDF5 files of Keras 1 and 2, and of Keras 3 under the name `.h5`.
//!
//! A config is first brought into the form of Keras 3, then read as that of a `.keras` file is. Weights are lists of
//! arrays by layer.

mod kernels;
mod layer;
mod merge;
mod model;
mod objects;
mod optimizer;
mod training;
mod weights;
mod write;

use cornet_error::{Result, err};
use cornet_format_keras::{KerasFile, Legacy};
use serde_json::Value;

use self::kernels::Origin;
use self::model::Translator;
use super::file::{LoadOptions, check_values, model_from_json};
use crate::layers::weight::without_values;
use crate::models::{BoxedModel, Model};
use crate::training::CompileOptions;

pub use self::weights::WeightOptions;
pub use self::write::{H5Options, save_h5};

/// Which Keras wrote a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    One,
    Two,
    Three,
}

/// Who wrote the weights. Models of Keras 1 do not say which backend they are of; TensorFlow numbers the outputs that
/// weights are. Of weights alone that do not say it Keras takes none to be turned around, many having been turned since.
fn origin(file: &KerasFile, legacy: &Legacy) -> Origin {
    let generation = Generation::of(&file.metadata.keras_version);
    let mut names = legacy.layers.iter().flat_map(|layer| &layer.weights).map(|(name, _)| name);
    let is_theano = match legacy.backend.as_str() {
        "" => generation == Generation::One && !file.config.is_null() && !names.any(|name| name.contains(':')),
        backend => backend == "theano",
    };
    Origin { generation, is_theano }
}

/// The config of an older file as Keras 3 has it.
pub(super) fn config_of_today(config: &Value, version: &str) -> Result<Value> {
    Translator { generation: Generation::of(version) }.any(config, 0)
}

/// The model of an older file, compiled as it was if Cornet has what it was compiled with.
pub(super) fn load(file: &KerasFile, legacy: &Legacy, options: &LoadOptions) -> Result<BoxedModel> {
    let origin = origin(file, legacy);
    let config = config_of_today(&file.config, &file.metadata.keras_version)?;
    let model = without_values(|| model_from_json(&config, false))?;
    if model.input_shapes().is_some() {
        weights::load(&model, legacy, origin, &WeightOptions::default())?;
    } else if legacy.layers.iter().any(|layer| !layer.weights.is_empty()) {
        return Err(err!(
            UnsupportedFormat,
            "expected a model that says what shape its inputs have, found one that does not"
        )
        .help("make the model anew with Input, and load the file's weights into it"));
    }
    check_values(&model)?;
    if options.compiles() && legacy.training_config.is_object() {
        let compiled = training::compile_config(&legacy.training_config);
        // What Cornet does not have is left to a compile anew, as functions of the program that saved the model are.
        let made = CompileOptions::from_json(&compiled).and_then(|options| model.compile_with(options));
        if let (Ok(()), Some(compiled)) = (made, model.trainer().compiled()) {
            optimizer::restore(&model, &compiled, legacy, origin.generation)?;
        }
    }
    Ok(model)
}

/// Loads the weights of an older file; says what was left out.
pub(super) fn load_weights(
    model: &dyn Model,
    file: &KerasFile,
    legacy: &Legacy,
    options: &WeightOptions,
) -> Result<Vec<String>> {
    weights::load(model, legacy, origin(file, legacy), options)
}
