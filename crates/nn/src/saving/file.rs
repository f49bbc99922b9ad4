//! `.keras` and `.weights.h5` files; where other files are read and written.
//!
//! Source: Keras 3.15.1, `keras.src.saving.saving_lib`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cornet_error::{Error, Limits, Result, err};
use cornet_format_keras::{self as format, KerasFile, Metadata, Saved, WeightFile, WeightStore};
use cornet_ops::Variable;
use cornet_tensor::Array;
use serde_json::Value;

use super::config::Config;
use super::legacy::{H5Options, WeightOptions};
use crate::layers::weight::without_values;
use crate::layers::{Adapter, Layer, layer_to_json};
use crate::models::{BoxedModel, Functional, Model, Sequential};
use crate::optimizers::Optimizer;
use crate::own::find_unnamed;
use crate::training::{CompileOptions, Compiled};

/// How a model file is read.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    compile: bool,
    limits: Limits,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { compile: true, limits: Limits::default() }
    }
}

impl LoadOptions {
    /// Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the model is compiled as it was when it was saved, with its optimizer's state; by default it is.
    #[must_use]
    pub fn compile(mut self, compile: bool) -> Self {
        self.compile = compile;
        self
    }

    pub(super) fn compiles(&self) -> bool {
        self.compile
    }

