//! The layers of a model as a graph for TensorBoard.

use std::collections::HashMap;

use cornet_events::GraphNode;
use serde_json::Value;

/// The layers that the object of a `config.json` describes: a node each, nested models as folders.
pub(super) fn nodes(model: &Value) -> Vec<GraphNode> {
    let mut graph = Graph { nodes: Vec::new(), outputs: HashMap::new() };
    graph.model(model, "", &[]);
    graph.nodes
}

struct Graph {
    nodes: Vec<GraphNode>,
    /// The nodes that a nested model's outputs are, by its name.
    outputs: HashMap<String, Vec<String>>,
}

/// The name of a layer within models.
fn scoped(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}/{name}") }
}

fn name_of(layer: &Value) -> &str {
    layer["config"]["name"].as_str().unwrap_or_default()
}

impl Graph {
    /// Adds the layers of a model that takes `inputs`; returns the nodes of its outputs.
    fn model(&mut self, model: &Value, scope: &str, inputs: &[String]) -> Vec<String> {
        let layers = model["config"]["layers"].as_array().map_or(&[][..], Vec::as_slice);
        let is_sequential = model["class_name"] == "Sequential";
        let mut before = inputs.to_vec();
        let mut entries = inputs.iter();
        for layer in layers {
            let name = scoped(scope, name_of(layer));
            let mut takes: Vec<String> = if is_sequential { before.clone() } else { self.sources(layer, scope) };
            if !is_sequential && layer["class_name"] == "InputLayer" {
                takes.extend(entries.next().cloned());
            }
            before = self.layer(layer, &name, takes);
        }
        if is_sequential {
            return before;
        }
        let mut found = Vec::new();
        histories(&model["config"]["output_layers"], &mut found);
        found.into_iter().flat_map(|(name, index)| self.output(&scoped(scope, &name), index)).collect()
    }

    /// Adds a layer, or the layers of a model that is one; returns the nodes of its outputs.
    fn layer(&mut self, layer: &Value, name: &str, inputs: Vec<String>) -> Vec<String> {
        let class = layer["class_name"].as_str().unwrap_or_default();
        if layer["config"]["layers"].is_array() {
            let outputs = self.model(layer, name, &inputs);
            self.outputs.insert(name.to_owned(), outputs.clone());
            return outputs;
        }
        let dtype = &layer["config"]["dtype"];
        let dtype = dtype.as_str().or_else(|| dtype["config"]["name"].as_str());
        let mut attributes = vec![("keras_class".to_owned(), class.to_owned())];
        attributes.extend(dtype.map(|dtype| ("dtype_policy".to_owned(), dtype.to_owned())));
        attributes.extend(arguments(layer));
        self.nodes.push(GraphNode { name: name.to_owned(), op: class.to_owned(), inputs, attributes });
        vec![name.to_owned()]
    }

    /// The nodes that the calls of a layer take.
    fn sources(&self, layer: &Value, scope: &str) -> Vec<String> {
        let mut found = Vec::new();
        histories(&layer["inbound_nodes"], &mut found);
        found.into_iter().flat_map(|(name, index)| self.output(&scoped(scope, &name), index)).collect()
    }

    fn output(&self, name: &str, index: usize) -> Option<String> {
        match self.outputs.get(name) {
            Some(outputs) => outputs.get(index).or(outputs.last()).cloned(),
            None => Some(name.to_owned()),
        }
    }
}

/// The triples of layer, call and output below a value: `["dense", 0, 0]`.
fn histories(value: &Value, found: &mut Vec<(String, usize)>) {
    match value {
        Value::Array(list) => match &list[..] {
            [Value::String(name), Value::Number(_), Value::Number(output)] => {
                found.push((name.clone(), output.as_u64().unwrap_or(0) as usize));
            }
            list => list.iter().for_each(|value| histories(value, found)),
        },
        Value::Object(map) => map.values().for_each(|value| histories(value, found)),
        _ => {}
    }
}

/// The numbers and words among a layer's arguments.
fn arguments(layer: &Value) -> impl Iterator<Item = (String, String)> {
    let config = layer["config"].as_object();
    config.into_iter().flatten().filter(|(key, _)| !matches!(key.as_str(), "name" | "dtype" | "trainable")).filter_map(
        |(key, value)| match value {
            Value::String(word) => Some((key.clone(), word.clone())),
            Value::Number(_) | Value::Bool(_) | Value::Array(_) => Some((key.clone(), value.to_string())),
            _ => None,
        },
    )
}
