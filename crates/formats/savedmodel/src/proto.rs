//! What `saved_model.pb` says, as it says it.

use std::collections::BTreeMap;
use std::sync::Arc;

use cornet_error::{Limits, Result};
use cornet_proto::{Message, Value};

use crate::attr::{Attrs, PartialShape, parse_entry, parse_shape};
use crate::constant::Budget;

/// A node.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeDef {
    pub name: String,
    pub op: String,
    pub inputs: Vec<String>,
    pub attrs: Attrs,
}

/// A function: a graph with arguments and results.
#[derive(Clone, Debug, Default)]
pub(crate) struct FunctionDef {
    pub name: String,
    pub arguments: Vec<String>,
    pub results: Vec<String>,
    pub nodes: Vec<NodeDef>,
    /// From a result to the output that gives it.
    pub returns: BTreeMap<String, String>,
    /// Nodes that run whether or not a result needs them.
    pub controls: Vec<String>,
}

/// One tensor of a signature.
#[derive(Clone, Debug, Default)]
pub(crate) struct TensorInfo {
    pub name: String,
    pub data_type: i32,
    pub shape: PartialShape,
    /// It stands for several tensors.
    pub is_composite: bool,
}

/// A signature.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignatureDef {
    pub inputs: BTreeMap<String, TensorInfo>,
    pub outputs: BTreeMap<String, TensorInfo>,
    pub method: String,
}

/// A graph with what belongs to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetaGraph {
    pub tags: Vec<String>,
    pub version: String,
    pub nodes: Vec<NodeDef>,
    pub functions: Vec<FunctionDef>,
    pub signatures: BTreeMap<String, SignatureDef>,
    /// Lists of node names, by collection.
    pub collections: BTreeMap<String, Vec<String>>,
    /// The names of the tensor that takes the checkpoint's prefix and of the node that restores.
    pub saver: Option<(String, String)>,
    /// The name of a tensor, and the file that it names.
    pub assets: Vec<(String, String)>,
    /// Data type, shape and trainability of the variables in the object graph.
    pub variables: Vec<SavedVariable>,
    /// Names of the ops, counted.
    pub has_objects: bool,
}

/// What the object graph says of a variable.
#[derive(Clone, Debug, Default)]
pub(crate) struct SavedVariable {
    pub name: String,
    pub data_type: i32,
    pub shape: PartialShape,
    pub trainable: bool,
}

/// Parses a `SavedModel` into its graphs.
pub(crate) fn parse(message: &Message, limits: &Limits) -> Result<Vec<MetaGraph>> {
    let budget = Budget::new(limits);
    let mut graphs = Vec::new();
    for field in message.fields() {
        if let (2, Value::Bytes(graph)) = field? {
            graphs.push(meta_graph(&graph, &budget)?);
            Limits::check("SavedModel: graphs", graphs.len() as u64, 1000)?;
        }
    }
    Ok(graphs)
}

/// Parses a bare `GraphDef`: a frozen graph.
pub(crate) fn parse_graph(message: &Message, limits: &Limits) -> Result<MetaGraph> {
    let mut graph = MetaGraph::default();
    graph_def(message, &mut graph, &Budget::new(limits))?;
    Ok(graph)
}

fn meta_graph(message: &Message, budget: &Budget) -> Result<MetaGraph> {
    let mut graph = MetaGraph::default();
    for field in message.fields() {
        match field? {
            (1, Value::Bytes(info)) => {
                for field in info.fields() {
                    match field? {
                        (4, tag) => graph.tags.push(tag.text()?),
                        (5, version) => graph.version = version.text()?,
                        _ => {}
                    }
                }
            }
            (2, Value::Bytes(def)) => graph_def(&def, &mut graph, budget)?,
            (3, Value::Bytes(saver)) => {
                let (mut filename, mut restore) = (String::new(), String::new());
                for field in saver.fields() {
                    match field? {
                        (1, name) => filename = name.text()?,
                        (3, name) => restore = name.text()?,
                        _ => {}
                    }
                }
                graph.saver = (!restore.is_empty()).then_some((filename, restore));
            }
            (4, Value::Bytes(entry)) => graph.collections.extend(collection(&entry)?),
            (5, Value::Bytes(entry)) => graph.signatures.extend([named(&entry, signature)?]),
            (6, Value::Bytes(asset)) => {
                let (mut tensor, mut file) = (String::new(), String::new());
                for field in asset.fields() {
                    match field? {
                        (1, Value::Bytes(info)) => tensor = tensor_info(&info)?.name,
                        (2, name) => file = name.text()?,
                        _ => {}
                    }
                }
                graph.assets.push((tensor, file));
            }
            (7, Value::Bytes(objects)) => {
                graph.has_objects = true;
                graph.variables = variables(&objects)?;
            }
            _ => {}
        }
    }
    Ok(graph)
}

