//! TensorFlow 1's vocabulary on Cornet's graphs: a graph with placeholders and operations, and sessions that run what is
//! asked for.
//!
//! ```
//! use cornet_runtime::session::{Graph, Session};
//! use cornet_ops::Tensor;
//! use cornet_tensor::DType;
//!
//! let graph = Graph::new("line");
//! let x = graph.placeholder("x", DType::F32, [3])?;
//! let w = graph.variable("w", Tensor::of(2.0_f32))?;
//! let y = graph.build(|| &x * w.read() + 1.0);
//! let double = graph.operation("double", || w.assign(&(w.read() * 2.0)))?;
//!
//! let session = Session::new(&graph);
//! let feed = [(&x, Tensor::of([1.0_f32, 2.0, 3.0]))];
//! assert!(session.run([&y], &feed).unwrap_err().to_string().contains("variable 'w'"));
//! session.run([&graph.global_variables_initializer()], &[])?;
//! assert_eq!(session.run([&y], &feed)?[0].to_vec::<f32>()?, [3.0, 5.0, 7.0]);
//! session.run([&double], &[])?;
//! assert_eq!(session.run([&y], &feed)?[0].to_vec::<f32>()?, [5.0, 9.0, 13.0]);
//! # Ok::<(), cornet_error::Error>(())
//! ```
//!
//! What differs from TensorFlow 1: shapes are known in full; a variable's value lives in the variable, so that all
//! sessions share it; and all reads of a run see what variables held before it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cornet_error::{Result, err};
use cornet_graph::{GraphExt, Operation as Listed};
use cornet_ops::{GradientTape, Input, OpenGraph, Output, Source, Tensor, Type, Update, ValueId, Variable, call};
use cornet_tensor::{Array, DType, Shape};
use smallvec::SmallVec;

use crate::Concrete;

/// A graph that is built step by step. Clones are the same graph.
#[derive(Clone)]
pub struct Graph {
    open: OpenGraph,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The variables made by [`Graph::variable`], with their initial values.
    variables: Vec<(Variable, ValueId)>,
    operations: Vec<Operation>,
}

/// Something a session does beyond giving values: assignments to variables, done together.
#[derive(Clone)]
pub struct Operation {
    name: String,
    graph: OpenGraph,
    updates: Arc<Vec<Update>>,
}

/// What a session is asked for.
#[derive(Clone)]
pub enum Fetch {
    /// The value of a tensor.
    Tensor(Tensor),
    /// That an operation be done.
    Operation(Operation),
    /// A tensor or operation by its name: `dense/matmul:0`, `dense/matmul`, `train`.
    Name(String),
}

impl From<&Tensor> for Fetch {
    fn from(tensor: &Tensor) -> Self {
        Fetch::Tensor(tensor.clone())
    }
}

impl From<&Operation> for Fetch {
    fn from(operation: &Operation) -> Self {
        Fetch::Operation(operation.clone())
    }
}

impl From<&str> for Fetch {
    fn from(name: &str) -> Self {
        Fetch::Name(name.to_string())
    }
}

impl From<&Fetch> for Fetch {
    fn from(fetch: &Fetch) -> Self {
        fetch.clone()
    }
}

impl Operation {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The variables that it assigns.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.updates.iter().map(|u| &u.variable)
    }
}

