//! Writing `.h5` files as Keras 3 does, in words that Keras 2 understands too where both have them.

use std::collections::HashSet;
use std::path::Path;

use cornet_error::{Result, err};
use cornet_format_keras::{KerasFile, Legacy, LegacyLayer, Metadata, WeightStore, write_legacy};
use cornet_ops::Variable;
use cornet_tensor::Array;
use serde_json::{Map, Value, json};

use super::weights::in_older_order;
use crate::activations::OLDER_HARD_SIGMOID;
use crate::layers::{Adapter, Layer, operation};
use crate::models::Model;
use crate::saving::file::model_to_json;

/// Arguments that only Keras 3 has; without them a layer is as with null.
const NEW_WITHOUT_EFFECT: &[&str] =
    &["gradient_accumulation_steps", "input_axes", "loss_scale_factor", "output_axes", "quantization_config"];

/// Arguments that only Keras 3 has; without them a layer is as with false.
const NEW_SWITCHES: &[&str] = &["optional", "zero_output_for_mask", "use_gate", "flash_attention", "rms_scaling"];

/// Short names of losses and metrics, which Keras 3 does not find again in its own `.h5` files.
const FULL_NAMES: &[(&str, &str)] = &[
    ("bce", "binary_crossentropy"),
    ("kld", "kl_divergence"),
    ("mae", "mean_absolute_error"),
    ("mape", "mean_absolute_percentage_error"),
    ("mse", "mean_squared_error"),
    ("msle", "mean_squared_logarithmic_error"),
];

/// Keras 3's words for arguments that Keras 2 has others for, by class.
const WORDS_OF_KERAS_2: &[(&str, &str, &str)] = &[("LeakyReLU", "negative_slope", "alpha")];

/// The inputs that a layer takes one by one, after the first: Keras 2 writes them by name.
const INPUT_NAMES: &[(&str, &[&str])] = &[("MultiHeadAttention", &["value", "key"])];

/// The version of Keras 2 whose files these are.
const KERAS_2_VERSION: &str = "2.21.0";

/// Fails for an activation that Keras 2 has under the same name and computes otherwise.
fn check_activations(config: &Value) -> Result<()> {
    match config {
        Value::Object(map) => {
            map.iter().try_for_each(|(key, value)| match key.ends_with("activation") && value == "hard_sigmoid" {
                true => {
                    Err(err!(Unsupported, "{key}: hard_sigmoid of Keras 3 is another function than that of Keras 2")
                        .help("save the model for Keras 3"))
                }
                false => check_activations(value),
            })
        }
        Value::Array(list) => list.iter().try_for_each(check_activations),
        _ => Ok(()),
    }
}

/// For whom a `.h5` file is written.
#[derive(Clone, Debug, Default)]
pub struct H5Options {
    for_keras_2: bool,
}

impl H5Options {
    /// For Keras 3. Keras 2 opens it too, if no model is a layer of the model and every class and argument is older.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the file is for Keras 2 (tf_keras) instead, which counts the calls of models that are layers in another
    /// way. Keras 3 does not open such models.
    #[must_use]
    pub fn for_keras_2(mut self, for_keras_2: bool) -> Self {
        self.for_keras_2 = for_keras_2;
        self
    }
}

