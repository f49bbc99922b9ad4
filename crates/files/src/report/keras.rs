//! Keras models: `.keras`, and whole models in `.h5`.

use std::path::Path;

use cornet_error::{Limits, Result};
use cornet_format_keras::{KerasFile, read};
use cornet_tensor::Array;
use serde_json::{Value, json};

use super::{Content, signatures_json, signatures_text};
use crate::detect::Format;
use crate::open::{OpenOptions, open};
use crate::text::{bytes, columns, grouped, shown};

/// The model's class, layers, variables and training.
pub fn model(path: &Path, format: Format, limits: &Limits) -> Result<Content> {
    let file = read(path, limits)?;
    let variables = variables(&file);
    let mut sections = vec![heading(&file)];
    let layers = layers(&file.config);
    if !layers.is_empty() {
        let row = |l: &&Value| vec![format!("  {}", word(&l["config"]["name"])), word(&l["class_name"]), brief(l)];
        sections.push(format!("layers\n{}", columns(&layers.iter().map(row).collect::<Vec<_>>())));
    }
    if !variables.is_empty() {
        let row = |(name, a): &(String, Array)| {
            vec![format!("  {}", shown(name)), a.dtype().to_string(), a.shape().to_string()]
        };
        sections.push(format!("variables\n{}", columns(&variables.iter().map(row).collect::<Vec<_>>())));
    }
    sections.push(totals(&variables));
    // What the model takes and gives, as it runs here; or why it does not.
    let program = match format.has_layers() {
        true => Some(open(path, &OpenOptions::new().limits(*limits))),
        false => None,
    };
    match &program {
        Some(Ok(program)) => sections.insert(1, signatures_text(program.signatures())),
        Some(Err(error)) => sections.push(format!("does not run here: {error}")),
        None => {}
    }
    let text = sections.join("\n");
    let listed: Vec<Value> = variables
        .iter()
        .map(|(name, a)| json!({"path": name, "dtype": a.dtype().name(), "shape": a.shape().as_slice()}))
        .collect();
    let json = json!({
        "keras_version": file.metadata.keras_version,
        "date_saved": file.metadata.date_saved,
        "config": file.config,
        "variables": listed,
        "parameters": variables.iter().filter(|(p, _)| !p.starts_with("optimizer")).map(|(_, a)| a.elements()).sum::<usize>(),
        "signatures": program.as_ref().and_then(|p| p.as_ref().ok()).map(|p| signatures_json(p.signatures())),
        "unsupported": program.as_ref().and_then(|p| p.as_ref().err()).map(ToString::to_string),
        "assets": file.assets.keys().collect::<Vec<_>>(),
    });
    Ok(Content { text, json })
}

fn heading(file: &KerasFile) -> String {
    let what = match (&file.config, file.legacy.is_some()) {
        (Value::Null, _) => "Keras weights in HDF5".to_string(),
        (config, is_legacy) => {
            let kind = if is_legacy { "Keras model in HDF5" } else { "Keras model" };
            format!("{kind}: {} '{}'", word(&config["class_name"]), word(&config["config"]["name"]))
        }
    };
    let mut rows = vec![vec!["kind".to_string(), what]];
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            rows.push(vec![name.to_string(), value]);
        }
    };
    fact("Keras", shown(&file.metadata.keras_version));
    fact("saved", shown(&file.metadata.date_saved).replace('@', " "));
    let training = match &file.legacy {
        Some(legacy) => &legacy.training_config,
        None => &file.config["compile_config"],
    };
    if training.is_object() {
        let optimizer = &training["optimizer"];
        let optimizer = if optimizer.is_null() { &training["optimizer_config"] } else { optimizer };
        fact("compiled", format!("optimizer {}, loss {}", title(optimizer), title(&training["loss"])));
        fact("metrics", title(&training["metrics"]));
    }
    fact("assets", file.assets.keys().map(|k| shown(k)).collect::<Vec<_>>().join(", "));
    columns(&rows)
}

/// Every variable by path, whichever kind of file.
fn variables(file: &KerasFile) -> Vec<(String, Array)> {
    let mut all = Vec::new();
    for (path, saved) in file.weights.iter() {
        all.extend(saved.iter().map(|(key, array)| (format!("{path}/vars/{key}"), array.clone())));
    }
    if let Some(legacy) = &file.legacy {
        all.extend(legacy.layers.iter().flat_map(|l| l.weights.iter().cloned()));
        all.extend(legacy.top_level.iter().cloned());
        all.extend(legacy.optimizer.iter().map(|(name, a)| (format!("optimizer/{name}"), a.clone())));
    }
    all
}

fn totals(variables: &[(String, Array)]) -> String {
    let count = |of_optimizer: bool| {
        let chosen = variables.iter().filter(|(path, _)| path.starts_with("optimizer") == of_optimizer);
        chosen.fold((0, 0), |(n, b), (_, a)| (n + a.elements() as u64, b + (a.elements() * a.dtype().size()) as u64))
    };
    let ((model, model_bytes), (optimizer, optimizer_bytes)) = (count(false), count(true));
    let mut text = format!("parameters {} ({})", grouped(model), bytes(model_bytes));
    if optimizer > 0 {
        text.push_str(&format!(", optimizer {} ({})", grouped(optimizer), bytes(optimizer_bytes)));
    }
    text
}

/// The layers of a config, a model's own; none if it has no list.
fn layers(config: &Value) -> Vec<&Value> {
    let list = if config["config"].is_array() { &config["config"] } else { &config["config"]["layers"] };
    list.as_array().map(|l| l.iter().collect()).unwrap_or_default()
}

/// The arguments of a layer that say most about it.
fn brief(layer: &Value) -> String {
    const TELLING: [&str; 14] = [
        "batch_shape",
        "batch_input_shape",
        "units",
        "filters",
        "kernel_size",
        "pool_size",
        "strides",
        "padding",
        "activation",
        "rate",
        "input_dim",
        "output_dim",
        "target_shape",
        "axis",
    ];
    let config = &layer["config"];
    let known = TELLING.iter().filter(|key| !config[**key].is_null());
    known.map(|key| format!("{key}={}", title(&config[*key]))).collect::<Vec<_>>().join(" ")
}

/// A text, as it may be shown; `?` if there is none.
fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| "?".into(), shown)
}

/// What stands for a value in one word: its text, the name of its class, or itself.
fn title(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => shown(text),
        Value::Array(items) => {
            let inner = items.iter().map(|v| if v.is_null() { "None".into() } else { title(v) }).collect::<Vec<_>>();
            format!("({})", shown(&inner.join(", ")))
        }
        Value::Object(fields) => match fields.get("class_name").and_then(Value::as_str) {
            Some("function") => fields.get("config").map(title).unwrap_or_default(),
            Some(class) => shown(class),
            None => shown(&value.to_string()),
        },
        other => other.to_string(),
    }
}
