//! A graph made ready to run: names resolved to places, functions found, bodies planned.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cornet_error::{Error, Limits, Result, err, fail};

use crate::ops::{self, Entry};
use crate::proto::{Attribute, Constant, Domain, FunctionDef, GraphDef, ModelDef, Node};
use crate::value::Value;

/// A graph made ready to run.
#[derive(Default)]
pub(crate) struct Plan {
    /// How many values it has.
    pub places: usize,
    /// Places of the inputs; none for an input nobody uses and that has no name.
    pub inputs: Vec<usize>,
    /// Constants and their places.
    pub constants: Vec<(usize, Value)>,
    /// What is taken from the graph around it: the place there, and the place here.
    pub captures: Vec<(usize, usize)>,
    /// The nodes, in order.
    pub steps: Vec<Step>,
    /// Places of the outputs.
    pub outputs: Vec<usize>,
    /// Whether a node asks for gradients.
    pub differentiates: bool,
}

/// A node made ready to run.
pub(crate) struct Step {
    /// The node, references to a function's attributes replaced.
    pub node: Arc<Node>,
    /// Version of its operator set.
    pub opset: i64,
    /// What runs it.
    pub act: Act,
    /// Places of its inputs.
    pub inputs: Vec<Option<usize>>,
    /// Places of its outputs.
    pub outputs: Vec<Option<usize>>,
    /// Its bodies, by attribute.
    pub bodies: Vec<(String, Arc<Plan>)>,
    /// Places that nobody reads after it.
    pub dead: Vec<usize>,
}

/// What runs a node.
pub(crate) enum Act {
    /// An operator.
    Op(&'static Entry),
    /// A function of the model.
    Function(Arc<Plan>),
    /// Nothing: why.
    Missing(String),
}

impl Plan {
    /// How many nodes there are, those of bodies and functions included.
    pub fn size(&self) -> usize {
        let inner = |step: &Step| {
            let function = if let Act::Function(plan) = &step.act { plan.size() } else { 0 };
            1 + function + step.bodies.iter().map(|(_, b)| b.size()).sum::<usize>()
        };
        self.steps.iter().map(inner).sum()
    }

    /// Calls `visit` for each node, those of bodies and functions included.
    pub fn visit(&self, visit: &mut impl FnMut(&Step)) {
        for step in &self.steps {
            visit(step);
            if let Act::Function(plan) = &step.act {
                plan.visit(visit);
            }
            step.bodies.iter().for_each(|(_, body)| body.visit(visit));
        }
    }
}

/// Plans the graphs of a model.
pub(crate) struct Planner<'a> {
    model: &'a ModelDef,
    limits: Limits,
    functions: HashMap<(&'a str, &'a str, &'a str), &'a Arc<FunctionDef>>,
    steps: Cell<u64>,
}

/// What holds where a node stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    opsets: &'a [Domain],
    bindings: &'a [(String, Attribute)],
    in_function: bool,
    depth: usize,
}

/// Names of a graph under planning.
#[derive(Default)]
struct Scope {
    /// Every name that is known here, with its place.
    names: HashMap<String, usize>,
    /// The names that this graph itself defines.
    own: HashSet<String>,
    places: usize,
    captures: Vec<(usize, usize)>,
}

impl Scope {
    fn fresh(&mut self, name: &str) -> usize {
        let place = self.places;
        self.places += 1;
        self.names.insert(name.to_owned(), place);
        place
    }
}

/// The graphs around a node, the innermost last.
#[derive(Default)]
struct Scopes(Vec<Scope>);

impl Scopes {
    fn enter(&mut self) {
        self.0.push(Scope::default());
    }

    fn leave(&mut self) -> Scope {
        self.0.pop().unwrap_or_default()
    }

    /// A name that the innermost graph gives a value.
    fn define(&mut self, name: &str) -> Result<usize> {
        let Some(scope) = self.0.last_mut() else { fail!(Internal, "no graph is being planned") };
        if !scope.own.insert(name.to_owned()) {
            fail!(Corrupt, "value '{name}': expected one definition, found two");
        }
        Ok(scope.fresh(name))
    }

    /// The place of a name in the innermost graph; what an outer graph defines is captured by those between.
    fn find(&mut self, name: &str) -> Option<usize> {
        let level = self.0.iter().rposition(|scope| scope.names.contains_key(name))?;
        let mut place = *self.0[level].names.get(name)?;
        for scope in &mut self.0[level + 1..] {
            let inner = scope.fresh(name);
            scope.captures.push((place, inner));
            place = inner;
        }
        Some(place)
    }
}