/// Saves a model as a `.h5` file: config, weights, and how it is trained, with the optimizer's state.
///
/// # Errors
/// `invalid_state` for a model that is not built; `unsupported` for closures without a name; `io`, `not_found`,
/// `permission_denied`.
pub fn save_h5(model: &dyn Model, path: &Path, options: &H5Options) -> Result<()> {
    model.check_built()?;
    let writer = Writer { for_keras_2: options.for_keras_2 };
    let mut object = model_to_json(model)?;
    let compile = object.get_mut("compile_config").map(Value::take).unwrap_or(Value::Null);
    let config = json!({"class_name": object["class_name"], "config": writer.arguments(&object["config"])});
    let mut legacy = Legacy { backend: "tensorflow".into(), ..Legacy::default() };
    legacy.training_config = writer.training(&compile);
    for layer in model.layers() {
        legacy.layers.push(LegacyLayer { name: layer.name().to_owned(), weights: weights(&*layer)? });
    }
    // Entries are layers of a functional model, too.
    let entries = config["config"]["layers"].as_array().map_or(&[][..], Vec::as_slice);
    let is_entry = |layer: &&Value| layer["class_name"] == "InputLayer" && object["class_name"] == "Functional";
    for (place, entry) in entries.iter().filter(is_entry).enumerate() {
        let name = entry["config"]["name"].as_str().unwrap_or_default();
        if legacy.layers.iter().all(|layer| layer.name != name) {
            legacy.layers.insert(place, LegacyLayer { name: name.to_owned(), weights: Vec::new() });
        }
    }
    if let Some(compiled) = model.trainer().compiled() {
        let mut variables = compiled.optimizer.variables();
        if options.for_keras_2 {
            // Keras 2 has the learning rate in the config alone.
            variables.retain(|variable| !variable.name().ends_with("/learning_rate"));
        }
        legacy.optimizer = named(&variables)?;
    }
    let mut metadata = Metadata { date_saved: String::new(), ..Metadata::now() };
    if options.for_keras_2 {
        metadata.keras_version = KERAS_2_VERSION.into();
        check_activations(&object["config"])?;
    }
    let (weights, assets) = (WeightStore::default(), Default::default());
    write_legacy(path, &KerasFile { metadata, config, weights, assets, legacy: Some(legacy) })
}

/// Names and values of a layer's weights in the order of older files.
fn weights(layer: &dyn Layer) -> Result<Vec<(String, Array)>> {
    let variables: Vec<Variable> = in_older_order(layer).into_iter().map(|target| target.variable).collect();
    let mut found = named(&variables)?;
    merge_adapters(layer, &variables, &mut found)?;
    Ok(found)
}

/// What low-rank factors add becomes part of the kernel, as in Keras.
fn merge_adapters(layer: &dyn Layer, variables: &[Variable], found: &mut [(String, Array)]) -> Result<()> {
    if let (Some(adapter), Some(kernel)) = (layer.base().adapter(), layer.base().weights().get(Adapter::PLACE))
        && let Some(at) = variables.iter().position(|variable| variable.id() == kernel.variable.id())
    {
        found[at].1 = adapter.merged(&kernel.variable).array()?.cast(kernel.variable.dtype())?;
    }
    layer.parts().iter().try_for_each(|(_, part)| merge_adapters(&**part, variables, found))
}

/// Variables by their names, with numbers from the second of a name on.
fn named(variables: &[Variable]) -> Result<Vec<(String, Array)>> {
    let mut taken = HashSet::new();
    let unique = |name: &str| {
        let numbered = (0..).map(|n| if n == 0 { name.to_owned() } else { format!("{name}_{n}") });
        numbered.into_iter().find(|name| taken.insert(name.clone())).unwrap_or_default()
    };
    let names: Vec<String> = variables.iter().map(Variable::name).map(unique).collect();
    names.into_iter().zip(variables).map(|(name, variable)| Ok((name, variable.value()?))).collect()
}

struct Writer {
    for_keras_2: bool,
}

impl Writer {
    /// A layer of a model: class and config, and where it is called.
    fn layer(&self, object: &Value) -> Value {
        let mut made = Map::new();
        let class = &object["class_name"];
        let registered = object["registered_name"].as_str().filter(|_| *class != "Functional");
        made.insert("class_name".into(), registered.map_or_else(|| class.clone(), Value::from));
        let mut config = self.arguments(&object["config"]);
        if let (true, Some(config)) = (self.for_keras_2, config.as_object_mut()) {
            for (_, newer, older) in WORDS_OF_KERAS_2.iter().filter(|(of, ..)| class == of) {
                if let Some(value) = config.remove(*newer) {
                    config.insert((*older).into(), value);
                }
            }
            if class == "MultiHeadAttention" {
                // It asks for the shapes it was built for, and builds itself later without them.
                config.extend(["query_shape", "key_shape", "value_shape"].map(|key| (key.to_owned(), Value::Null)));
            }
        }
        made.insert("config".into(), config);
        if object["module"].as_str().is_some_and(operation::is_module) {
            // An op has the name of a layer; only its module tells them apart.
            for key in ["module", "class_name", "registered_name", "config"] {
                made.insert(key.into(), object[key].clone());
            }
        }
        for key in ["name", "inbound_nodes"] {
            if let Some(found) = object.get(key) {
                made.insert(key.into(), found.clone());
            }
        }
        made.into()
    }

