//! The config of a model of Keras 1 or 2 as Keras 3 has it, and that of Keras 3's own `.h5`, which leaves out modules.

use std::collections::BTreeMap;

use cornet_error::{Limits, Result, err, fail};
use serde_json::{Map, Value, json};

use super::Generation;
use super::objects::plain;
use crate::saving::config::brief;

/// How deep models may be nested in models, and structures in calls.
const DEPTH_MAX: usize = 32;

/// Names of the classes of functional models.
pub(super) const FUNCTIONAL: [&str; 4] = ["Container", "Functional", "Model", "Network"];

/// Makes today's configs of older ones.
pub(super) struct Translator {
    pub generation: Generation,
}

impl Translator {
    /// A model or a layer.
    pub(super) fn any(&self, object: &Value, depth: usize) -> Result<Value> {
        Limits::check("models in models", depth as u64, DEPTH_MAX as u64)?;
        match object["class_name"].as_str() {
            Some("Sequential") => self.sequential(object, depth),
            Some(class) if FUNCTIONAL.contains(&class) && object["config"]["layers"].is_array() => {
                self.functional(object, depth)
            }
            Some(_) => self.layer(object, depth),
            None => fail!(Corrupt, "expected an object with class_name and config, found {}", brief(object)),
        }
    }

    fn sequential(&self, object: &Value, depth: usize) -> Result<Value> {
        let config = &object["config"];
        // A list in Keras 1 and early 2, an object with a name later.
        let layers = config.as_array().or_else(|| config["layers"].as_array());
        let Some(layers) = layers else {
            fail!(Corrupt, "Sequential: expected a list of layers, found {}", brief(config));
        };
        if let Some(first) = layers.first().filter(|first| first["class_name"] == "Merge") {
            return self.merged_sequential(first, &layers[1..], config, depth);
        }
        let mut made = Vec::with_capacity(layers.len() + 1);
        if let Some(first) = layers.first().filter(|first| first["class_name"] != "InputLayer") {
            made.extend(self.entry_of(first));
        }
        for layer in layers {
            made.push(self.any(layer, depth + 1)?);
        }
        let mut arguments = common(config);
        arguments.insert("layers".into(), made.into());
        if let Some(shape) = config.get("build_input_shape").filter(|shape| shape.is_array()) {
            arguments.insert("build_input_shape".into(), shape.clone());
        }
        Ok(json!({"module": "keras", "class_name": "Sequential", "config": arguments, "registered_name": null}))
    }

    /// The entry that the first layer of a sequence describes.
    pub(super) fn entry_of(&self, first: &Value) -> Option<Value> {
        let (shape, dtype) = entry_shape(first, 0)?;
        let name = first["config"]["name"].as_str().or_else(|| first["name"].as_str()).unwrap_or("sequential");
        let config = json!({"batch_shape": shape, "dtype": dtype, "name": format!("{name}_input")});
        config.as_object().map(|config| self.entry(config))
    }

    fn functional(&self, object: &Value, depth: usize) -> Result<Value> {
        let config = &object["config"];
        let layers = config["layers"].as_array().map_or(&[][..], Vec::as_slice);
        let offsets = Offsets::of(layers, config);
        let mut made = Vec::with_capacity(layers.len());
        for layer in layers {
            let name = layer["name"].as_str().or_else(|| layer["config"]["name"].as_str());
            let Some(name) = name else { fail!(Corrupt, "layers: expected a name for each, found {}", brief(layer)) };
            let mut object = self.any(layer, depth + 1)?;
            let calls = layer["inbound_nodes"].as_array().map_or(&[][..], Vec::as_slice);
            let calls = calls.iter().map(|call| offsets.call(call)).collect::<Result<Vec<_>>>()?;
            object["name"] = name.into();
            object["inbound_nodes"] = calls.into();
            made.push(object);
        }
        let mut arguments = common(config);
        arguments.insert("layers".into(), made.into());
        arguments.insert("input_layers".into(), offsets.ends(&config["input_layers"], 0)?);
        arguments.insert("output_layers".into(), offsets.ends(&config["output_layers"], 0)?);
        Ok(json!({
            "module": "keras.src.models.functional", "class_name": "Functional", "config": arguments,
            "registered_name": "Functional",
        }))
    }
}

/// Name, dtype and whether it is trained, of a model's config.
fn common(config: &Value) -> Map<String, Value> {
    let mut made = Map::new();
    for key in ["name", "trainable", "dtype"] {
        if let Some(found) = config.get(key).filter(|found| !found.is_null()) {
            made.insert(key.into(), if key == "dtype" { super::objects::dtype(found) } else { found.clone() });
        }
    }
    made
}

