//! Models, graphs, functions and types.

use std::sync::Arc;

use cornet_error::{Limits, Result, fail};
use cornet_proto::Message;

use super::Reader;
use super::attribute::{Attribute, Node, canonical, parse_attribute, parse_node};
use super::tensor::{Constant, entry, parse_sparse, parse_tensor};
use crate::element::Element;

/// A set of operators and its version.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// The name; empty for the standard one.
    pub name: String,
    /// The version.
    pub version: i64,
}

/// A model.
#[derive(Clone, Debug, Default)]
pub struct ModelDef {
    /// Version of the format.
    pub ir_version: i64,
    /// The operator sets.
    pub opsets: Vec<Domain>,
    /// What wrote it.
    pub producer: String,
    /// The writer's version.
    pub producer_version: String,
    /// The model's own domain.
    pub domain: String,
    /// The model's own version.
    pub model_version: i64,
    /// Its description.
    pub doc: String,
    /// The main graph.
    pub graph: GraphDef,
    /// Functions that nodes may call.
    pub functions: Vec<Arc<FunctionDef>>,
    /// Pairs that the writer left.
    pub metadata: Vec<(String, String)>,
    /// Whether it describes training too.
    pub training: bool,
}

/// A graph.
#[derive(Clone, Debug, Default)]
pub struct GraphDef {
    /// Its name.
    pub name: String,
    /// The nodes, each after those it depends on.
    pub nodes: Vec<Arc<Node>>,
    /// Weights and other constants.
    pub initializers: Vec<Constant>,
    /// What it takes; old files list the initializers here too.
    pub inputs: Vec<ValueInfo>,
    /// What it gives.
    pub outputs: Vec<ValueInfo>,
}

/// A function that nodes may call.
#[derive(Clone, Debug, Default)]
pub struct FunctionDef {
    /// Its name.
    pub name: String,
    /// Its domain.
    pub domain: String,
    /// Which of several of that name.
    pub overload: String,
    /// Names of what it takes.
    pub inputs: Vec<String>,
    /// Names of what it gives.
    pub outputs: Vec<String>,
    /// Attributes and their defaults.
    pub defaults: Vec<(String, Attribute)>,
    /// The nodes.
    pub nodes: Vec<Arc<Node>>,
    /// The operator sets its nodes are of.
    pub opsets: Vec<Domain>,
}

/// A name and its type.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueInfo {
    /// The name.
    pub name: String,
    /// The type, if stated.
    pub ty: Option<Type>,
}

/// The size of an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum SizeOf {
    /// A number.
    Fixed(usize),
    /// A name that stands for one number.
    Symbol(String),
    /// Anything.
    Open,
}

/// The type of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// A tensor.
    Tensor(Element, Option<Vec<SizeOf>>),
    /// A list.
    Sequence(Box<Type>),
    /// Something or nothing.
    Optional(Box<Type>),
    /// A map from keys of the first type.
    Map(Element, Box<Type>),
    /// A sparse tensor.
    Sparse(Element),
    /// Anything else, or nothing stated.
    Other,
}

/// Whether a model's side is an input or an output, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// An input.
    Input,
    /// An output.
    Output,
}

impl ModelDef {
    /// Reads a model.
    ///
    /// # Errors
    /// `unsupported_format` for bytes that are no model; `corrupt`, `unsupported`, `unsafe_content`, `limit_exceeded`.
    pub fn parse(message: &Message, reader: &Reader) -> Result<Self> {
        let mut model = Self::default();
        let mut has_graph = false;
        for field in message.fields() {
            let (number, value) = field?;
            match number {
                1 => model.ir_version = value.int()?,
                2 => model.producer = value.text()?,
                3 => model.producer_version = value.text()?,
                4 => model.domain = value.text()?,
                5 => model.model_version = value.int()?,
                6 => model.doc = value.text()?,
                7 => {
                    has_graph = true;
                    model.graph = parse_graph(value.message()?, reader)?;
                }
                8 => model.opsets.push(parse_domain(value.message()?)?),
                14 => {
                    reader.count_item()?;
                    model.metadata.push(entry(&value)?);
                }
                20 => model.training = true,
                25 => {
                    reader.count_item()?;
                    model.functions.push(Arc::new(parse_function(value.message()?, reader)?));
                }
                _ => {}
            }
        }
        if !has_graph {
            fail!(UnsupportedFormat, "onnx: expected a model with a graph, found none");
        }
        Ok(model)
    }

    /// The version of an operator set: 1 where a file of before their time states none.
    pub fn opset(&self, domain: &str) -> Option<i64> {
        let stated = self.opsets.iter().find(|d| d.name == domain).map(|d| d.version);
        stated.or((domain.is_empty() && self.opsets.is_empty()).then_some(1))
    }
}

