//! Tracing: running a Rust function on stand-ins, so that what it does becomes a graph.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cornet_tensor::{Result, err};
use smallvec::SmallVec;

use super::attrs::Attrs;
use super::graph::{Graph, Input, Node, Output, Update, ValueId};
use super::op::{Op, Type, Types};
use super::tape::{is_recorded, note_read};
use super::tensor::{Repr, Tensor};
use super::variable::Variable;

/// The graph under construction, shared by the tensors that stand for its values.
#[derive(Clone)]
pub(crate) struct Builder(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    graph: Graph,
    /// Constants made of eager tensors, by the tensor's id.
    constants: HashMap<u64, ValueId>,
    /// Tensors of the enclosing trace that became inputs, with the input's value.
    captures: Vec<(Tensor, ValueId)>,
    variables: Vec<VariableState>,
    /// Assignments have no place here.
    reads_only: bool,
}

struct VariableState {
    variable: Variable,
    /// The value as of now: what was read, or what was last assigned.
    current: Tensor,
    assigned: bool,
}

thread_local! {
    static ACTIVE: RefCell<Vec<Builder>> = const { RefCell::new(Vec::new()) };
    static SCOPES: RefCell<Vec<Arc<str>>> = const { RefCell::new(Vec::new()) };
}

/// What tracing a function gave.
pub struct Traced {
    /// The function as a graph. Captured tensors are its last arguments.
    pub graph: Graph,
    /// Tensors of an enclosing trace that the function used, in the order of those last arguments.
    pub captures: Vec<Tensor>,
}

/// Traces `f` on arguments of these types.
///
/// Tensors that hold values become constants; variables become inputs, and what is assigned to them updates. Under
/// an enclosing trace, tensors of that trace become captures.
///
/// # Errors
/// What `f` returns, or the first failure among its results.
pub fn trace(
    name: &str,
    arguments: &[(&str, Type)],
    f: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Traced> {
    let builder = Builder(Arc::default());
    builder.lock().graph.name = name.to_string();
    let inputs: Vec<Tensor> = arguments
        .iter()
        .map(|(name, ty)| {
            let value = builder.lock().graph.add_input(*name, ty.clone());
            Tensor::node(builder.clone(), value, ty.clone())
        })
        .collect();
    let _active = Active::enter(builder.clone());
    for (i, output) in f(&inputs)?.iter().enumerate() {
        let value = builder.import(output)?;
        builder.lock().graph.outputs.push(Output { name: format!("output_{i}"), value });
    }
    builder.finish()
}

/// A graph that stays open: nodes are added to it whenever something runs inside [`OpenGraph::enter`]. The ground of
/// TensorFlow 1's way of building graphs. Clones are the same graph.
#[derive(Clone)]
pub struct OpenGraph(Builder);

impl OpenGraph {
    /// An empty graph.
    pub fn new(name: &str) -> Self {
        let builder = Builder(Arc::default());
        builder.lock().graph.name = name.to_string();
        Self(builder)
    }

    /// Runs `f` with this graph, and no other, taking what ops on its tensors and reads of variables add. Assignments to
    /// variables are refused.
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> T {
        self.0.lock().reads_only = true;
        without_trace(|| {
            let _active = Active::enter(self.0.clone());
            f()
        })
    }

    /// Runs `f` likewise, and gives what it assigned to variables. Reads after that see the variables' own values again.
    pub fn enter_assigning<T>(&self, f: impl FnOnce() -> T) -> (T, Vec<Update>) {
        self.0.lock().reads_only = false;
        let result = without_trace(|| {
            let _active = Active::enter(self.0.clone());
            f()
        });
        (result, self.take_assignments())
    }

    /// Adds an argument.
    pub fn input(&self, name: &str, ty: Type) -> Tensor {
        let value = self.0.lock().graph.add_input(name, ty.clone());
        Tensor::node(self.0.clone(), value, ty)
    }

    /// The value that a tensor is in this graph; a tensor that holds numbers becomes a constant.
    ///
    /// # Errors
    /// The failure that the tensor carries; `not_traced` for a tensor of another graph.
    pub fn import(&self, tensor: &Tensor) -> Result<ValueId> {
        match &tensor.0 {
            Repr::Node(n) if !Arc::ptr_eq(&n.builder.0, &self.0.0) => {
                Err(err!(NotTraced, "a tensor ({}) of another graph was used in graph {}", n.ty, self.name()))
            }
            _ => self.enter(|| self.0.import(tensor)),
        }
    }

    /// The tensor that stands for a value, if the graph has it.
    pub fn tensor(&self, value: ValueId) -> Option<Tensor> {
        let ty = self.0.lock().graph.types.get(value.index())?.clone();
        Some(Tensor::node(self.0.clone(), value, ty))
    }

    /// The graph's name.
    pub fn name(&self) -> String {
        self.0.lock().graph.name.clone()
    }

    /// The graph as it is now, without results and updates.
    pub fn snapshot(&self) -> Graph {
        self.0.lock().graph.clone()
    }

    fn take_assignments(&self) -> Vec<Update> {
        let mut state = self.0.lock();
        let mut updates = Vec::new();
        for held in std::mem::take(&mut state.variables) {
            let read = state.graph.inputs.iter().find(|i| i.variable.as_ref() == Some(&held.variable)).map(|i| i.value);
            if let (true, Repr::Node(node)) = (held.assigned, &held.current.0) {
                updates.push(Update { variable: held.variable.clone(), value: node.value });
            }
            if let Some(value) = read {
                let current = Tensor::node(self.0.clone(), value, held.variable.ty().clone());
                state.variables.push(VariableState { variable: held.variable, current, assigned: false });
            }
        }
        updates
    }
}

/// Runs `f` as if nothing were being traced on this thread.
pub(crate) fn without_trace<T>(f: impl FnOnce() -> T) -> T {
    struct Restore(Vec<Builder>);
    impl Drop for Restore {
        fn drop(&mut self) {
            ACTIVE.with_borrow_mut(|stack| std::mem::swap(stack, &mut self.0));
        }
    }
    let _restore = Restore(ACTIVE.with_borrow_mut(std::mem::take));
    f()
}

/// True while a function is being traced on this thread.
pub fn is_tracing() -> bool {
    ACTIVE.with_borrow(|stack| !stack.is_empty())
}

/// Runs `f` with `name` added to the scope that errors and graph nodes carry.
pub fn scope<T>(name: &str, f: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            SCOPES.with_borrow_mut(|s| s.pop());
        }
    }
    let full = match current_scope() {
        Some(outer) => Arc::from(format!("{outer}/{name}")),
        None => Arc::from(name),
    };
    SCOPES.with_borrow_mut(|s| s.push(full));
    let _leave = Leave;
    f()
}