/// An entry of a map from strings to messages.
fn named<T: Default>(entry: &Message, parse: fn(&Message) -> Result<T>) -> Result<(String, T)> {
    let (mut key, mut value) = (String::new(), T::default());
    for field in entry.fields() {
        match field? {
            (1, name) => key = name.text()?,
            (2, Value::Bytes(message)) => value = parse(&message)?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// A collection, if it lists nodes.
fn collection(entry: &Message) -> Result<Option<(String, Vec<String>)>> {
    let (name, nodes) = named(entry, |message| {
        let mut nodes = Vec::new();
        for field in message.fields() {
            let (1, Value::Bytes(list)) = field? else { continue };
            for field in list.fields() {
                if let (1, name) = field? {
                    nodes.push(name.text()?);
                }
            }
        }
        Ok(nodes)
    })?;
    Ok((!nodes.is_empty()).then_some((name, nodes)))
}

fn tensor_info(message: &Message) -> Result<TensorInfo> {
    let mut info = TensorInfo::default();
    for field in message.fields() {
        match field? {
            (1, name) => info.name = name.text()?,
            (2, v) => info.data_type = v.int()? as i32,
            (3, Value::Bytes(shape)) => info.shape = parse_shape(&shape)?,
            (4 | 5, _) => info.is_composite = true,
            _ => {}
        }
    }
    Ok(info)
}

fn signature(message: &Message) -> Result<SignatureDef> {
    let mut signature = SignatureDef::default();
    for field in message.fields() {
        match field? {
            (1, Value::Bytes(entry)) => signature.inputs.extend([named(&entry, tensor_info)?]),
            (2, Value::Bytes(entry)) => signature.outputs.extend([named(&entry, tensor_info)?]),
            (3, method) => signature.method = method.text()?,
            _ => {}
        }
    }
    Ok(signature)
}

fn graph_def(message: &Message, graph: &mut MetaGraph, budget: &Budget) -> Result<()> {
    for field in message.fields() {
        match field? {
            (1, Value::Bytes(node)) => graph.nodes.push(node_def(&node, budget)?),
            (2, Value::Bytes(library)) => {
                for field in library.fields() {
                    if let (1, Value::Bytes(function)) = field? {
                        graph.functions.push(function_def(&function, budget)?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn node_def(message: &Message, budget: &Budget) -> Result<NodeDef> {
    let (mut node, mut attrs) = (NodeDef::default(), BTreeMap::new());
    for field in message.fields() {
        match field? {
            (1, name) => node.name = name.text()?,
            (2, op) => node.op = op.text()?,
            (3, input) => node.inputs.push(input.text()?),
            (5, Value::Bytes(entry)) => attrs.extend([parse_entry(&entry, budget)?]),
            _ => {}
        }
    }
    node.attrs = Arc::new(attrs);
    Ok(node)
}

fn function_def(message: &Message, budget: &Budget) -> Result<FunctionDef> {
    let mut function = FunctionDef::default();
    let pair = |entry: &Message| -> Result<(String, String)> {
        let (mut key, mut value) = (String::new(), String::new());
        for field in entry.fields() {
            match field? {
                (1, v) => key = v.text()?,
                (2, v) => value = v.text()?,
                _ => {}
            }
        }
        Ok((key, value))
    };
    for field in message.fields() {
        match field? {
            (1, Value::Bytes(signature)) => {
                for field in signature.fields() {
                    match field? {
                        (1, name) => function.name = name.text()?,
                        (2, Value::Bytes(arg)) => function.arguments.push(arg_name(&arg)?),
                        (3, Value::Bytes(arg)) => function.results.push(arg_name(&arg)?),
                        _ => {}
                    }
                }
            }
            (3, Value::Bytes(node)) => function.nodes.push(node_def(&node, budget)?),
            (4, Value::Bytes(entry)) => function.returns.extend([pair(&entry)?]),
            (6, Value::Bytes(entry)) => function.controls.push(pair(&entry)?.1),
            _ => {}
        }
    }
    Ok(function)
}

fn arg_name(message: &Message) -> Result<String> {
    let mut name = String::new();
    for field in message.fields() {
        if let (1, value) = field? {
            name = value.text()?;
        }
    }
    Ok(name)
}

/// The variables of a `SavedObjectGraph`.
fn variables(message: &Message) -> Result<Vec<SavedVariable>> {
    let mut all = Vec::new();
    for field in message.fields() {
        let (1, Value::Bytes(object)) = field? else { continue };
        for field in object.fields() {
            let (7, Value::Bytes(saved)) = field? else { continue };
            let mut variable = SavedVariable::default();
            for field in saved.fields() {
                match field? {
                    (1, v) => variable.data_type = v.int()? as i32,
                    (2, Value::Bytes(shape)) => variable.shape = parse_shape(&shape)?,
                    (3, v) => variable.trainable = v.int()? != 0,
                    (6, name) => variable.name = name.text()?,
                    _ => {}
                }
            }
            all.push(variable);
        }
    }
    Ok(all)
}
