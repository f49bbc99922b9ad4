//! Functional models in Keras's JSON.
//!
//! Source: Keras 3.15.1, `keras.src.models.functional`.

use std::collections::HashMap;
use std::sync::Arc;

use cornet_error::{Result, err, fail};
use serde_json::{Map, Value, json};
use smallvec::SmallVec;

use super::Functional;
use super::symbol::{Node, Place, Symbol, input_node, node, positional};
use crate::layers::operation::PLACE;
use crate::layers::registry::layer_from_json;
use crate::layers::{Arguments, InputLayer, Layer, LayerBase, layer_to_json};
use crate::saving::config::{Config, brief};

/// How deep the structures of arguments, inputs and outputs may be nested.
const DEPTH_MAX: usize = 16;

/// `layers`, `input_layers`, `output_layers`.
pub(super) fn write(model: &Functional) -> Map<String, Value> {
    let names = Names(model.call_indices());
    let mut layers = Vec::with_capacity(model.layers.len());
    for layer in &model.layers {
        let mut object = layer_to_json(&**layer);
        let calls = model.nodes.iter().filter(|node| Arc::ptr_eq(&node.layer, layer) && !node.inputs.is_empty());
        let calls: Vec<Value> = calls.map(|node| names.call(node)).collect();
        object["name"] = layer.name().into();
        object["inbound_nodes"] = calls.into();
        layers.push(object);
    }
    let (inputs, mut outputs) = match &model.structure {
        Some((inputs, outputs)) => (names.fill(inputs, &model.inputs), names.fill(outputs, &model.outputs)),
        None => (names.list(&model.inputs), names.list(&model.outputs)),
    };
    let is_functional = |name: &str| model.layers.iter().any(|l| l.name() == name && l.class_name() == "Functional");
    count_from_one(&mut outputs, &is_functional);
    let mut config = Map::new();
    config.insert("layers".into(), layers.into());
    config.insert("input_layers".into(), inputs);
    config.insert("output_layers".into(), outputs);
    config
}