    /// What the file may take.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// The model as the object of a `config.json`.
///
/// # Errors
/// None that an input can cause.
pub fn model_to_json(model: &dyn Model) -> Result<Value> {
    let mut object = layer_to_json(model);
    if let Some(compiled) = model.trainer().compiled() {
        object["compile_config"] = compiled.options().to_json(compiled.outputs())?;
    }
    if find_unnamed(&object) {
        return Err(err!(Unsupported, "model '{}': expected closures with a name, found one without", model.name())
            .help("make it with register of activations, initializers, regularizers or constraints, under a name"));
    }
    Ok(object)
}

/// The model that the object of a `config.json` describes, with new weights.
///
/// # Errors
/// `unsupported` for classes and arguments that Cornet does not have; `unsafe_content` for code; `corrupt`.
pub fn model_from_json(object: &Value, compile: bool) -> Result<BoxedModel> {
    let config = Config::of(object)?;
    let model: BoxedModel = match config.class() {
        "Sequential" => Sequential::from_config(&config)?.boxed(),
        "Functional" | "Model" => Functional::from_config(&config)?.boxed(),
        class => {
            return Err(err!(Unsupported, "model: expected Sequential or Functional, found {class}")
                .help("a model class of its own is Python code: rebuild it with layers, or export what it computes"));
        }
    };
    config.finish()?;
    match &object["compile_config"] {
        Value::Object(map) if compile && !map.is_empty() => {
            let options = CompileOptions::from_json(&object["compile_config"]);
            options.and_then(|options| model.compile_with(options)).map_err(|e| {
                e.within("compile_config").help("load the model without compiling it, and compile it anew")
            })?;
        }
        _ => {}
    }
    Ok(model)
}

/// Saves a model as a `.keras` file, or under a name that ends with `.h5` or `.hdf5` as such a file, in one step or not
/// at all.
///
/// # Errors
/// `invalid_state` for a model that is not built; `io`, `not_found`, `permission_denied`.
pub fn save_model(model: &dyn Model, path: &Path) -> Result<()> {
    if path.extension().is_some_and(|end| end == "h5" || end == "hdf5") {
        return super::legacy::save_h5(model, path, &H5Options::default());
    }
    let weights = weights_and_optimizer(model)?;
    let config = model_to_json(model)?;
    let mut assets = BTreeMap::new();
    collect_assets(model, "", &mut assets)?;
    let file = KerasFile { metadata: Metadata::now(), config, weights, assets, legacy: None };
    format::write(path, &file)
}

/// The weights of a model and the state of its optimizer by the paths that they have in a file.
pub(crate) fn weights_and_optimizer(model: &dyn Model) -> Result<WeightStore> {
    let mut weights = store(model)?;
    if let Some(compiled) = model.trainer().compiled() {
        collect_optimizer(&*compiled.optimizer, "optimizer", &mut weights)?;
    }
    Ok(weights)
}

/// Gives a model and its optimizer back what [`weights_and_optimizer`] took.
pub(crate) fn restore_weights_and_optimizer(model: &dyn Model, store: &WeightStore) -> Result<()> {
    model.check_built()?;
    restore(model, "", store)?;
    match (model.trainer().compiled(), store.get("optimizer")) {
        (Some(compiled), Some(saved)) => restore_optimizer(model, &compiled, saved),
        _ => Ok(()),
    }
}

/// Saves a model's weights as a `.weights.h5` file, in one step or not at all.
///
/// # Errors
/// As [`save_model`].
pub fn save_weights(model: &dyn Model, path: &Path) -> Result<()> {
    format::write_weights(path, &store(model)?)
}

pub(crate) fn values(variables: &[Variable]) -> Result<Vec<Array>> {
    variables.iter().map(Variable::value).collect()
}

/// The weights of a model by the paths that they have in a file.
fn store(model: &dyn Model) -> Result<WeightStore> {
    model.check_built()?;
    let mut store = WeightStore::default();
    collect(model, "", &mut store)?;
    Ok(store)
}

/// The files that layers keep beside their weights, by path.
fn collect_assets(layer: &dyn Layer, path: &str, assets: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for (name, content) in layer.assets()? {
        assets.insert(joined(path, &name), content);
    }
    layer.parts().iter().try_for_each(|(place, part)| collect_assets(&**part, &joined(path, place), assets))
}

fn restore_assets(layer: &dyn Layer, path: &str, assets: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let folder = joined(path, "");
    let own: Vec<(String, Vec<u8>)> = assets
        .iter()
        .filter_map(|(name, content)| {
            let name = name.strip_prefix(&*folder).filter(|name| !name.contains('/'))?;
            Some((name.to_owned(), content.clone()))
        })
        .collect();
    if !own.is_empty() {
        layer.load_assets(&own).map_err(|e| e.within(format!("layer '{}'", layer.name())))?;
    }
    layer.parts().iter().try_for_each(|(place, part)| restore_assets(&**part, &joined(path, place), assets))
}

fn collect(layer: &dyn Layer, path: &str, store: &mut WeightStore) -> Result<()> {
    let own: Vec<Variable> = layer.base().weights().iter().map(|w| w.variable.clone()).collect();
    let mut saved = values(&own)?;
    // What low-rank factors add becomes part of the kernel, as in Keras.
    if let (Some(adapter), Some(kernel), Some(saved)) = (layer.base().adapter(), own.first(), saved.first_mut()) {
        *saved = adapter.merged(kernel).array()?.cast(kernel.dtype())?;
    }
    let mut saved = Saved::new(layer.name(), saved);
    for (key, array) in layer.own_variables() {
        saved.set(&key, array);
    }
    store.set(path, saved);
    layer.parts().iter().try_for_each(|(place, part)| collect(&**part, &joined(path, place), store))
}

fn collect_optimizer(optimizer: &dyn Optimizer, path: &str, store: &mut WeightStore) -> Result<()> {
    store.set(path, Saved::new(optimizer.base().name(), values(&optimizer.variables())?));
    optimizer.parts().iter().try_for_each(|(place, part)| collect_optimizer(&**part, &joined(path, place), store))
}

fn joined(path: &str, place: &str) -> String {
    if path.is_empty() { place.to_owned() } else { format!("{path}/{place}") }
}

/// Reads a model from a `.keras` file, compiled and with its optimizer's state if it was saved so.
///
/// # Errors
/// As [`load_model_with`].
pub fn load_model(path: impl AsRef<Path>) -> Result<BoxedModel> {
    load_model_with(path, &LoadOptions::default())
}

/// The same with options.
///
/// # Errors
/// `not_found`, `io`; `unsupported_format` if it is no model file; `corrupt`; `unsupported` for layers and arguments that
/// Cornet does not have; `unsafe_content` for code; `limit_exceeded`.
pub fn load_model_with(path: impl AsRef<Path>, options: &LoadOptions) -> Result<BoxedModel> {
    let path = path.as_ref();
    let file = format::read(path, &options.limits)?;
    model_of(&file, options).map_err(|e| e.within(path.display().to_string()))
}

/// Reads a model from the bytes of a `.keras` file.
///
/// # Errors
/// As [`load_model_with`].
pub fn load_model_from_bytes(bytes: impl Into<Arc<[u8]>>, options: &LoadOptions) -> Result<BoxedModel> {
    model_of(&format::from_bytes(bytes, &options.limits)?, options)
}

fn model_of(file: &KerasFile, options: &LoadOptions) -> Result<BoxedModel> {
    if file.config.is_null() {
        return Err(err!(UnsupportedFormat, "expected a model, found weights only")
            .help("make the model and load them into it with load_weights"));
    }
    if let Some(legacy) = &file.legacy {
        return super::legacy::load(file, legacy, options);
    }
    let model = without_values(|| model_from_json(&file.config, options.compile))?;
    restore_assets(&model, "", &file.assets)?;
    if model.input_shapes().is_some() {
        restore(&model, "", &file.weights)?;
    }
    check_values(&model)?;
    // Where the file names no optimizer, the default stands in for one of the program that saved it: it begins anew.
    let named = !file.config["compile_config"]["optimizer"].is_null();
    if let (true, Some(compiled), Some(saved)) = (named, model.trainer().compiled(), file.weights.get("optimizer")) {
        restore_optimizer(&model, &compiled, saved)?;
    }
    Ok(model)
}

/// Fails if the file left a weight without a value.
pub(super) fn check_values(model: &dyn Model) -> Result<()> {
    match model.weights().iter().find(|w| !w.variable.is_initialized()) {
        Some(w) => Err(err!(Corrupt, "weight '{}': expected a value in the file, found none", w.path())),
        None => Ok(()),
    }
}

/// Makes the optimizer's state and sets its variables: all of them, or count and rate alone if it had not been used.
fn restore_optimizer(model: &dyn Model, compiled: &Compiled, saved: &Saved) -> Result<()> {
    let optimizer = &compiled.optimizer;
    let unused = optimizer.variables();
    if model.input_shapes().is_some() {
        optimizer.build(&model.trainable_weights())?;
    }
    let variables = if saved.len() == unused.len() { unused } else { optimizer.variables() };
    assign("optimizer", &variables, saved)
        .map_err(|e| e.help("load the model without compiling it, and compile it anew"))
}

/// Loads weights into a model from a `.weights.h5`, `.keras` or older `.h5` file.
///
/// # Errors
/// `not_found`, `io`, `corrupt` and their likes; `shape_mismatch` and `invalid_argument` for weights of another model.
pub fn load_weights(model: &dyn Model, path: &Path) -> Result<()> {
    load_weights_with(model, path, &WeightOptions::default()).map(|_| ())
}

/// The same with options; says which weights were left out.
///
/// # Errors
/// As [`Model::load_weights`]; `invalid_argument` for weights by name from a file that has them by path.
pub fn load_weights_with(model: &dyn Model, path: &Path, options: &WeightOptions) -> Result<Vec<String>> {
    model.check_built()?;
    let place = |e: Error| e.within(path.display().to_string());
    match format::read_weights_of_any(path, &Limits::default())? {
        WeightFile::Paths(_) if options.by_name => Err(place(
            err!(InvalidArgument, "by_name: expected a file of layers by name (.h5), found one of layers by path")
                .help("load it without by_name; layers are found by their places in the model"),
        )),
        WeightFile::Paths(weights) => {
            let mut left_out = Vec::new();
            let skipped = options.skip_mismatch.then_some(&mut left_out);
            restore_or_skip(model, "", &weights, skipped).map_err(place)?;
            Ok(left_out)
        }
        WeightFile::Layers(file) => match &file.legacy {
            Some(legacy) => super::legacy::load_weights(model, &file, legacy, options).map_err(place),
            None => Err(place(err!(Internal, "an older file without layers"))),
        },
    }
}

fn restore(layer: &dyn Layer, path: &str, store: &WeightStore) -> Result<()> {
    restore_or_skip(layer, path, store, None)
}

/// Gives layers their weights; with a list of what was left out, weights that do not fit are added to it.
fn restore_or_skip(
    layer: &dyn Layer,
    path: &str,
    store: &WeightStore,
    mut skipped: Option<&mut Vec<String>>,
) -> Result<()> {
    match (restore_own(layer, path, store), &mut skipped) {
        (Err(error), Some(skipped)) => skipped.push(error.to_string()),
        (result, _) => result?,
    }
    layer
        .parts()
        .iter()
        .try_for_each(|(place, part)| restore_or_skip(&**part, &joined(path, place), store, skipped.as_deref_mut()))
}

fn restore_own(layer: &dyn Layer, path: &str, store: &WeightStore) -> Result<()> {
    let own: Vec<Variable> = layer.base().weights().iter().map(|w| w.variable.clone()).collect();
    match store.get(path) {
        Some(saved) => {
            let is_weight = |key: &str| key.bytes().all(|b| b.is_ascii_digit());
            let named = saved.iter().filter(|(key, _)| !is_weight(key));
            let named: Vec<(String, Array)> = named.map(|(key, array)| (key.to_owned(), array.clone())).collect();
            if named.is_empty() {
                assign(path, &own, saved)?;
            } else {
                layer.load_own_variables(&named)?;
                let weights = saved.iter().filter(|(key, _)| is_weight(key)).map(|(_, array)| array.clone());
                assign(path, &own, &Saved::new(layer.name(), weights))?;
            }
            layer.base().adapter().map_or(Ok(()), Adapter::clear)?;
        }
        None if own.is_empty() => {}
        None => return Err(missing(layer, path)),
    }
    Ok(())
}

fn missing(layer: &dyn Layer, path: &str) -> Error {
    let expected = layer.base().weights().len();
    err!(Corrupt, "weights of layer '{}': expected {expected} at {path}, found none", layer.name())
}

/// Sets variables to what was saved, once all of it fits.
pub(crate) fn assign(path: &str, variables: &[Variable], saved: &Saved) -> Result<()> {
    if saved.len() != variables.len() {
        let (expected, found) = (variables.len(), saved.len());
        return Err(err!(InvalidArgument, "{path}: expected {expected} variables, found {found}")
            .help("the file belongs to another model"));
    }
    let mut values = Vec::with_capacity(variables.len());
    for (variable, value) in variables.iter().zip(saved.arrays()) {
        if variable.shape() != value.shape() {
            return Err(err!(ShapeMismatch, "{path}: expected {}, found {}", variable.shape(), value.shape())
                .operand("variable", variable.name())
                .help("the file belongs to another model"));
        }
        values.push(value.cast(variable.dtype())?);
    }
    variables.iter().zip(values).try_for_each(|(variable, value)| variable.set(value))
}