impl Graph {
    /// An empty graph.
    pub fn new(name: &str) -> Self {
        Self { open: OpenGraph::new(name), state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tensor whose value each run is fed.
    ///
    /// # Errors
    /// `already_exists` for a name that an input of the graph has; `limit_exceeded` for a shape beyond memory.
    pub fn placeholder(&self, name: &str, dtype: DType, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = Shape::checked(&shape.into(), dtype.size())?;
        if self.open.snapshot().inputs.iter().any(|i| i.name == name) {
            return Err(err!(AlreadyExists, "graph {}: an input is called '{name}' already", self.open.name()));
        }
        Ok(self.open.input(name, Type::new(dtype, shape)))
    }

    /// A trainable variable that [`Graph::global_variables_initializer`] gives this value. Until then it has none.
    ///
    /// # Errors
    /// The failure that `initial` carries; `already_exists` for a name that a variable of the graph has.
    pub fn variable(&self, name: &str, initial: impl Into<Tensor>) -> Result<Variable> {
        let initial = initial.into();
        if self.state().variables.iter().any(|(v, _)| v.name() == name) {
            return Err(err!(AlreadyExists, "graph {}: a variable is called '{name}' already", self.open.name()));
        }
        let variable = Variable::uninitialized(name, initial.ty()?, true);
        let value = self.open.import(&initial)?;
        self.state().variables.push((variable.clone(), value));
        Ok(variable)
    }

    /// Runs `f` on the graph: ops on its tensors and reads of variables become nodes, as under `as_default()`.
    ///
    /// Assignments to variables are refused here; they belong into [`Graph::operation`].
    pub fn build<T>(&self, f: impl FnOnce() -> T) -> T {
        self.open.enter(f)
    }

    /// An operation that does the assignments to variables that `f` makes.
    ///
    /// # Errors
    /// What `f` returns; `already_exists` for a name that an operation of the graph has; `invalid_argument` if `f`
    /// assigns nothing.
    pub fn operation(&self, name: &str, f: impl FnOnce() -> Result<()>) -> Result<Operation> {
        let (outcome, updates) = self.open.enter_assigning(f);
        outcome?;
        if updates.is_empty() {
            return Err(err!(InvalidArgument, "operation '{name}' assigns no variable"));
        }
        if self.state().operations.iter().any(|o| o.name == name) {
            return Err(err!(AlreadyExists, "graph {}: an operation is called '{name}' already", self.open.name()));
        }
        Ok(self.add_operation(name, updates))
    }

    /// An operation that assigns one value.
    ///
    /// # Errors
    /// As [`Graph::operation`]; `shape_mismatch` or `dtype_mismatch`.
    pub fn assign(&self, name: &str, variable: &Variable, value: &Tensor) -> Result<Operation> {
        self.operation(name, || variable.assign(value))
    }

    fn add_operation(&self, name: &str, updates: Vec<Update>) -> Operation {
        let operation = Operation { name: name.to_string(), graph: self.open.clone(), updates: Arc::new(updates) };
        self.state().operations.push(operation.clone());
        operation
    }

    /// The operation that gives every variable made so far by [`Graph::variable`] its initial value.
    pub fn global_variables_initializer(&self) -> Operation {
        let state = self.state();
        let update = |(variable, value): &(Variable, ValueId)| Update { variable: variable.clone(), value: *value };
        let updates = Arc::new(state.variables.iter().map(update).collect());
        Operation { name: "init".to_string(), graph: self.open.clone(), updates }
    }

    /// The variables made by [`Graph::variable`].
    pub fn global_variables(&self) -> Vec<Variable> {
        self.state().variables.iter().map(|(v, _)| v.clone()).collect()
    }

    /// d(sum of `y`)/dx for each x, as nodes of the graph: `tf.gradients`.
    ///
    /// # Errors
    /// As [`GradientTape::gradient`]; `not_traced` for tensors of another graph.
    pub fn gradients<'a, S: Into<Source<'a>> + Copy>(&self, y: &Tensor, xs: &[S]) -> Result<Vec<Tensor>> {
        let target = self.open.import(y)?;
        let graph = self.open.snapshot();
        self.build(|| {
            let tape = GradientTape::new();
            let mut values: Vec<Option<Tensor>> = vec![None; graph.types.len()];
            for x in xs {
                if let Source::Tensor(x) = (*x).into() {
                    tape.watch(x);
                    values[self.open.import(x)?.index()] = Some(x.clone());
                }
            }
            for input in &graph.inputs {
                let tensor = input.variable.as_ref().map_or_else(|| self.open.tensor(input.value), |v| Some(v.read()));
                values[input.value.index()] = values[input.value.index()].take().or(tensor);
            }
            // The nodes that lead to y run again under the tape; the copies merge with the originals when it is compiled.
            let needed = needed(&graph, [target], &HashSet::new());
            for node in graph.nodes.iter().filter(|n| n.outputs.iter().any(|o| needed[o.index()])) {
                let results = {
                    let inputs = node.inputs.iter().filter_map(|v| values[v.index()].as_ref());
                    call(node.op, &inputs.collect::<SmallVec<[&Tensor; 3]>>(), node.attrs.clone())
                };
                for (value, made) in node.outputs.iter().zip(results) {
                    let slot = &mut values[value.index()];
                    *slot = slot.take().or(Some(made));
                }
            }
            let y = values[target.index()].clone().ok_or_else(|| err!(Internal, "the target was not reached"))?;
            tape.gradient(&y, xs)
        })
    }

    /// Every operation: placeholders, variables, ops, and what [`Graph::operation`] made.
    pub fn get_operations(&self) -> Vec<Listed> {
        let graph = self.open.snapshot();
        let mut listed = graph.operations();
        for operation in &self.state().operations {
            let inputs = operation.updates.iter().map(|u| u.variable.name().to_string()).collect();
            listed.push(Listed { name: operation.name.clone(), op: "assign".to_string(), inputs, outputs: Vec::new() });
        }
        listed
    }

    /// The tensor of a name such as `dense/matmul:0`; without the number, the first result.
    ///
    /// # Errors
    /// `not_found`.
    pub fn get_tensor_by_name(&self, name: &str) -> Result<Tensor> {
        let graph = self.open.snapshot();
        let (operation, result) = match name.rsplit_once(':') {
            Some((operation, number)) if number.parse::<usize>().is_ok() => (operation, number.parse().unwrap_or(0)),
            _ => (name, 0),
        };
        let place = graph.operations().iter().position(|o| o.name == operation);
        let value = place.and_then(|place| match place.checked_sub(graph.inputs.len()) {
            None => (result == 0).then(|| graph.inputs[place].value),
            Some(node) => graph.nodes[node].outputs.get(result).copied(),
        });
        value
            .and_then(|v| self.open.tensor(v))
            .ok_or_else(|| err!(NotFound, "graph {}: there is no tensor '{name}'", graph.name))
    }

    /// The graph so far in Cornet's own form, to be printed or drawn.
    pub fn as_graph(&self) -> cornet_ops::Graph {
        self.open.snapshot()
    }
}

/// For each value, whether `ends` need it, if those in `given` are there already.
fn needed(graph: &cornet_ops::Graph, ends: impl IntoIterator<Item = ValueId>, given: &HashSet<ValueId>) -> Vec<bool> {
    let mut needed = vec![false; graph.types.len()];
    ends.into_iter().for_each(|v| needed[v.index()] = true);
    for node in graph.nodes.iter().rev() {
        if node.outputs.iter().any(|o| needed[o.index()] && !given.contains(o)) {
            node.inputs.iter().for_each(|v| needed[v.index()] = true);
        }
    }
    needed
}

/// Runs parts of a graph. What is compiled for a set of fetches and feeds is kept.
pub struct Session {
    graph: Graph,
    compiled: Mutex<HashMap<Key, Arc<Concrete>>>,
}

/// What one compiled graph is for: values fetched, variables assigned, values fed.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    fetches: Vec<ValueId>,
    updates: Vec<(u64, ValueId)>,
    feeds: Vec<ValueId>,
}

impl Session {
    /// A session on a graph, which may still grow.
    pub fn new(graph: &Graph) -> Self {
        Self { graph: graph.clone(), compiled: Mutex::default() }
    }