impl<'a> Planner<'a> {
    pub fn new(model: &'a ModelDef, limits: &Limits) -> Result<Self> {
        let mut functions = HashMap::new();
        for function in &model.functions {
            let key = (function.domain.as_str(), function.name.as_str(), function.overload.as_str());
            if functions.insert(key, function).is_some() {
                fail!(Corrupt, "function {}.{}: expected one definition, found two", function.domain, function.name);
            }
        }
        Ok(Self { model, limits: *limits, functions, steps: Cell::new(0) })
    }

    /// Plans the main graph.
    ///
    /// # Errors
    /// `corrupt` for values that are used and not defined before, or defined twice; `limit_exceeded` for functions that
    /// call each other without end.
    pub fn main(&self) -> Result<Plan> {
        let place = Place { opsets: &self.model.opsets, bindings: &[], in_function: false, depth: 0 };
        self.graph(&self.model.graph, &mut Scopes::default(), place)
    }

    fn graph(&self, graph: &GraphDef, scopes: &mut Scopes, place: Place<'_>) -> Result<Plan> {
        scopes.enter();
        let mut plan = Plan::default();
        let mut defaults: HashMap<&str, &Constant> = HashMap::new();
        for constant in &graph.initializers {
            if defaults.insert(&constant.name, constant).is_some() {
                fail!(Corrupt, "initializer '{}': expected one definition, found two", constant.name);
            }
        }
        for input in &graph.inputs {
            // Inputs of the model that have a value are constants; those of a body are given theirs.
            if place.depth > 0 || !defaults.contains_key(input.name.as_str()) {
                plan.inputs.push(scopes.define(&input.name)?);
                defaults.remove(input.name.as_str());
            }
        }
        for constant in graph.initializers.iter().filter(|c| defaults.contains_key(c.name.as_str())) {
            plan.constants.push((scopes.define(&constant.name)?, value_of(constant)));
        }
        self.nodes(&graph.nodes, scopes, place, &mut plan)?;
        for output in &graph.outputs {
            plan.outputs.push(scopes.find(&output.name).ok_or_else(|| undefined("output", &output.name))?);
        }
        finish(&mut plan, scopes.leave());
        Ok(plan)
    }

    fn nodes(&self, nodes: &[Arc<Node>], scopes: &mut Scopes, place: Place<'_>, plan: &mut Plan) -> Result<()> {
        for node in nodes {
            self.steps.set(self.steps.get() + 1);
            Limits::check("onnx: nodes, functions put in place", self.steps.get(), 4 * self.limits.entries as u64)?;
            let mut step = self.step(node, scopes, place).map_err(|e| e.within(node.label()))?;
            if node.op_type == ops::gradient::NAME {
                // What is differentiated is named by an attribute alone.
                let Some(Attribute::Text(name)) = step.node.attribute("y") else {
                    fail!(Corrupt, "{}: expected the name of a value, found none", node.label());
                };
                let name = String::from_utf8_lossy(name).into_owned();
                step.inputs.push(Some(scopes.find(&name).ok_or_else(|| undefined("value", &name))?));
                plan.differentiates = true;
            }
            plan.steps.push(step);
        }
        Ok(())
    }

    fn step(&self, node: &Arc<Node>, scopes: &mut Scopes, place: Place<'_>) -> Result<Step> {
        let node = bound(node, place);
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for name in &node.inputs {
            inputs.push(match name.as_str() {
                "" => None,
                name => Some(scopes.find(name).ok_or_else(|| undefined("input", name))?),
            });
        }
        let mut bodies = Vec::new();
        for (name, attribute) in &node.attributes {
            if let Attribute::Graph(graph) = attribute {
                bodies.push((name.clone(), Arc::new(self.body(graph, scopes, place)?)));
            }
        }
        let opset = self.opset(&node, place);
        let act = self.act(&node, opset, place)?;
        let mut outputs = Vec::with_capacity(node.outputs.len());
        for name in &node.outputs {
            outputs.push(if name.is_empty() { None } else { Some(scopes.define(name)?) });
        }
        let opset = opset.unwrap_or(1);
        Ok(Step { node, opset, act, inputs, outputs, bodies, dead: Vec::new() })
    }