fn parse_domain(message: &Message) -> Result<Domain> {
    let mut domain = Domain { name: String::new(), version: 1 };
    for field in message.fields() {
        match field? {
            (1, value) => domain.name = canonical(value.text()?),
            (2, value) => domain.version = value.int()?,
            _ => {}
        }
    }
    Ok(domain)
}

/// Reads a graph.
pub(super) fn parse_graph(message: &Message, reader: &Reader) -> Result<GraphDef> {
    let mut graph = GraphDef::default();
    for field in message.fields() {
        let (number, value) = field?;
        match number {
            1 => graph.nodes.push(Arc::new(parse_node(value.message()?, reader)?)),
            2 => graph.name = value.text()?,
            5 | 15 => {
                reader.count_item()?;
                let parse = if number == 5 { parse_tensor } else { parse_sparse };
                graph.initializers.push(parse(value.message()?, reader)?);
            }
            11 | 12 => {
                reader.count_item()?;
                let info = parse_info(value.message()?)?;
                if number == 11 { graph.inputs.push(info) } else { graph.outputs.push(info) }
            }
            _ => {}
        }
    }
    Limits::check("onnx: nodes of a graph", graph.nodes.len() as u64, reader.limits.entries as u64)?;
    Ok(graph)
}

fn parse_function(message: &Message, reader: &Reader) -> Result<FunctionDef> {
    let mut function = FunctionDef::default();
    for field in message.fields() {
        match field? {
            (1, value) => function.name = value.text()?,
            (4, value) => function.inputs.push(value.text()?),
            (5, value) => function.outputs.push(value.text()?),
            (7, value) => function.nodes.push(Arc::new(parse_node(value.message()?, reader)?)),
            (9, value) => function.opsets.push(parse_domain(value.message()?)?),
            (10, value) => function.domain = canonical(value.text()?),
            (11, value) => function.defaults.push(parse_attribute(value.message()?, reader)?),
            (13, value) => function.overload = value.text()?,
            _ => {}
        }
    }
    Ok(function)
}

fn parse_info(message: &Message) -> Result<ValueInfo> {
    let mut info = ValueInfo { name: String::new(), ty: None };
    for field in message.fields() {
        match field? {
            (1, value) => info.name = value.text()?,
            (2, value) => info.ty = Some(parse_type(value.message()?)?),
            _ => {}
        }
    }
    Ok(info)
}

/// Reads a type.
pub(super) fn parse_type(message: &Message) -> Result<Type> {
    let mut found = Type::Other;
    for field in message.fields() {
        let (number, value) = field?;
        match number {
            1 => found = parse_tensor_type(value.message()?)?,
            4 => found = Type::Sequence(Box::new(parse_inner(value.message()?, 1)?.1)),
            5 => {
                let (key, inner) = parse_inner(value.message()?, 2)?;
                found = Type::Map(Element::of(key), Box::new(inner));
            }
            8 => {
                found = match parse_tensor_type(value.message()?)? {
                    Type::Tensor(element, _) => Type::Sparse(element),
                    other => other,
                }
            }
            9 => found = Type::Optional(Box::new(parse_inner(value.message()?, 1)?.1)),
            _ => {}
        }
    }
    Ok(found)
}

/// The type in a field of a sequence, an optional or a map; the number in the first field of a map.
fn parse_inner(message: &Message, at: u32) -> Result<(i64, Type)> {
    let (mut key, mut found) = (0, Type::Other);
    for field in message.fields() {
        match field? {
            (number, value) if number == at => found = parse_type(value.message()?)?,
            (1, value) => key = value.int()?,
            _ => {}
        }
    }
    Ok((key, found))
}

fn parse_tensor_type(message: &Message) -> Result<Type> {
    let (mut element, mut shape) = (Element::Other(0), None);
    for field in message.fields() {
        match field? {
            (1, value) => element = Element::of(value.int()?),
            (2, value) => shape = Some(parse_shape(value.message()?)?),
            _ => {}
        }
    }
    Ok(Type::Tensor(element, shape))
}

fn parse_shape(message: &Message) -> Result<Vec<SizeOf>> {
    let mut sizes = Vec::new();
    for field in message.fields() {
        let (1, value) = field? else { continue };
        if sizes.len() >= 64 {
            fail!(LimitExceeded, "shape: expected at most 64 axes, found more");
        }
        let mut size = SizeOf::Open;
        for field in value.message()?.fields() {
            match field? {
                (1, value) => {
                    size = usize::try_from(value.int()?).map_or(SizeOf::Open, SizeOf::Fixed);
                }
                (2, value) => {
                    let name = value.text()?;
                    size = if name.is_empty() { SizeOf::Open } else { SizeOf::Symbol(name) };
                }
                _ => {}
            }
        }
        sizes.push(size);
    }
    Ok(sizes)
}
