//! Running graphs on tensors: what is traced becomes a compiled graph, what is known is computed at once.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use cornet_error::{Limits, Result, err, fail};
use cornet_ops::random::SeedGenerator;
use cornet_ops::{Tensor, is_tracing};
use cornet_tensor::{Array, DType};

use crate::attr::{Attr, Attrs, Function, PartialShape, dtype};
use crate::checkpoint::Checkpoint;
use crate::control;
use crate::graph::{ARGUMENT, Edge, Graph, Node};
use crate::ops;
use crate::state::State;
use crate::value::{List, Value, not_traced};

/// Nodes that a traced run may come to: a few functions that call each other twice make any number.
const MOST_TRACED: u64 = 4_000_000;
/// The same for a run op by op.
const MOST_STEPS: u64 = 2_000_000_000;

/// A model's graphs and its state.
pub(crate) struct Machine {
    pub graph: Graph,
    pub functions: HashMap<String, Graph>,
    pub state: State,
    pub limits: Limits,
    /// The files that tables may be filled from, by the text that stands for them.
    pub assets: BTreeMap<Vec<u8>, PathBuf>,
    /// The checkpoint, while variables are restored.
    pub checkpoint: Mutex<Option<Checkpoint>>,
    pub seeds: SeedGenerator,
}

/// Conditions that a value depends on in a traced graph: their tensors' numbers, and whether they hold.
type Guards = Option<Arc<Vec<(u64, Tensor, bool)>>>;

/// What a node gave.
pub(crate) struct Out {
    values: Vec<Value>,
    guards: Guards,
    /// The condition of a switch whose value is not known: output 0 counts where it is false, 1 where it is true.
    switch: Option<Tensor>,
    dead: bool,
}

impl Out {
    pub fn of(values: Vec<Value>) -> Self {
        Self { values, guards: None, switch: None, dead: false }
    }

    fn dead() -> Self {
        Self { values: Vec::new(), guards: None, switch: None, dead: true }
    }

    fn guards(&self, port: usize) -> Guards {
        match &self.switch {
            Some(condition) => {
                let mut all = self.guards.as_deref().cloned().unwrap_or_default();
                all.extend(condition.id().map(|id| (id, condition.clone(), port == 1)));
                Some(Arc::new(all))
            }
            None => self.guards.clone(),
        }
    }
}

fn union(a: &mut Guards, b: Guards) {
    match (a.as_ref(), b) {
        (_, None) => {}
        (None, b) => *a = b,
        (Some(old), Some(new)) if Arc::ptr_eq(old, &new) => {}
        (Some(old), Some(new)) => {
            let mut all = old.to_vec();
            for guard in new.iter() {
                if !all.iter().any(|g| g.0 == guard.0 && g.2 == guard.2) {
                    all.push(guard.clone());
                }
            }
            *a = Some(Arc::new(all));
        }
    }
}

/// A graph being run.
pub(crate) struct Scope<'g> {
    pub graph: &'g Graph,
    /// The attributes of the function around, which its nodes may name.
    attrs: Attrs,
    outs: Vec<Option<Out>>,
    /// The results of loops of TensorFlow 1.
    pub loops: HashMap<usize, Vec<Value>>,
}

impl<'g> Scope<'g> {
    pub fn new(graph: &'g Graph, attrs: Attrs) -> Self {
        let outs = std::iter::repeat_with(|| None).take(graph.nodes.len()).collect();
        Self { graph, attrs, outs, loops: HashMap::new() }
    }

    /// Sets what a node gives, before the run.
    pub fn set(&mut self, node: usize, values: Vec<Value>) {
        if let Some(out) = self.outs.get_mut(node) {
            *out = Some(Out::of(values));
        }
    }

    pub fn knows(&self, node: usize) -> bool {
        self.outs.get(node).is_some_and(Option::is_some)
    }