    /// How many sets of fetches and feeds have been compiled.
    pub fn compiled(&self) -> usize {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Runs what the fetches need, with values for placeholders (or any other tensors of the graph), and does the fetched
    /// operations. The results are those of the fetched tensors, in order.
    ///
    /// # Errors
    /// `shape_mismatch` or `dtype_mismatch` for a value that does not fit what it is fed to; `not_traced` for a tensor
    /// of another graph; `invalid_argument` where a placeholder is needed but not fed, a tensor fed twice, or a
    /// variable assigned twice; `uninitialized` for a variable without a value; `not_found` for an unknown name.
    pub fn run<F: Into<Fetch>>(
        &self,
        fetches: impl IntoIterator<Item = F>,
        feeds: &[(&Tensor, Tensor)],
    ) -> Result<Vec<Tensor>> {
        let feeds = self.feeds(feeds)?;
        let (mut values, mut updates) = (Vec::new(), Vec::new());
        for fetch in fetches {
            self.resolve(fetch.into(), &mut values, &mut updates)?;
        }
        let key = Key {
            fetches: values,
            updates: updates.iter().map(|u: &Update| (u.variable.id(), u.value)).collect(),
            feeds: feeds.keys().copied().collect(),
        };
        let found = self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let concrete = match found {
            Some(concrete) => concrete,
            None => {
                let concrete = Arc::new(self.compile(&key, updates)?);
                self.compiled.lock().unwrap_or_else(PoisonError::into_inner).insert(key, concrete.clone());
                concrete
            }
        };
        let mut results = Vec::new();
        concrete.run(&feeds.values().collect::<Vec<_>>(), &mut results)?;
        Ok(results.into_iter().map(Tensor::from).collect())
    }

    /// The fed arrays by value, checked.
    fn feeds(&self, feeds: &[(&Tensor, Tensor)]) -> Result<BTreeMap<ValueId, Array>> {
        let mut arrays = BTreeMap::new();
        for (i, (tensor, value)) in feeds.iter().enumerate() {
            let within = |e: cornet_error::Error| e.within(format!("feed {i}"));
            if !tensor.is_traced() {
                return Err(err!(NotTraced, "feed {i}: expected a placeholder, found a tensor that holds a value"));
            }
            let id = self.graph.open.import(tensor).map_err(within)?;
            let name = || match self.graph.open.snapshot().inputs.iter().find(|input| input.value == id) {
                Some(input) => format!("'{}'", input.name),
                None => "a tensor".to_string(),
            };
            let (expected, found) = (tensor.ty()?, value.ty().map_err(within)?);
            if expected.dtype != found.dtype {
                return Err(err!(DtypeMismatch, "feed of {}: expected {expected}, found {found}", name())
                    .help(format!("cast the value to {}", expected.dtype)));
            }
            if expected.shape != found.shape {
                return Err(err!(ShapeMismatch, "feed of {}: expected {expected}, found {found}", name()));
            }
            if arrays.insert(id, value.array().map_err(within)?).is_some() {
                return Err(err!(InvalidArgument, "{} is fed twice", name()));
            }
        }
        Ok(arrays)
    }

    fn resolve(&self, fetch: Fetch, values: &mut Vec<ValueId>, updates: &mut Vec<Update>) -> Result<()> {
        let operation = match fetch {
            Fetch::Tensor(tensor) => {
                values.push(self.graph.open.import(&tensor)?);
                return Ok(());
            }
            Fetch::Operation(operation) => operation,
            Fetch::Name(name) => {
                let found = self.graph.state().operations.iter().find(|o| o.name == name).cloned();
                match found {
                    Some(operation) => operation,
                    None => {
                        values.push(self.graph.open.import(&self.graph.get_tensor_by_name(&name)?)?);
                        return Ok(());
                    }
                }
            }
        };
        for update in operation.updates.iter() {
            // Tells whether the operation is of this graph.
            let value = operation.graph.tensor(update.value);
            self.graph.open.import(&value.ok_or_else(|| err!(Internal, "an operation lost its value"))?)?;
            match updates.iter().find(|u| u.variable == update.variable) {
                Some(held) if held.value == update.value => {}
                Some(_) => {
                    let name = update.variable.name();
                    return Err(err!(
                        InvalidArgument,
                        "variable '{name}' is assigned by two of the fetched operations"
                    )
                    .help("run them one after the other"));
                }
                None => updates.push(update.clone()),
            }
        }
        Ok(())
    }

    /// The part of the graph that the key asks for, compiled.
    fn compile(&self, key: &Key, updates: Vec<Update>) -> Result<Concrete> {
        let mut graph = self.graph.open.snapshot();
        let given: HashSet<ValueId> = key.feeds.iter().copied().collect();
        let ends = key.fetches.iter().copied().chain(updates.iter().map(|u| u.value));
        let needed = needed(&graph, ends, &given);
        let mut inputs: Vec<Input> = Vec::new();
        for (i, &value) in key.feeds.iter().enumerate() {
            let name = graph.inputs.iter().find(|input| input.value == value).map(|input| input.name.clone());
            inputs.push(Input { name: name.unwrap_or_else(|| format!("feed_{i}")), value, variable: None });
        }
        for input in graph.inputs.iter().filter(|i| needed[i.value.index()] && !given.contains(&i.value)) {
            if input.variable.is_none() {
                let ty = graph.type_of(input.value);
                return Err(err!(InvalidArgument, "placeholder '{}' ({ty}) is needed but not fed", input.name)
                    .help("add it to the feeds of this run"));
            }
            inputs.push(input.clone());
        }
        graph.inputs = inputs;
        graph.nodes.retain(|n| n.outputs.iter().any(|o| needed[o.index()] && !given.contains(o)));
        if let Some(node) = graph.nodes.iter().find(|n| n.outputs.iter().any(|o| given.contains(o))) {
            return Err(err!(Unsupported, "one of several results of {} is fed, and others are needed", node.op.name));
        }
        let output = |(i, &value): (usize, &ValueId)| Output { name: format!("fetch_{i}"), value };
        graph.outputs = key.fetches.iter().enumerate().map(output).collect();
        graph.updates = updates;
        Concrete::compile(graph)
    }
}