    /// The arguments of a model or a layer, with those of the layers inside.
    fn arguments(&self, config: &Value) -> Value {
        let Some(config) = config.as_object() else { return config.clone() };
        let mut made = Map::new();
        let is_recurrent = config.contains_key("recurrent_dropout");
        for (key, value) in config {
            let is_new = value.is_null()
                && (NEW_WITHOUT_EFFECT.contains(&key.as_str()) || key == "seed" && is_recurrent)
                || *value == json!(false) && NEW_SWITCHES.contains(&key.as_str())
                || self.for_keras_2 && value.is_null() && key != "merge_mode";
            if is_new {
                continue;
            }
            let is_older_function = || value["config"] == OLDER_HARD_SIGMOID && value["class_name"] == "function";
            let value = match (key.as_str(), value) {
                (_, Value::Object(_)) if self.for_keras_2 && is_older_function() => "hard_sigmoid".into(),
                ("layers", Value::Array(layers)) if layers.iter().all(|layer| layer["class_name"].is_string()) => {
                    layers.iter().map(|layer| self.layer(layer)).collect()
                }
                ("dtype", Value::Object(policy)) if policy.get("class_name").is_some_and(|c| c == "DTypePolicy") => {
                    value["config"]["name"].clone()
                }
                ("cells", Value::Array(cells)) => cells.iter().map(|cell| self.part(cell)).collect(),
                (_, Value::Object(object)) if object.contains_key("class_name") => self.part(value),
                _ => value.clone(),
            };
            let key = if key == "batch_shape" { "batch_input_shape" } else { key };
            made.insert(key.into(), value);
        }
        self.connect(&mut made);
        made.into()
    }

    /// An object in an argument keeps its module.
    fn part(&self, object: &Value) -> Value {
        let mut made = object.clone();
        if object["config"].is_object() {
            made["config"] = self.arguments(&object["config"]);
        }
        made
    }

    /// Calls that have tensors alone, in the words of Keras 2. Models that are layers, whose calls the two count in
    /// different ways, are called as each of them counts.
    fn connect(&self, config: &mut Map<String, Value>) {
        let Some(Value::Array(layers)) = config.get_mut("layers") else { return };
        let is_model = |layer: &&Value| layer["config"]["layers"].is_array() && layer["class_name"] != "InputLayer";
        let models: HashSet<String> =
            layers.iter().filter(is_model).filter_map(|layer| layer["name"].as_str()).map(str::to_owned).collect();
        let sequential: HashSet<String> = layers
            .iter()
            .filter(|layer| layer["class_name"] == "Sequential")
            .filter_map(|layer| layer["name"].as_str())
            .map(str::to_owned)
            .collect();
        for layer in layers.iter_mut().filter(|layer| layer.get("module").is_none()) {
            let names = INPUT_NAMES.iter().find(|(class, _)| layer["class_name"] == *class).map_or(&[][..], |(_, n)| n);
            let Some(Value::Array(calls)) = layer.get_mut("inbound_nodes") else { continue };
            let older: Option<Vec<Value>> = calls.iter().map(|call| self.older_call(call, &models, names)).collect();
            if let Some(older) = older {
                *calls = older;
            }
        }
        if let (true, Some(ends)) = (self.for_keras_2, config.get_mut("output_layers")) {
            count_from_one(ends, &sequential);
        }
    }

