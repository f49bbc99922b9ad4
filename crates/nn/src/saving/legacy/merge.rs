//! Keras 1's `Merge`, which is a layer of its own today for each of its modes.

use cornet_error::{Result, err, fail};
use serde_json::{Map, Value, json};

use super::model::Translator;
use crate::saving::config::brief;

impl Translator {
    /// A `Merge` that tensors are given to.
    pub(super) fn merge(&self, config: &Map<String, Value>, name: &Value) -> Result<Value> {
        let place = name.as_str().unwrap_or("merge").to_owned();
        let is_code = ["mode_type", "output_shape_type", "output_mask_type"];
        if is_code.iter().any(|key| config.get(*key).is_some_and(|kind| kind != "raw")) {
            return Err(err!(
                Unsafe,
                "layer '{place}': a Merge with a function is Python code, which Cornet does not run"
            )
            .help("make the model anew with a layer in its place"));
        }
        let mut arguments = Map::new();
        arguments.insert("name".into(), name.clone());
        let class = match config.get("mode").and_then(Value::as_str).unwrap_or("sum") {
            "sum" => "Add",
            "mul" => "Multiply",
            "ave" => "Average",
            "max" => "Maximum",
            "concat" => {
                arguments.insert("axis".into(), config.get("concat_axis").cloned().unwrap_or(json!(-1)));
                "Concatenate"
            }
            "dot" => {
                arguments.insert("axes".into(), config.get("dot_axes").cloned().unwrap_or(json!(-1)));
                "Dot"
            }
            mode => {
                return Err(err!(
                    Unsupported,
                    "layer '{place}': expected a mode of sum, mul, ave, max, concat or dot, found '{mode}'"
                )
                .help("make the model anew with a layer in its place"));
            }
        };
        Ok(json!({"module": "keras.layers", "class_name": class, "config": arguments, "registered_name": null}))
    }

    /// A sequence that begins with a `Merge` of other models: a functional model, whose inputs are theirs.
    pub(super) fn merged_sequential(
        &self,
        merge: &Value,
        rest: &[Value],
        config: &Value,
        depth: usize,
    ) -> Result<Value> {
        let Some(branches) = merge["config"]["layers"].as_array() else {
            fail!(Corrupt, "Merge: expected a list of models, found {}", brief(&merge["config"]["layers"]));
        };
        let merged = merge["config"]["name"].as_str().unwrap_or("merge");
        let tensor = |name: &str| json!({"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}});
        let (mut layers, mut entries, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        let mut put = |mut object: Value, name: &str, inputs: Vec<Value>| {
            object["name"] = name.into();
            object["config"]["name"] = name.into();
            object["inbound_nodes"] = match inputs.is_empty() {
                true => json!([]),
                false => json!([{"args": inputs, "kwargs": {}}]),
            };
            layers.push(object);
        };
        for (index, branch) in branches.iter().enumerate() {
            let own = branch["config"]["name"].as_str().or_else(|| branch["name"].as_str());
            let name = own.map_or_else(|| format!("{merged}_branch_{index}"), str::to_owned);
            let Some(entry) = self.entry_of(branch) else {
                return Err(err!(Unsupported, "Merge: expected models of one input each, found {}", brief(branch))
                    .help("make the model anew as a functional one"));
            };
            let entry_name = format!("{name}_input");
            put(entry, &entry_name, Vec::new());
            put(self.any(branch, depth + 1)?, &name, vec![tensor(&entry_name)]);
            entries.push(json!([entry_name, 0, 0]));
            parts.push(tensor(&name));
        }
        let arguments = merge["config"].as_object().cloned().unwrap_or_default();
        put(self.merge(&arguments, &merged.into())?, merged, vec![parts.into()]);
        let mut last = merged.to_owned();
        for layer in rest {
            let name = layer["config"]["name"].as_str().unwrap_or_default();
            if name.is_empty() {
                fail!(Corrupt, "Sequential: expected a name for each layer, found {}", brief(layer));
            }
            put(self.any(layer, depth + 1)?, name, vec![tensor(&last)]);
            last = name.to_owned();
        }
        // A functional model's output is counted from 1 where a functional model gives it.
        let is_functional =
            rest.last().is_some_and(|layer| super::model::FUNCTIONAL.iter().any(|c| layer["class_name"] == *c));
        let mut made = Map::new();
        if let Some(name) = config.get("name") {
            made.insert("name".into(), name.clone());
        }
        made.insert("layers".into(), layers.into());
        made.insert("input_layers".into(), entries.into());
        made.insert("output_layers".into(), json!([[last, u64::from(is_functional), 0]]));
        Ok(json!({
            "module": "keras.src.models.functional", "class_name": "Functional", "config": made,
            "registered_name": "Functional",
        }))
    }
}