/// Where Keras names the outputs of a model, it counts the calls of a functional model from 1.
fn count_from_one(ends: &mut Value, is_functional: &dyn Fn(&str) -> bool) {
    match ends {
        Value::Array(parts) if parts.len() == 3 && parts[0].is_string() => {
            if let (Some(name), Some(call)) = (parts[0].as_str(), parts[1].as_u64())
                && is_functional(name)
            {
                parts[1] = (call + 1).into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| count_from_one(inner, is_functional)),
        Value::Object(map) => map.values_mut().for_each(|inner| count_from_one(inner, is_functional)),
        _ => {}
    }
}

/// Which call of its layer each call is.
struct Names(HashMap<u64, usize>);

impl Names {
    fn history(&self, at: &Place) -> Value {
        json!([at.node.layer.name(), self.0.get(&at.node.id).copied().unwrap_or_default(), at.index])
    }

    fn tensor(&self, at: &Place) -> Value {
        let (shape, dtype) = &at.node.outputs[at.index];
        json!({"class_name": "__keras_tensor__", "config": {
            "shape": shape.to_json(), "dtype": dtype.name(), "keras_history": self.history(at),
        }})
    }

    /// One as itself, several as a list.
    fn list(&self, places: &[Place]) -> Value {
        match places {
            [one] => self.history(one),
            several => several.iter().map(|at| self.history(at)).collect(),
        }
    }

    /// A structure with the places instead of its leaves, which are numbers.
    fn fill(&self, structure: &Value, places: &[Place]) -> Value {
        match structure {
            Value::Array(list) => list.iter().map(|inner| self.fill(inner, places)).collect(),
            Value::Object(map) => map.iter().map(|(key, inner)| (key.clone(), self.fill(inner, places))).collect(),
            leaf => leaf.as_u64().and_then(|i| places.get(i as usize)).map_or(Value::Null, |at| self.history(at)),
        }
    }

    /// The arguments of an op with its tensors in their places.
    fn fill_places(&self, value: &Value, inputs: &[Place]) -> Value {
        match value {
            Value::Array(list) => list.iter().map(|inner| self.fill_places(inner, inputs)).collect(),
            Value::Object(map) => match map.get(PLACE).and_then(Value::as_u64).and_then(|i| inputs.get(i as usize)) {
                Some(at) => self.tensor(at),
                None => map.iter().map(|(key, inner)| (key.clone(), self.fill_places(inner, inputs))).collect(),
            },
            other => other.clone(),
        }
    }

    /// An entry of `inbound_nodes`.
    fn call(&self, node: &Node) -> Value {
        if node.layer.keeps_arguments() {
            let filled = |key: &str| node.arguments.values.get(key).map(|value| self.fill_places(value, &node.inputs));
            return json!({
                "args": filled("args").unwrap_or_else(|| json!([])), "kwargs": filled("kwargs").unwrap_or_else(|| json!({})),
            });
        }
        let tensors: Vec<Value> = node.inputs.iter().map(|at| self.tensor(at)).collect();
        let names = node.layer.input_names();
        let args: Vec<Value> = match &tensors[..] {
            [one] if !node.layer.takes_list() => vec![one.clone()],
            _ if names.is_empty() => vec![tensors.into()],
            several => several.to_vec(),
        };
        let mut kwargs = Map::new();
        for (name, places) in &node.arguments.tensors {
            let value = match &places[..] {
                [one] => self.tensor(one),
                several => several.iter().map(|at| self.tensor(at)).collect(),
            };
            kwargs.insert(name.clone(), value);
        }
        kwargs.extend(node.arguments.values.clone());
        json!({"args": args, "kwargs": kwargs})
    }
}

/// A model from its config.
pub(super) fn read(config: &Config<'_>) -> Result<Functional> {
    let base = LayerBase::from_config(config)?;
    let objects = config.need("layers", "a list of layers", Value::as_array)?;
    let mut reader = Reader::default();
    for object in objects {
        reader.add(object)?;
    }
    reader.connect()?;
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    let of_inputs = reader.structure(config.get("input_layers"), &mut inputs, 0)?;
    let of_outputs = reader.structure(config.get("output_layers"), &mut outputs, 0)?;
    let mut model = Functional::of(base, &inputs, &outputs)?;
    model.structure = Some((of_inputs, of_outputs));
    Ok(model)
}

/// A call that was read: whose tensors it needs.
struct Pending<'a> {
    layer: usize,
    /// Which call of the layer it is.
    index: usize,
    args: &'a Value,
    kwargs: &'a Value,
}

#[derive(Default)]
struct Reader<'a> {
    layers: Vec<Arc<dyn Layer>>,
    by_name: HashMap<&'a str, usize>,
    pending: Vec<Pending<'a>>,
    /// The calls of each layer, as far as they are made.
    made: Vec<Vec<Option<Arc<Node>>>>,
}

impl<'a> Reader<'a> {
    fn add(&mut self, object: &'a Value) -> Result<()> {
        let layer = layer_from_json(object)?;
        let name = object["name"].as_str().or_else(|| object["config"]["name"].as_str());
        let Some(name) = name else { fail!(Corrupt, "layers: expected a name for each, found {}", brief(object)) };
        let at = self.layers.len();
        if self.by_name.insert(name, at).is_some() {
            fail!(Corrupt, "layers: expected different names, found '{name}' twice");
        }
        let calls = object["inbound_nodes"].as_array().map_or(&[][..], Vec::as_slice);
        for (index, call) in calls.iter().enumerate() {
            let (args, kwargs) = (&call["args"], &call["kwargs"]);
            if !args.is_array() || !kwargs.is_object() {
                return Err(err!(
                    Unsupported,
                    "layer '{name}', call {index}: expected args and kwargs, found {}",
                    brief(call)
                )
                .help("the file is of an older Keras: open it with Keras 3 and save it again"));
            }
            self.pending.push(Pending { layer: at, index, args, kwargs });
        }
        let any: Arc<dyn std::any::Any + Send + Sync> = layer.clone();
        self.made.push(match any.downcast::<InputLayer>() {
            Ok(entry) if calls.is_empty() => vec![Some(input_node(entry))],
            _ => vec![None; calls.len()],
        });
        self.layers.push(layer);
        Ok(())
    }

