//! Looking at graphs: the list of operations, and everything else as methods of [`Graph`].

use cornet_error::Result;
use cornet_ops::{Graph, Type, ValueId};

use crate::names::Unique;
use crate::text::TextOptions;

/// One operation of a graph, as TensorFlow 1 lists them: inputs and variables count too.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// A name that is unique in the graph: scope and op, as `dense/matmul` or `add_1`; for inputs, their own name.
    pub name: String,
    /// The op, or `placeholder` and `variable` for inputs.
    pub op: String,
    /// The names of what it reads: an operation's name, followed by `:` and a number for results after the first.
    pub inputs: Vec<String>,
    /// The types of its results.
    pub outputs: Vec<Type>,
}

/// Every operation of a graph, inputs first, in running order.
///
/// ```
/// use cornet_graph::GraphExt;
/// use cornet_ops::{Type, scope, trace};
/// use cornet_tensor::DType;
/// let traced = trace("f", &[("x", Type::new(DType::F32, [2]))], |x| {
///     Ok(vec![scope("dense", || x[0].exp()) + &x[0] + &x[0]])
/// })?;
/// let names: Vec<String> = traced.graph.operations().into_iter().map(|o| o.name).collect();
/// assert_eq!(names, ["x", "dense/exp", "add", "add_1"]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub fn operations(graph: &Graph) -> Vec<Operation> {
    let mut unique = Unique::default();
    let mut results: Vec<String> = vec![String::new(); graph.types.len()];
    let types = |v: &ValueId| graph.types.get(v.index()).cloned();
    let mut operations = Vec::with_capacity(graph.inputs.len() + graph.nodes.len());
    let set = |results: &mut Vec<String>, value: ValueId, name: String| {
        if let Some(slot) = results.get_mut(value.index()) {
            *slot = name;
        }
    };
    for input in &graph.inputs {
        let name = unique.name(&input.name);
        set(&mut results, input.value, name.clone());
        let op = if input.variable.is_some() { "variable" } else { "placeholder" };
        let outputs = types(&input.value).into_iter().collect();
        operations.push(Operation { name, op: op.to_string(), inputs: Vec::new(), outputs });
    }
    for node in &graph.nodes {
        let name = match &node.scope {
            Some(scope) => unique.name(&format!("{scope}/{}", node.op.name)),
            None => unique.name(node.op.name),
        };
        let inputs = node.inputs.iter().map(|v| results.get(v.index()).cloned().unwrap_or_default()).collect();
        for (i, &output) in node.outputs.iter().enumerate() {
            set(&mut results, output, if i == 0 { name.clone() } else { format!("{name}:{i}") });
        }
        let outputs = node.outputs.iter().filter_map(types).collect();
        operations.push(Operation { name, op: node.op.name.to_string(), inputs, outputs });
    }
    operations
}

/// Inspection as methods of [`Graph`].
pub trait GraphExt {
    /// Every operation, inputs first, in running order. See [`operations`].
    fn operations(&self) -> Vec<Operation>;
    /// The text that [`parse`](crate::parse) reads back. See [`to_text`](crate::to_text).
    fn to_text(&self) -> String;
    /// The text for reading: the values of larger constants are left out.
    fn to_short_text(&self) -> String;
    /// A drawing for Graphviz. See [`to_dot`](crate::to_dot).
    fn to_dot(&self) -> String;
    /// Fails unless the graph is well-formed. See [`verify`](crate::verify).
    ///
    /// # Errors
    /// `internal`, naming the node or value.
    fn verify(&self) -> Result<()>;
}

impl GraphExt for Graph {
    fn operations(&self) -> Vec<Operation> {
        operations(self)
    }

    fn to_text(&self) -> String {
        crate::to_text(self)
    }

    fn to_short_text(&self) -> String {
        crate::to_text_with(self, TextOptions { elide: true, ..TextOptions::default() })
    }

    fn to_dot(&self) -> String {
        crate::to_dot(self)
    }

    fn verify(&self) -> Result<()> {
        crate::verify(self)
    }
}
