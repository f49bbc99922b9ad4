//! The graph: nodes in SSA form, in an order in which they can run.

use std::sync::Arc;

use cornet_tensor::{Array, Result, err};
use smallvec::SmallVec;

use super::attrs::Attrs;
use super::dispatch::call;
use super::op::{Op, Type};
use super::tensor::Tensor;
use super::variable::Variable;

/// Names a value of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

impl ValueId {
    /// The index into [`Graph::types`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A function as data: inputs, nodes in running order, outputs, and new values of variables.
#[derive(Clone, Default)]
pub struct Graph {
    /// The function's name.
    pub name: String,
    /// The inputs, in calling order; variables that the function reads are inputs too.
    pub inputs: Vec<Input>,
    /// The nodes; each uses only inputs and results of earlier nodes.
    pub nodes: Vec<Node>,
    /// The type of every value.
    pub types: Vec<Type>,
    /// The results.
    pub outputs: Vec<Output>,
    /// What variables hold afterwards, all written at the end of a run.
    pub updates: Vec<Update>,
}

/// An input of a graph.
#[derive(Clone)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: ValueId,
    /// The variable it reads, or `None` for an argument.
    pub variable: Option<Variable>,
}

/// A result of a graph.
#[derive(Clone)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: ValueId,
}

/// The new value of a variable.
#[derive(Clone)]
pub struct Update {
    /// The variable.
    pub variable: Variable,
    /// What it holds after a run.
    pub value: ValueId,
}

/// An op at work in a graph.
#[derive(Clone, Debug)]
pub struct Node {
    /// The op.
    pub op: &'static Op,
    /// Its static arguments.
    pub attrs: Attrs,
    /// What it reads.
    pub inputs: SmallVec<[ValueId; 3]>,
    /// What it defines.
    pub outputs: SmallVec<[ValueId; 1]>,
    /// Where it was made: the layer or scope, such as `model/dense_1`.
    pub scope: Option<Arc<str>>,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<graph {}: {} inputs, {} nodes>", self.name, self.inputs.len(), self.nodes.len())
    }
}

impl Graph {
    /// The type of a value.
    pub fn type_of(&self, value: ValueId) -> &Type {
        &self.types[value.index()]
    }

    /// Adds a value of this type, yet to be defined by an input or a node.
    pub fn add_value(&mut self, ty: Type) -> ValueId {
        self.types.push(ty);
        ValueId(self.types.len() as u32 - 1)
    }

    /// Adds an argument.
    pub fn add_input(&mut self, name: impl Into<String>, ty: Type) -> ValueId {
        let value = self.add_value(ty);
        self.inputs.push(Input { name: name.into(), value, variable: None });
        value
    }

    /// Adds a constant.
    pub fn add_constant(&mut self, array: Array) -> ValueId {
        let value = self.add_value(Type::of(&array));
        let attrs = Attrs::default().with("value", array);
        let op = &super::constant::OP;
        self.nodes.push(Node {
            op,
            attrs,
            inputs: SmallVec::new(),
            outputs: SmallVec::from_slice(&[value]),
            scope: None,
        });
        value
    }

    /// The arguments: the inputs that are not variables.
    pub fn arguments(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter().filter(|i| i.variable.is_none())
    }

    /// For each value, the index of the node that defines it; `None` for inputs.
    pub fn definitions(&self) -> Vec<Option<u32>> {
        let mut definitions = vec![None; self.types.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            node.outputs.iter().for_each(|o| definitions[o.index()] = Some(i as u32));
        }
        definitions
    }

    /// The value of a constant, if that is what defines `value`.
    pub fn constant(&self, definitions: &[Option<u32>], value: ValueId) -> Option<&Array> {
        let node = &self.nodes[definitions[value.index()]? as usize];
        if node.op == &super::constant::OP { node.attrs.array("value").ok() } else { None }
    }

    /// Applies the graph's nodes to tensors, one by one: runs it eagerly on values, inlines it into the graph under
    /// construction on traced tensors, and is recorded by tapes. Variables are read, and updates assigned.
    ///
    /// # Errors
    /// `invalid_argument` on a wrong number of arguments; the first failure of a node.
    pub fn replay(&self, arguments: &[Tensor]) -> Result<Vec<Tensor>> {
        let expected = self.arguments().count();
        if arguments.len() != expected {
            return Err(err!(
                InvalidArgument,
                "graph {}: expected {expected} arguments, found {}",
                self.name,
                arguments.len()
            ));
        }
        let mut values: Vec<Option<Tensor>> = vec![None; self.types.len()];
        let mut rest = arguments.iter();
        for input in &self.inputs {
            let tensor = match &input.variable {
                Some(variable) => variable.read(),
                None => rest.next().cloned().unwrap_or_else(|| Tensor::failed(err!(Internal, "argument count"))),
            };
            values[input.value.index()] = Some(tensor);
        }
        for node in &self.nodes {
            let inputs = node.inputs.iter().map(|&v| self.lookup(&values, v)).collect::<Result<SmallVec<[_; 3]>>>()?;
            let outputs = call(node.op, &inputs.iter().collect::<SmallVec<[&Tensor; 3]>>(), node.attrs.clone());
            for (&id, tensor) in node.outputs.iter().zip(outputs) {
                if let Some(error) = tensor.error() {
                    return Err(error.clone());
                }
                values[id.index()] = Some(tensor);
            }
        }
        for update in &self.updates {
            update.variable.assign(&self.lookup(&values, update.value)?)?;
        }
        self.outputs.iter().map(|o| self.lookup(&values, o.value)).collect()
    }

    fn lookup(&self, values: &[Option<Tensor>], value: ValueId) -> Result<Tensor> {
        values
            .get(value.index())
            .and_then(Clone::clone)
            .ok_or_else(|| err!(Internal, "graph {}: value {} is used before it is defined", self.name, value.0))
    }
}