/// The scope that holds now on this thread.
pub fn current_scope() -> Option<Arc<str>> {
    SCOPES.with_borrow(|s| s.last().cloned())
}

/// Keeps a builder on this thread's stack until dropped, also when the traced function panics.
struct Active;

impl Active {
    fn enter(builder: Builder) -> Self {
        ACTIVE.with_borrow_mut(|stack| stack.push(builder));
        Active
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        ACTIVE.with_borrow_mut(|stack| stack.pop());
    }
}

impl Builder {
    /// The innermost builder of this thread.
    pub fn active() -> Option<Builder> {
        ACTIVE.with_borrow(|stack| stack.last().cloned())
    }

    fn depth(&self) -> Option<usize> {
        ACTIVE.with_borrow(|stack| stack.iter().position(|b| Arc::ptr_eq(&b.0, &self.0)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a node and returns tensors for its results.
    pub fn emit(
        &self,
        op: &'static Op,
        attrs: Attrs,
        inputs: &[&Tensor],
        types: Types,
    ) -> Result<SmallVec<[Tensor; 1]>> {
        let values = inputs.iter().map(|t| self.import(t)).collect::<Result<SmallVec<[ValueId; 3]>>>()?;
        let mut state = self.lock();
        let outputs: SmallVec<[ValueId; 1]> = types.iter().map(|ty| state.graph.add_value(ty.clone())).collect();
        state.graph.nodes.push(Node { op, attrs, inputs: values, outputs: outputs.clone(), scope: current_scope() });
        drop(state);
        Ok(outputs.into_iter().zip(types).map(|(v, ty)| Tensor::node(self.clone(), v, ty)).collect())
    }

    /// The value that `tensor` is in this graph: its own node, a constant, or a capture from an enclosing trace.
    pub fn import(&self, tensor: &Tensor) -> Result<ValueId> {
        match &tensor.0 {
            Repr::Failed(e) => Err(e.clone()),
            Repr::Value(v) => {
                // In the body of a control-flow op, what a tape watches must come in as an operand of that op.
                if self.depth().is_some_and(|d| d > 0) && is_recorded(&[tensor]) {
                    return Ok(self.capture(tensor, v.id, &v.ty));
                }
                let mut state = self.lock();
                if let Some(&value) = state.constants.get(&v.id) {
                    return Ok(value);
                }
                let value = state.graph.add_constant(v.array.clone());
                state.constants.insert(v.id, value);
                Ok(value)
            }
            Repr::Node(n) if Arc::ptr_eq(&n.builder.0, &self.0) => Ok(n.value),
            Repr::Node(n) => {
                if n.builder.depth().is_none() {
                    return Err(err!(NotTraced, "a tensor of a finished trace ({}) was used in another graph", n.ty)
                        .help("return it from the traced function instead of keeping it in a captured variable"));
                }
                Ok(self.capture(tensor, n.id, &n.ty))
            }
        }
    }

    /// The argument that stands for a tensor from outside.
    fn capture(&self, tensor: &Tensor, id: u64, ty: &Type) -> ValueId {
        let mut state = self.lock();
        if let Some((_, value)) = state.captures.iter().find(|(t, _)| t.id() == Some(id)) {
            return *value;
        }
        let name = format!("capture_{}", state.captures.len());
        let value = state.graph.add_value(ty.clone());
        state.graph.inputs.push(Input { name, value, variable: None });
        state.captures.push((tensor.clone(), value));
        value
    }

    /// The variable's value at this point of the trace.
    pub fn read(&self, variable: &Variable) -> Result<Tensor> {
        let known = |s: &State| s.variables.iter().find(|v| v.variable == *variable).map(|v| v.current.clone());
        if let Some(current) = known(&self.lock()) {
            return Ok(current);
        }
        let outer = self.depth().filter(|&d| d > 0).and_then(|d| ACTIVE.with_borrow(|s| s.get(d - 1).cloned()));
        let current = match outer {
            Some(outer) => {
                let tensor = outer.read(variable)?;
                // The tensor that the control-flow op takes, not the one inside its body, is what tapes will see.
                note_read(variable, &tensor);
                let ty = tensor.ty()?;
                Tensor::node(self.clone(), self.import(&tensor)?, ty)
            }
            None => {
                let mut state = self.lock();
                let ty = variable.ty().clone();
                let value = state.graph.add_value(ty.clone());
                let name = variable.name().to_string();
                state.graph.inputs.push(Input { name, value, variable: Some(variable.clone()) });
                drop(state);
                Tensor::node(self.clone(), value, ty)
            }
        };
        let state = VariableState { variable: variable.clone(), current: current.clone(), assigned: false };
        self.lock().variables.push(state);
        Ok(current)
    }

    /// Notes that the variable holds `value` from here on.
    pub fn assign(&self, variable: &Variable, value: &Tensor) -> Result<()> {
        if self.depth() != Some(0) {
            return Err(err!(
                Unsupported,
                "variable '{}' is assigned inside cond, while_loop or scan",
                variable.name()
            )
            .help("return the new value from the body and assign it outside"));
        }
        if self.lock().reads_only {
            return Err(err!(InvalidState, "variable '{}' is assigned while a graph is built", variable.name())
                .help("assign it in an operation of the graph, which a session runs"));
        }
        // An alias node of this graph: a later read must not be mistaken for the tensor that was assigned.
        let ty = variable.ty().clone();
        let current = Tensor::node(self.clone(), self.import(value)?, ty);
        let mut state = self.lock();
        match state.variables.iter_mut().find(|v| v.variable == *variable) {
            Some(v) => {
                v.current = current;
                v.assigned = true;
            }
            None => state.variables.push(VariableState { variable: variable.clone(), current, assigned: true }),
        }
        Ok(())
    }

    fn finish(&self) -> Result<Traced> {
        let mut state = self.lock();
        let assigned: Vec<(Variable, Tensor)> =
            state.variables.iter().filter(|v| v.assigned).map(|v| (v.variable.clone(), v.current.clone())).collect();
        for (variable, current) in assigned {
            let Repr::Node(node) = &current.0 else { continue };
            let value = node.value;
            state.graph.updates.push(Update { variable, value });
        }
        // Captures are the last arguments.
        let captured: Vec<ValueId> = state.captures.iter().map(|(_, v)| *v).collect();
        state.graph.inputs.sort_by_key(|i| captured.iter().position(|v| *v == i.value).map_or(0, |p| p + 1));
        let captures = std::mem::take(&mut state.captures).into_iter().map(|(t, _)| t).collect();
        Ok(Traced { graph: std::mem::take(&mut state.graph), captures })
    }
}