    /// `[[layer, call, output, {arguments}], …]`.
    fn older_call(&self, call: &Value, models: &HashSet<String>, names: &[&str]) -> Option<Value> {
        let mut values = Map::new();
        for (key, value) in call["kwargs"].as_object()? {
            match value {
                Value::Null => {}
                Value::Bool(_) | Value::Number(_) => {
                    values.insert(key.clone(), value.clone());
                }
                _ => return None,
            }
        }
        let place = |tensor: &Value| match tensor["config"]["keras_history"].as_array()?.as_slice() {
            [Value::String(name), index, output] => match (models.contains(name), self.for_keras_2) {
                (false, _) => Some(json!([name, index, output])),
                (true, true) => Some(json!([name, index.as_u64()? + 1, output])),
                (true, false) => None,
            },
            _ => None,
        };
        let tensors = match call["args"].as_array()?.as_slice() {
            [Value::Array(several)] => several.as_slice(),
            [one, rest @ ..] if rest.len() <= names.len() && (rest.is_empty() || self.for_keras_2) => {
                for (name, tensor) in names.iter().zip(rest) {
                    values.insert((*name).into(), place(tensor)?);
                }
                std::slice::from_ref(one)
            }
            _ => return None,
        };
        let with_values = |tensor: &Value| {
            let mut place = place(tensor)?;
            place.as_array_mut()?.push(Value::Object(values.clone()));
            Some(place)
        };
        tensors.iter().map(with_values).collect()
    }

    /// How a model is compiled, in the words of older files.
    fn training(&self, compile: &Value) -> Value {
        let Some(compile) = compile.as_object().filter(|compile| !compile.is_empty()) else { return Value::Null };
        let mut made = Map::new();
        for (key, value) in compile {
            match key.as_str() {
                "optimizer" if value.is_object() => {
                    let class = value["registered_name"].as_str().or_else(|| value["class_name"].as_str());
                    // Under the bare names Keras 2 has optimizers of before, which keep other state.
                    let prefix = if self.for_keras_2 { "Custom>" } else { "" };
                    let class = class.map(|class| format!("{prefix}{class}"));
                    let older = json!({"class_name": class, "config": self.arguments(&value["config"])});
                    made.insert("optimizer_config".into(), older);
                }
                "optimizer" => {}
                _ => {
                    made.insert(key.clone(), self.without_modules(value));
                }
            }
        }
        made.into()
    }

    /// Losses and metrics as class and config alone.
    fn without_modules(&self, value: &Value) -> Value {
        match value {
            Value::Object(object) if object.contains_key("class_name") => {
                if object.get("class_name").is_some_and(|class| class == "function") {
                    return object.get("config").cloned().unwrap_or(Value::Null);
                }
                let registered = object.get("registered_name").filter(|name| name.is_string());
                let class = registered.or(object.get("class_name")).cloned();
                let config = object.get("config").map(|config| self.arguments(config));
                json!({"class_name": class, "config": config})
            }
            Value::Object(map) => {
                map.iter().map(|(key, inner)| (key.clone(), self.without_modules(inner))).collect::<Map<_, _>>().into()
            }
            Value::Array(list) => list.iter().map(|inner| self.without_modules(inner)).collect(),
            Value::String(name) => {
                let full = FULL_NAMES.iter().find(|(short, _)| name.eq_ignore_ascii_case(short));
                full.map_or(name.as_str(), |(_, full)| full).into()
            }
            other => other.clone(),
        }
    }
}

/// Keras 2 counts the calls of every model from 1; those of functional ones are written so already.
fn count_from_one(ends: &mut Value, sequential: &HashSet<String>) {
    match ends {
        Value::Array(parts)
            if parts.len() == 3
                && parts[0].is_string()
                && parts[0].as_str().is_some_and(|name| sequential.contains(name)) =>
        {
            parts[1] = parts[1].as_u64().map_or(Value::Null, |call| (call + 1).into());
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| count_from_one(inner, sequential)),
        Value::Object(map) => map.values_mut().for_each(|inner| count_from_one(inner, sequential)),
        _ => {}
    }
}
