//! Nodes and their attributes.

use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_proto::Message;

use super::Reader;
use super::model::{GraphDef, Type, parse_graph, parse_type};
use super::tensor::{Constant, parse_sparse, parse_tensor};

/// What an attribute holds.
#[derive(Clone, Debug)]
pub enum Attribute {
    /// A float.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// Bytes, usually a text.
    Text(Vec<u8>),
    /// A tensor.
    Tensor(Constant),
    /// A graph.
    Graph(Arc<GraphDef>),
    /// Floats.
    Floats(Vec<f32>),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Texts.
    Texts(Vec<Vec<u8>>),
    /// Tensors.
    Tensors(Vec<Constant>),
    /// Graphs.
    Graphs(Vec<Arc<GraphDef>>),
    /// A type.
    Type(Type),
    /// The attribute of that name of the function's call.
    Reference(String),
    /// A list that is empty.
    Empty,
}

/// A node of a graph.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Names of what it takes; empty for what is left out.
    pub inputs: Vec<String>,
    /// Names of what it gives; empty for what nobody uses.
    pub outputs: Vec<String>,
    /// Its own name, if any.
    pub name: String,
    /// The operator.
    pub op_type: String,
    /// The operator's domain; empty for the standard one.
    pub domain: String,
    /// Which of several functions of that name.
    pub overload: String,
    /// The attributes.
    pub attributes: Vec<(String, Attribute)>,
}

impl Node {
    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, a)| a)
    }

    /// How errors call it.
    pub fn label(&self) -> String {
        let name = if self.name.is_empty() { self.outputs.first().map_or("", String::as_str) } else { &self.name };
        format!("{name} ({})", self.full_type())
    }

    /// The operator with its domain.
    pub fn full_type(&self) -> String {
        if self.domain.is_empty() { self.op_type.clone() } else { format!("{}.{}", self.domain, self.op_type) }
    }
}

/// Reads a node.
pub(super) fn parse_node(message: &Message, reader: &Reader) -> Result<Node> {
    reader.count_item()?;
    let mut node = Node::default();
    for field in message.fields() {
        match field? {
            (1, value) => node.inputs.push(value.text()?),
            (2, value) => node.outputs.push(value.text()?),
            (3, value) => node.name = value.text()?,
            (4, value) => node.op_type = value.text()?,
            (5, value) => node.attributes.push(parse_attribute(value.message()?, reader)?),
            (7, value) => node.domain = canonical(value.text()?),
            (8, value) => node.overload = value.text()?,
            _ => {}
        }
    }
    for _ in 0..node.inputs.len() + node.outputs.len() {
        reader.count_item()?;
    }
    if node.op_type.is_empty() {
        return Err(err!(Corrupt, "node '{}': expected an operator, found none", node.name));
    }
    Ok(node)
}

/// The standard domain by its shorter name.
pub(super) fn canonical(domain: String) -> String {
    if domain == "ai.onnx" { String::new() } else { domain }
}

/// The fields of an attribute.
#[derive(Default)]
struct Parts {
    name: String,
    reference: String,
    kind: i64,
    single: Option<Attribute>,
    floats: Vec<f32>,
    ints: Vec<i64>,
    texts: Vec<Vec<u8>>,
    tensors: Vec<Constant>,
    graphs: Vec<Arc<GraphDef>>,
}

/// Reads an attribute and its name.
pub(super) fn parse_attribute(message: &Message, reader: &Reader) -> Result<(String, Attribute)> {
    reader.count_item()?;
    let mut parts = Parts::default();
    for field in message.fields() {
        let (number, value) = field?;
        match number {
            1 => parts.name = value.text()?,
            2 => parts.single = Some(Attribute::Float(value.float()?)),
            3 => parts.single = Some(Attribute::Int(value.int()?)),
            4 => parts.single = Some(Attribute::Text(value.message()?.bytes()?)),
            5 => parts.single = Some(Attribute::Tensor(parse_tensor(value.message()?, reader)?)),
            6 => parts.single = Some(Attribute::Graph(Arc::new(parse_graph(value.message()?, reader)?))),
            7 => value.floats(&mut parts.floats)?,
            8 => value.ints(&mut parts.ints)?,
            9 => parts.texts.push(value.message()?.bytes()?),
            10 => parts.tensors.push(parse_tensor(value.message()?, reader)?),
            11 => parts.graphs.push(Arc::new(parse_graph(value.message()?, reader)?)),
            14 => parts.single = Some(Attribute::Type(parse_type(value.message()?)?)),
            20 => parts.kind = value.int()?,
            21 => parts.reference = value.text()?,
            22 => parts.single = Some(Attribute::Tensor(parse_sparse(value.message()?, reader)?)),
            _ => {}
        }
    }
    let name = std::mem::take(&mut parts.name);
    Ok((name, parts.attribute()))
}

impl Parts {
    fn attribute(self) -> Attribute {
        if !self.reference.is_empty() {
            return Attribute::Reference(self.reference);
        }
        if let Some(single) = self.single {
            return single;
        }
        match self.kind {
            // Numbers that are zero and texts that are empty may be left out of the file.
            1 => Attribute::Float(0.0),
            2 => Attribute::Int(0),
            3 => Attribute::Text(Vec::new()),
            _ if !self.floats.is_empty() => Attribute::Floats(self.floats),
            _ if !self.ints.is_empty() => Attribute::Ints(self.ints),
            _ if !self.texts.is_empty() => Attribute::Texts(self.texts),
            _ if !self.tensors.is_empty() => Attribute::Tensors(self.tensors),
            _ if !self.graphs.is_empty() => Attribute::Graphs(self.graphs),
            _ => Attribute::Empty,
        }
    }
}