    /// The value of an edge.
    ///
    /// # Errors
    /// `corrupt` for an output that the node has not.
    pub fn value(&self, edge: Edge) -> Result<Value> {
        let node = &self.graph.nodes[edge.node].name;
        match self.outs.get(edge.node).and_then(Option::as_ref) {
            Some(out) if out.dead => Ok(Value::Dead),
            Some(out) => {
                let found = out.values.get(edge.port).cloned();
                found.ok_or_else(|| err!(Corrupt, "node '{node}' has no output {}", edge.port))
            }
            None => Err(err!(Internal, "node '{node}' was not run")),
        }
    }

    fn guards(&self, edge: Edge) -> Guards {
        self.outs.get(edge.node).and_then(Option::as_ref).and_then(|out| out.guards(edge.port))
    }
}

/// One run of a model.
pub(crate) struct Run<'a> {
    pub machine: &'a Machine,
    depth: Cell<usize>,
    steps: Cell<u64>,
}

/// One node with its inputs, as the functions of ops see it.
pub(crate) struct Call<'a, 'r> {
    pub run: &'a Run<'r>,
    pub node: &'a Node,
    pub inputs: Vec<Value>,
    attrs: &'a Attrs,
    /// Whether it counts depends on a condition that is not known.
    pub guarded: bool,
}

impl<'r> Run<'r> {
    pub fn new(machine: &'r Machine) -> Self {
        Self { machine, depth: Cell::new(0), steps: Cell::new(0) }
    }

    fn step(&self) -> Result<()> {
        self.steps.set(self.steps.get() + 1);
        let most = if is_tracing() { MOST_TRACED } else { MOST_STEPS };
        Limits::check("nodes of a run", self.steps.get(), most)
    }