    /// Makes the calls, each as soon as those are made that it needs.
    fn connect(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let mut waits: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        let mut open = vec![0_usize; pending.len()];
        let mut ready = Vec::new();
        for (number, call) in pending.iter().enumerate() {
            let mut needed = Vec::new();
            self.histories(call.args, &mut needed, 0)?;
            self.histories(call.kwargs, &mut needed, 0)?;
            needed.sort_unstable();
            needed.dedup();
            needed.retain(|&(layer, index)| self.made[layer][index].is_none());
            open[number] = needed.len();
            for need in needed {
                waits.entry(need).or_default().push(number);
            }
            if open[number] == 0 {
                ready.push(number);
            }
        }
        // In the order of the file where that is possible, so that errors are those of the first layer that is wrong.
        ready.reverse();
        let mut made = 0;
        while let Some(number) = ready.pop() {
            let call = &pending[number];
            self.make(call)?;
            made += 1;
            for waiting in waits.remove(&(call.layer, call.index)).unwrap_or_default() {
                open[waiting] -= 1;
                if open[waiting] == 0 {
                    ready.push(waiting);
                }
            }
        }
        if made < pending.len() {
            let stuck = pending
                .iter()
                .zip(&open)
                .find(|(_, open)| **open > 0)
                .map_or("", |(call, _)| self.layers[call.layer].name());
            fail!(Corrupt, "layer '{stuck}': expected a graph without cycles, found a call that needs its own output");
        }
        Ok(())
    }

    fn make(&mut self, call: &Pending<'_>) -> Result<()> {
        let layer = self.layers[call.layer].clone();
        let (mut inputs, mut arguments) = (Vec::new(), Arguments::new());
        if layer.keeps_arguments() {
            arguments.values.insert("args".into(), self.keep(call.args, &mut inputs, 0)?);
            arguments.values.insert("kwargs".into(), self.keep(call.kwargs, &mut inputs, 0)?);
            self.made[call.layer][call.index] = Some(node(layer, inputs, arguments)?);
            return Ok(());
        }
        let args = call.args.as_array().map_or(&[][..], Vec::as_slice);
        for arg in args {
            if self.tensors(arg, &mut inputs, 0)? == Found::Mixed {
                let name = layer.name();
                fail!(Unsupported, "layer '{name}': expected tensors as inputs, found {}", brief(arg));
            }
        }
        for (name, value) in call.kwargs.as_object().into_iter().flatten() {
            let mut places = Vec::new();
            match self.tensors(value, &mut places, 0)? {
                Found::Tensors if name == "inputs" || name == "sequences" || name == "sequence" => {
                    inputs.extend(places)
                }
                Found::Tensors => arguments.tensors.push((name.clone(), SmallVec::from_vec(places))),
                Found::Nothing => {
                    arguments.values.insert(name.clone(), value.clone());
                }
                Found::Mixed => fail!(Unsupported, "layer '{}': {name}: found {}", layer.name(), brief(value)),
            }
        }
        positional(&*layer, &mut inputs, &mut arguments);
        let made = node(layer, inputs, arguments)?;
        self.made[call.layer][call.index] = Some(made);
        Ok(())
    }

    /// Layer, call and output of a `keras_history`.
    fn history(&self, value: &Value) -> Result<(usize, usize, usize)> {
        let parts = value.as_array().map_or(&[][..], Vec::as_slice);
        let number = |i: usize| parts.get(i).and_then(Value::as_u64).map(|n| n as usize);
        let found = match (parts.first().and_then(Value::as_str), number(1), number(2)) {
            (Some(name), Some(call), Some(output)) => self.by_name.get(name).map(|&layer| (layer, call, output)),
            _ => None,
        };
        match found {
            Some((layer, call, output)) if call < self.made[layer].len() => Ok((layer, call, output)),
            _ => {
                fail!(Corrupt, "inbound_nodes: expected layer, call and output that there are, found {}", brief(value))
            }
        }
    }

    fn place(&self, value: &Value) -> Result<Place> {
        let (layer, call, index) = self.history(value)?;
        match &self.made[layer][call] {
            Some(node) if index < node.outputs.len() => Ok(Place { node: node.clone(), index }),
            _ => fail!(Corrupt, "keras_history: expected an output that there is, found {}", brief(value)),
        }
    }