/// What the first layer of a sequence says of its input: shape and dtype.
fn entry_shape(layer: &Value, depth: usize) -> Option<(Value, Value)> {
    let config = &layer["config"];
    let class = layer["class_name"].as_str().unwrap_or_default();
    let get = |key: &str| config.get(key).filter(|found| !found.is_null()).cloned();
    let shape = get("batch_input_shape").or_else(|| get("batch_shape")).map(plain);
    let of_inner = || {
        let layers = config.as_array().or_else(|| config["layers"].as_array())?;
        (depth < DEPTH_MAX).then(|| entry_shape(layers.first()?, depth + 1)).flatten()
    };
    if class == "Sequential" || FUNCTIONAL.contains(&class) {
        return shape.map(|shape| (shape, "float32".into())).or_else(of_inner);
    }
    // Keras 1 may give sizes alone.
    let (length, size) = (get("input_length"), get("input_dim"));
    let by_sizes = match class {
        "Embedding" => length.as_ref().map(|length| json!([null, length])),
        "Dense" | "MaxoutDense" => size.as_ref().map(|size| json!([null, size])),
        "LSTM" | "GRU" | "SimpleRNN" | "Convolution1D" => size.as_ref().map(|size| json!([null, length, size])),
        _ => None,
    };
    let dtype = get("input_dtype").or_else(|| get("dtype")).map(|found| super::objects::dtype(&found));
    let is_known = |name: &&Value| name.as_str().is_some_and(|name| !name.starts_with("mixed"));
    let dtype = dtype.filter(|name| is_known(&name)).unwrap_or_else(|| "float32".into());
    shape.or(by_sizes).map(|shape| (shape, dtype))
}

/// Where the calls of models that are layers begin to be counted: a model that had an input when it was made has a
/// call of its own, which Keras 1 and 2 count and do not save.
struct Offsets {
    first: BTreeMap<String, u64>,
    /// Functional models, whose calls Keras 3 counts from 1 where it names the outputs of a model.
    functional: Vec<String>,
    is_older: bool,
}

impl Offsets {
    fn of(layers: &[Value], config: &Value) -> Self {
        let mut calls: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let (mut functional, mut is_older, mut is_of_today) = (Vec::new(), false, false);
        for layer in layers {
            let class = layer["class_name"].as_str().unwrap_or_default();
            let is_functional = FUNCTIONAL.contains(&class);
            let Some(name) = layer["name"].as_str().or_else(|| layer["config"]["name"].as_str()) else { continue };
            let nodes = layer["inbound_nodes"].as_array().map_or(&[][..], Vec::as_slice);
            is_older |= nodes.iter().any(|node| !is_call_of_today(node));
            is_of_today |= nodes.iter().any(is_call_of_today);
            if is_functional || class == "Sequential" {
                calls.insert(name.to_owned(), (nodes.len() as u64, u64::from(is_functional)));
            }
            if is_functional {
                functional.push(name.to_owned());
            }
        }
        // A file that has calls of both kinds counts as today.
        let is_older = is_older && !is_of_today;
        let mut found: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut see = |name: &str, call: u64| {
            let bounds = found.entry(name.to_owned()).or_insert((call, call));
            *bounds = (bounds.0.min(call), bounds.1.max(call));
        };
        let nodes = layers.iter().filter_map(|layer| layer["inbound_nodes"].as_array()).flatten();
        nodes.chain([&config["output_layers"]]).for_each(|structure| references(structure, 0, &mut see));
        let mut first = BTreeMap::new();
        for (name, (count, usual)) in calls {
            let offset = match found.get(&name) {
                Some((0, _)) => 0,
                Some((_, most)) if *most >= count => 1,
                _ => usual,
            };
            first.insert(name, if is_older { offset } else { 0 });
        }
        Self { first, functional, is_older }
    }

    /// A call as Keras 3 writes it.
    fn call(&self, call: &Value) -> Result<Value> {
        if is_call_of_today(call) {
            return Ok(call.clone());
        }
        let (mut arguments, mut tensors) = (Map::new(), Vec::new());
        let structure = self.inputs(call, &mut arguments, &mut tensors, 0)?;
        let args = match tensors.len() {
            0 => return Err(err!(Corrupt, "inbound_nodes: expected tensors, found {}", brief(call))),
            1 if structure.as_array().is_some_and(|list| list.len() == 1) => structure,
            _ => json!([structure]),
        };
        let mut kwargs = Map::new();
        for (key, value) in arguments {
            if !value.is_null() {
                kwargs.insert(key, self.argument(&value, 0)?);
            }
        }
        Ok(json!({"args": args, "kwargs": kwargs}))
    }