    /// The function of that name.
    ///
    /// # Errors
    /// `corrupt`.
    pub fn function(&self, name: &str) -> Result<&'r Graph> {
        let found = self.machine.functions.get(name);
        found.ok_or_else(|| err!(Corrupt, "there is no function '{name}'"))
    }

    /// Calls a function.
    ///
    /// # Errors
    /// `limit_exceeded` for functions that call each other without end; what its nodes refuse.
    pub fn call(&self, function: &Function, arguments: Vec<Value>) -> Result<Vec<Value>> {
        self.call_graph(self.function(&function.name)?, &function.attrs, arguments)
    }

    fn call_graph(&self, graph: &Graph, attrs: &Attrs, arguments: Vec<Value>) -> Result<Vec<Value>> {
        if arguments.len() != graph.arguments.len() {
            let (expected, found) = (graph.arguments.len(), arguments.len());
            fail!(Corrupt, "function {}: expected {expected} arguments, found {found}", graph.name);
        }
        let order = graph.whole_order()?;
        let mut scope = Scope::new(graph, attrs.clone());
        for (&node, value) in graph.arguments.iter().zip(arguments) {
            scope.set(node, vec![value]);
        }
        self.within(|| self.execute_all(&mut scope, &order))?;
        graph.results.iter().map(|&edge| scope.value(edge)).collect()
    }

    /// Runs what is one level deeper.
    pub fn within<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let depth = self.depth.get() + 1;
        Limits::check("functions: levels of calls", depth as u64, self.machine.limits.depth as u64)?;
        self.depth.set(depth);
        let result = f();
        self.depth.set(depth - 1);
        result
    }

    /// Runs what `fetches` and `controls` need in a scope in which some nodes are set.
    ///
    /// # Errors
    /// What nodes refuse.
    pub fn evaluate(&self, scope: &mut Scope<'_>, fetches: &[Edge], controls: &[usize]) -> Result<Vec<Value>> {
        let roots: Vec<usize> = fetches.iter().map(|e| e.node).chain(controls.iter().copied()).collect();
        let order = scope.graph.order(&roots, &|node| scope.knows(node))?;
        self.execute_all(scope, &order)?;
        fetches.iter().map(|&edge| scope.value(edge)).collect()
    }

    fn execute_all(&self, scope: &mut Scope<'_>, order: &[usize]) -> Result<()> {
        for &at in order {
            if scope.knows(at) {
                continue;
            }
            self.step()?;
            let graph = scope.graph;
            let node = &graph.nodes[at];
            let out = self.execute(scope, at).map_err(|e| e.within(format!("{} ({})", node.name, node.op)))?;
            scope.outs[at] = Some(out);
        }
        Ok(())
    }

    fn execute(&self, scope: &mut Scope<'_>, at: usize) -> Result<Out> {
        let graph = scope.graph;
        let node = &graph.nodes[at];
        match node.op.as_str() {
            "Merge" | "RefMerge" => return merge(scope, node),
            "Exit" | "RefExit" => return Ok(Out::of(vec![control::exit(self, scope, at)?])),
            _ => {}
        }
        let (mut inputs, mut guards) = (Vec::with_capacity(node.inputs.len()), None);
        for &edge in &node.inputs {
            let value = scope.value(edge)?;
            if matches!(value, Value::Dead) {
                return Ok(Out::dead());
            }
            union(&mut guards, scope.guards(edge));
            inputs.push(value);
        }
        for &control in &node.controls {
            match scope.outs.get(control).and_then(Option::as_ref) {
                Some(out) if out.dead || matches!(out.values.as_slice(), [Value::Dead]) => return Ok(Out::dead()),
                Some(out) => union(&mut guards, out.guards.clone()),
                None => {}
            }
        }
        if node.op == "Switch" || node.op == "RefSwitch" {
            let [value, condition] = inputs.as_slice() else {
                fail!(Corrupt, "expected 2 inputs, found {}", inputs.len())
            };
            return switch(value, &condition.tensor()?, guards);
        }
        let attrs = scope.attrs.clone();
        let guarded = guards.is_some();
        let mut call = Call { run: self, node, inputs, attrs: &attrs, guarded };
        let values = self.apply(&mut call)?;
        for value in &values {
            if let Value::Tensor(t) = value
                && let Some(error) = t.error()
            {
                return Err(error.clone());
            }
        }
        Ok(Out { values, guards, switch: None, dead: false })
    }

    fn apply(&self, call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
        let op = call.node.op.as_str();
        if let Some(function) = ops::find(op) {
            return function(call);
        }
        match op {
            "PartitionedCall" | "StatefulPartitionedCall" | "RemoteCall" => {
                let function = call.function("f")?;
                self.call(&function, std::mem::take(&mut call.inputs))
            }
            ARGUMENT => Err(err!(Internal, "an argument without a value")),
            _ => match self.machine.functions.get(op) {
                Some(graph) => self.call_graph(graph, &call.node.attrs, std::mem::take(&mut call.inputs)),
                None => Err(err!(Unsupported, "the op {op} is not supported")),
            },
        }
    }
}

/// What a switch lets through; where the condition is not known, both.
fn switch(value: &Value, condition: &Tensor, guards: Guards) -> Result<Out> {
    if condition.is_traced() {
        let values = vec![value.clone(), value.clone()];
        return Ok(Out { values, guards, switch: Some(condition.clone()), dead: false });
    }
    let values = match condition.cast(DType::Bool).reshape([]).item::<bool>()? {
        true => vec![Value::Dead, value.clone()],
        false => vec![value.clone(), Value::Dead],
    };
    Ok(Out { values, guards, switch: None, dead: false })
}