    /// An input or output of the model: calls of functional models are counted from 1 there.
    fn end(&self, value: &Value) -> Result<Place> {
        let name = value[0].as_str().unwrap_or_default();
        let is_functional = |&at: &usize| self.layers[at].class_name() == "Functional";
        match (self.by_name.get(name).is_some_and(is_functional), value[1].as_u64()) {
            (true, Some(call)) => self.place(&json!([name, call.saturating_sub(1), value[2]])),
            _ => self.place(value),
        }
    }

    /// The calls that a structure needs.
    fn histories(&self, value: &Value, found: &mut Vec<(usize, usize)>, depth: usize) -> Result<()> {
        check_depth(depth)?;
        match value {
            Value::Array(list) => list.iter().try_for_each(|inner| self.histories(inner, found, depth + 1)),
            Value::Object(map) if value["class_name"] == "__keras_tensor__" => {
                let history = map.get("config").map_or(&Value::Null, |config| &config["keras_history"]);
                let (layer, call, _) = self.history(history)?;
                found.push((layer, call));
                Ok(())
            }
            Value::Object(map) => map.values().try_for_each(|inner| self.histories(inner, found, depth + 1)),
            _ => Ok(()),
        }
    }

    /// The tensors of an argument, in order.
    fn tensors(&self, value: &Value, places: &mut Vec<Place>, depth: usize) -> Result<Found> {
        check_depth(depth)?;
        let inner: Vec<&Value> = match value {
            Value::Object(_) if value["class_name"] == "__keras_tensor__" => {
                places.push(self.place(&value["config"]["keras_history"])?);
                return Ok(Found::Tensors);
            }
            Value::Array(list) => list.iter().collect(),
            Value::Object(map) => map.values().collect(),
            _ => return Ok(Found::Nothing),
        };
        let mut all = None;
        for value in inner {
            let found = self.tensors(value, places, depth + 1)?;
            all = Some(if all.is_none_or(|all| all == found) { found } else { Found::Mixed });
        }
        Ok(all.unwrap_or(Found::Nothing))
    }

    /// The arguments of an op, with places for its tensors.
    fn keep(&self, value: &Value, inputs: &mut Vec<Place>, depth: usize) -> Result<Value> {
        check_depth(depth)?;
        match value {
            Value::Object(_) if value["class_name"] == "__keras_tensor__" => {
                inputs.push(self.place(&value["config"]["keras_history"])?);
                Ok(json!({PLACE: inputs.len() - 1}))
            }
            // Constants stay as they are, however deep their lists are.
            Value::Object(_) if value["class_name"].is_string() => Ok(value.clone()),
            Value::Array(list) => list.iter().map(|inner| self.keep(inner, inputs, depth + 1)).collect(),
            Value::Object(map) => {
                let kept = map.iter().map(|(key, inner)| Ok((key.clone(), self.keep(inner, inputs, depth + 1)?)));
                Ok(Value::Object(kept.collect::<Result<_>>()?))
            }
            other => Ok(other.clone()),
        }
    }

    /// Inputs or outputs of the model: the structure with numbers for its leaves.
    fn structure(&self, value: &Value, symbols: &mut Vec<Symbol>, depth: usize) -> Result<Value> {
        check_depth(depth)?;
        match value {
            Value::Array(parts) if parts.len() == 3 && parts[0].is_string() => {
                symbols.push(Symbol::of(self.end(value)?));
                Ok((symbols.len() - 1).into())
            }
            Value::Array(list) => list.iter().map(|inner| self.structure(inner, symbols, depth + 1)).collect(),
            Value::Object(map) => {
                let inner = map.iter().map(|(key, v)| Ok((key.clone(), self.structure(v, symbols, depth + 1)?)));
                Ok(Value::Object(inner.collect::<Result<_>>()?))
            }
            other => fail!(Corrupt, "inputs and outputs: expected layer, call and output, found {}", brief(other)),
        }
    }
}

/// What an argument consists of.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    Tensors,
    Nothing,
    Mixed,
}

fn check_depth(depth: usize) -> Result<()> {
    match depth > DEPTH_MAX {
        true => fail!(LimitExceeded, "inbound_nodes: expected at most {DEPTH_MAX} levels, found more"),
        false => Ok(()),
    }
}