    fn opset(&self, node: &Node, place: Place<'_>) -> Option<i64> {
        let stated = place.opsets.iter().find(|d| d.name == node.domain).map(|d| d.version);
        stated.or_else(|| self.model.opset(&node.domain))
    }

    fn body(&self, graph: &GraphDef, scopes: &mut Scopes, place: Place<'_>) -> Result<Plan> {
        let depth = place.depth + 1;
        Limits::check("onnx: levels of graphs and functions", depth as u64, self.limits.depth as u64)?;
        self.graph(graph, scopes, Place { depth, ..place })
    }

    fn act(&self, node: &Node, opset: Option<i64>, place: Place<'_>) -> Result<Act> {
        let key = (node.domain.as_str(), node.op_type.as_str(), node.overload.as_str());
        if let Some(function) = self.functions.get(&key) {
            let depth = place.depth + 1;
            Limits::check("onnx: levels of graphs and functions", depth as u64, self.limits.depth as u64)
                .map_err(|e| e.help("a function may not call itself"))?;
            let plan = self.function(function, node, depth)?;
            return Ok(Act::Function(Arc::new(plan)));
        }
        let Some(opset) = opset else {
            return Ok(Act::Missing(format!("the model imports no operator set '{}'", node.domain)));
        };
        Ok(match ops::find(&node.domain, &node.op_type) {
            Some(entry) if opset >= entry.since || opset < 7 => Act::Op(entry),
            Some(entry) => {
                let since = entry.since;
                Act::Missing(format!("{}: expected opset {since} or newer, found {opset}", node.full_type()))
            }
            None => Act::Missing(format!("operator {} is not supported", node.full_type())),
        })
    }

    fn function(&self, function: &FunctionDef, call: &Node, depth: usize) -> Result<Plan> {
        let mut bindings = function.defaults.clone();
        bindings.retain(|(name, _)| call.attribute(name).is_none());
        bindings.extend(call.attributes.iter().cloned());
        let place = Place { opsets: &function.opsets, bindings: &bindings, in_function: true, depth };
        let (mut plan, mut scopes) = (Plan::default(), Scopes::default());
        scopes.enter();
        for name in &function.inputs {
            plan.inputs.push(scopes.define(name)?);
        }
        self.nodes(&function.nodes, &mut scopes, place, &mut plan)
            .map_err(|e: Error| e.within(format!("function {}", function.name)))?;
        for name in &function.outputs {
            plan.outputs.push(scopes.find(name).ok_or_else(|| undefined("output", name))?);
        }
        finish(&mut plan, scopes.leave());
        Ok(plan)
    }
}

/// The node with the function's attributes in place of references to them.
fn bound(node: &Arc<Node>, place: Place<'_>) -> Arc<Node> {
    let refers = |attribute: &Attribute| matches!(attribute, Attribute::Reference(_));
    if !place.in_function || !node.attributes.iter().any(|(_, a)| refers(a)) {
        return node.clone();
    }
    let mut node = Node::clone(node);
    node.attributes = std::mem::take(&mut node.attributes)
        .into_iter()
        .filter_map(|(name, attribute)| {
            let Attribute::Reference(reference) = &attribute else { return Some((name, attribute)) };
            let found = place.bindings.iter().find(|(n, _)| n == reference)?;
            Some((name, found.1.clone()))
        })
        .collect();
    Arc::new(node)
}

fn undefined(what: &str, name: &str) -> Error {
    err!(Corrupt, "{what} '{name}': expected a value that is defined before, found none")
        .help("the graph has a cycle, its nodes are out of order, or a name is wrong")
}

pub(crate) fn value_of(constant: &Constant) -> Value {
    Value::of_parts(constant.narrow, (&constant.array).into())
}

/// Notes after which step each value is no longer read.
fn finish(plan: &mut Plan, scope: Scope) {
    plan.places = scope.places;
    plan.captures = scope.captures;
    let mut read = vec![false; plan.places];
    plan.outputs.iter().for_each(|&o| read[o] = true);
    for step in plan.steps.iter_mut().rev() {
        let taken = step.bodies.iter().flat_map(|(_, body)| body.captures.iter().map(|&(outer, _)| outer));
        let uses: Vec<usize> = step.inputs.iter().flatten().copied().chain(taken).collect();
        for place in uses.into_iter().chain(step.outputs.iter().flatten().copied()) {
            if !std::mem::replace(&mut read[place], true) {
                step.dead.push(place);
            }
        }
    }
}