    /// The inputs of a call: references to outputs, in lists or by name. The last part of a reference has the call's
    /// further arguments.
    fn inputs(
        &self,
        value: &Value,
        arguments: &mut Map<String, Value>,
        tensors: &mut Vec<()>,
        depth: usize,
    ) -> Result<Value> {
        Limits::check("levels of a call's inputs", depth as u64, DEPTH_MAX as u64)?;
        if let Some((name, call, output)) = reference(value) {
            if name == "_CONSTANT_VALUE" {
                return Err(err!(Unsupported, "inbound_nodes: expected tensors, found a constant in the place of one")
                    .help("make the constant an input of the model, or a layer of its own"));
            }
            if let Some(Value::Object(found)) = value.get(3) {
                arguments.extend(found.clone());
            }
            tensors.push(());
            return Ok(self.tensor(name, call, output));
        }
        match value {
            Value::Array(list) => list.iter().map(|inner| self.inputs(inner, arguments, tensors, depth + 1)).collect(),
            Value::Object(map) => {
                let inner = map.iter().map(|(k, v)| Ok((k.clone(), self.inputs(v, arguments, tensors, depth + 1)?)));
                Ok(Value::Object(inner.collect::<Result<_>>()?))
            }
            other => fail!(Corrupt, "inbound_nodes: expected layer, call and output, found {}", brief(other)),
        }
    }

    /// A further argument, which may be a tensor.
    fn argument(&self, value: &Value, depth: usize) -> Result<Value> {
        Limits::check("levels of a call's arguments", depth as u64, DEPTH_MAX as u64)?;
        if let Some((name, call, output)) = reference(value) {
            return Ok(self.tensor(name, call, output));
        }
        match value {
            Value::Array(list) => list.iter().map(|inner| self.argument(inner, depth + 1)).collect(),
            other => Ok(other.clone()),
        }
    }

    fn tensor(&self, name: &str, call: u64, output: u64) -> Value {
        let call = call.saturating_sub(self.first.get(name).copied().unwrap_or(0));
        json!({"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, output]}})
    }

    /// The model's inputs or outputs.
    fn ends(&self, value: &Value, depth: usize) -> Result<Value> {
        Limits::check("levels of a model's inputs", depth as u64, DEPTH_MAX as u64)?;
        if !self.is_older {
            return Ok(value.clone());
        }
        if let Some((name, call, output)) = reference(value) {
            let call = call.saturating_sub(self.first.get(name).copied().unwrap_or(0));
            let counted_from = u64::from(self.functional.iter().any(|known| known == name));
            return Ok(json!([name, call + counted_from, output]));
        }
        match value {
            Value::Array(list) => list.iter().map(|inner| self.ends(inner, depth + 1)).collect(),
            Value::Object(map) => {
                let inner = map.iter().map(|(key, v)| Ok((key.clone(), self.ends(v, depth + 1)?)));
                Ok(Value::Object(inner.collect::<Result<_>>()?))
            }
            other => fail!(Corrupt, "inputs and outputs: expected layer, call and output, found {}", brief(other)),
        }
    }
}

fn is_call_of_today(call: &Value) -> bool {
    call["args"].is_array() && call["kwargs"].is_object()
}

/// `[layer, call, output]`, with further arguments in the calls of older files.
fn reference(value: &Value) -> Option<(&str, u64, u64)> {
    match value.as_array()?.as_slice() {
        [Value::String(name), call, output] => Some((name, call.as_u64()?, output.as_u64()?)),
        [Value::String(name), call, output, Value::Object(_)] => {
            let call = if name == "_CONSTANT_VALUE" { 0 } else { call.as_u64()? };
            Some((name, call, output.as_u64().unwrap_or(0)))
        }
        _ => None,
    }
}

/// Shows every reference in a structure.
fn references(value: &Value, depth: usize, see: &mut impl FnMut(&str, u64)) {
    if depth > DEPTH_MAX {
        return;
    }
    if let Some((name, call, _)) = reference(value) {
        see(name, call);
        if let Some(Value::Object(arguments)) = value.get(3) {
            arguments.values().for_each(|inner| references(inner, depth + 1, see));
        }
        return;
    }
    match value {
        Value::Array(list) => list.iter().for_each(|inner| references(inner, depth + 1, see)),
        Value::Object(map) => map.values().for_each(|inner| references(inner, depth + 1, see)),
        _ => {}
    }
}