/// The input that is alive; of two whose condition is not known, a selection.
fn merge(scope: &Scope<'_>, node: &Node) -> Result<Out> {
    let mut alive = Vec::new();
    for (i, &edge) in node.inputs.iter().enumerate() {
        let value = scope.value(edge)?;
        if !matches!(value, Value::Dead) {
            alive.push((i, value, scope.guards(edge)));
        }
    }
    let index = |i: usize| Value::Tensor(Array::scalar(i as i32).into());
    match alive.as_slice() {
        [] => Ok(Out::dead()),
        [(i, value, guards)] => {
            let values = vec![value.clone(), index(*i)];
            Ok(Out { values, guards: guards.clone(), switch: None, dead: false })
        }
        [(i, a, own), (j, b, other)] => {
            let (own, other) =
                (own.as_deref().cloned().unwrap_or_default(), other.as_deref().cloned().unwrap_or_default());
            let differs = own.iter().find(|g| other.iter().any(|o| o.0 == g.0 && o.2 != g.2));
            let (_, condition, holds) = differs.ok_or_else(|| not_traced("branches of an unknown condition meet"))?;
            let (a, b) = (a.tensor()?, b.tensor()?);
            if a.ty()? != b.ty()? {
                return Err(not_traced("branches of different shapes meet"));
            }
            let condition = condition.cast(DType::Bool).reshape([]);
            let chosen = |a: &Tensor, b: &Tensor| if *holds { condition.where_(a, b) } else { condition.where_(b, a) };
            let (i, j) = (Tensor::from(Array::scalar(*i as i32)), Tensor::from(Array::scalar(*j as i32)));
            let values = vec![chosen(&a, &b).into(), chosen(&i, &j).into()];
            let common: Vec<_> =
                own.iter().filter(|g| other.iter().any(|o| o.0 == g.0 && o.2 == g.2)).cloned().collect();
            let guards = (!common.is_empty()).then(|| Arc::new(common));
            Ok(Out { values, guards, switch: None, dead: false })
        }
        _ => Err(not_traced("many branches of unknown conditions meet")),
    }
}

impl Call<'_, '_> {
    /// The input at that place.
    ///
    /// # Errors
    /// `corrupt` if there is none.
    pub fn value(&self, i: usize) -> Result<&Value> {
        let found = self.inputs.len();
        self.inputs.get(i).ok_or_else(|| err!(Corrupt, "expected more than {i} inputs, found {found}"))
    }

    /// The tensor at that place.
    ///
    /// # Errors
    /// As [`Value::tensor`].
    pub fn x(&self, i: usize) -> Result<Tensor> {
        self.value(i)?.tensor()
    }

    /// All inputs from a place on as tensors.
    ///
    /// # Errors
    /// As [`Call::x`].
    pub fn all(&self, from: usize) -> Result<Vec<Tensor>> {
        (from..self.inputs.len()).map(|i| self.x(i)).collect()
    }

    /// The list at that place.
    ///
    /// # Errors
    /// As [`Value::list`].
    pub fn list(&self, i: usize) -> Result<&List> {
        self.value(i)?.list()
    }

    /// The known integers at that place.
    ///
    /// # Errors
    /// `not_traced` if they are not known; `dtype_mismatch`.
    pub fn ints(&self, i: usize) -> Result<Vec<i64>> {
        self.x(i)?.array()?.to_i64()
    }

    /// The known integer at that place.
    ///
    /// # Errors
    /// As [`Call::ints`]; `shape_mismatch` for several.
    pub fn int(&self, i: usize) -> Result<i64> {
        match self.ints(i)?.as_slice() {
            [one] => Ok(*one),
            all => Err(err!(ShapeMismatch, "input {i}: expected one number, found {}", all.len())),
        }
    }

    /// The known number at that place.
    ///
    /// # Errors
    /// As [`Call::int`].
    pub fn float(&self, i: usize) -> Result<f64> {
        match self.x(i)?.array()?.to_f64()?.as_slice() {
            [one] => Ok(*one),
            all => Err(err!(ShapeMismatch, "input {i}: expected one number, found {}", all.len())),
        }
    }

    /// The known sizes at that place.
    ///
    /// # Errors
    /// As [`Call::ints`]; `invalid_argument` for negative ones.
    pub fn sizes(&self, i: usize) -> Result<Vec<usize>> {
        sizes(&self.ints(i)?)
    }

    /// An attribute.
    pub fn attr(&self, name: &str) -> &Attr {
        static EMPTY: Attr = Attr::Empty;
        match self.node.attrs.get(name) {
            Some(Attr::Placeholder(outer)) => self.attrs.get(outer).unwrap_or(&EMPTY),
            Some(attr) => attr,
            None => &EMPTY,
        }
    }

    /// A whole number; `default` where the graph has none.
    pub fn attr_int(&self, name: &str, default: i64) -> i64 {
        if let Attr::Int(v) = self.attr(name) { *v } else { default }
    }

    /// A number; `default` where the graph has none.
    pub fn attr_float(&self, name: &str, default: f64) -> f64 {
        if let Attr::Float(v) = self.attr(name) { f64::from(*v) } else { default }
    }

    /// A truth value; `default` where the graph has none.
    pub fn attr_bool(&self, name: &str, default: bool) -> bool {
        if let Attr::Bool(v) = self.attr(name) { *v } else { default }
    }

    /// A text; `default` where the graph has none.
    pub fn attr_text(&self, name: &str, default: &str) -> String {
        match self.attr(name) {
            Attr::Bytes(b) => String::from_utf8_lossy(b).into_owned(),
            _ => default.to_owned(),
        }
    }

    /// Whole numbers.
    pub fn attr_ints(&self, name: &str) -> Vec<i64> {
        if let Attr::List(list) = self.attr(name) { list.ints.clone() } else { Vec::new() }
    }

    /// A shape.
    pub fn attr_shape(&self, name: &str) -> PartialShape {
        if let Attr::Shape(shape) = self.attr(name) { shape.clone() } else { None }
    }

    /// The dtype of a type.
    ///
    /// # Errors
    /// `corrupt` if there is none; `unsupported` for types without numbers.
    pub fn attr_dtype(&self, name: &str) -> Result<DType> {
        match self.attr(name) {
            Attr::Type(t) => dtype(*t),
            _ => Err(err!(Corrupt, "expected a type in the attribute '{name}', found none")),
        }
    }

    /// The dtype of a type, or another where the graph has none.
    ///
    /// # Errors
    /// `unsupported` for types without numbers.
    pub fn attr_dtype_or(&self, name: &str, default: DType) -> Result<DType> {
        if let Attr::Type(t) = self.attr(name) { dtype(*t) } else { Ok(default) }
    }

    /// A function.
    ///
    /// # Errors
    /// `corrupt` if there is none.
    pub fn function(&self, name: &str) -> Result<Function> {
        match self.attr(name) {
            Attr::Function(function) => Ok(function.clone()),
            _ => Err(err!(Corrupt, "expected a function in the attribute '{name}', found none")),
        }
    }

    /// The name under which a variable or table is shared.
    pub fn shared_name(&self) -> String {
        let name = self.attr_text("shared_name", "");
        let name = if name.is_empty() { self.node.name.clone() } else { name };
        match self.attr_text("container", "") {
            container if container.is_empty() => name,
            container => format!("{container}/{name}"),
        }
    }

    /// Fails where something lasting would be done under a condition that is not known.
    ///
    /// # Errors
    /// `not_traced`.
    pub fn certain(&self) -> Result<()> {
        if self.guarded { Err(not_traced("something lasting is done under a condition")) } else { Ok(()) }
    }
}

/// Sizes from whole numbers.
///
/// # Errors
/// `invalid_argument` for negative ones.
pub(crate) fn sizes(values: &[i64]) -> Result<Vec<usize>> {
    let sizes = values.iter().map(|&v| usize::try_from(v).ok()).collect::<Option<_>>();
    sizes.ok_or_else(|| err!(InvalidArgument, "expected sizes, found {values:?}"))
}
