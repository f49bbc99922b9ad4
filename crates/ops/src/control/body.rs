//! The bodies of control-flow ops: tracing, running, and their vector-Jacobian products.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::core::backend::{Backend, Executable, ReferenceBackend, backend};
use crate::core::graph::{Graph, Input};
use crate::core::prelude::*;
use crate::core::tape::{GradientTape, without_tapes};
use crate::core::trace::{Traced, trace, without_trace};

/// Traces a function whose arguments are named by their place.
pub(super) fn trace_body(
    name: &str,
    arguments: &[Type],
    f: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Traced> {
    let names: Vec<String> = (0..arguments.len()).map(|i| format!("x{i}")).collect();
    let named: Vec<(&str, Type)> = names.iter().map(String::as_str).zip(arguments.iter().cloned()).collect();
    trace(name, &named, f)
}

/// Graphs of the same arguments, and the tensors that any of them captured: the last arguments of all of them.
pub(super) fn unify<const N: usize>(bodies: [Traced; N]) -> ([Arc<Graph>; N], Vec<Tensor>) {
    let mut captures: Vec<Tensor> = Vec::new();
    for tensor in bodies.iter().flat_map(|b| &b.captures) {
        if !captures.iter().any(|c| c.id() == tensor.id()) {
            captures.push(tensor.clone());
        }
    }
    let graphs = bodies.map(|body| {
        let mut graph = body.graph;
        let own = graph.inputs.split_off(graph.inputs.len() - body.captures.len());
        for (i, capture) in captures.iter().enumerate() {
            let place = body.captures.iter().position(|c| c.id() == capture.id());
            let value = match (place, capture.ty()) {
                (Some(place), _) => own[place].value,
                (None, Ok(ty)) => graph.add_value(ty),
                // A failed tensor is never captured.
                (None, Err(_)) => continue,
            };
            graph.inputs.push(Input { name: format!("capture_{i}"), value, variable: None });
        }
        Arc::new(graph)
    });
    (graphs, captures)
}

/// The types of a graph's arguments.
pub(super) fn argument_types(graph: &Graph) -> Vec<Type> {
    graph.arguments().map(|i| graph.type_of(i.value).clone()).collect()
}

/// The types of a graph's results.
pub(super) fn result_types(graph: &Graph) -> Vec<Type> {
    graph.outputs.iter().map(|o| graph.type_of(o.value).clone()).collect()
}

/// Fails unless what enters a body as `what` has the types that it takes.
pub(super) fn expect(what: &str, expected: &[Type], found: &[Type]) -> Result<()> {
    if expected.len() != found.len() {
        fail!(InvalidArgument, "{what}: expected {} values, found {}", expected.len(), found.len());
    }
    match expected.iter().zip(found).position(|(e, f)| e != f) {
        None => Ok(()),
        Some(i) => {
            let (e, f) = (&expected[i], &found[i]);
            let message = format!("{what} {i}: expected {e}, found {f}");
            Err(if e.dtype == f.dtype { err!(ShapeMismatch, "{message}") } else { err!(DtypeMismatch, "{message}") })
        }
    }
}

/// A body ready to run: compiled by the backend in use, or node by node where that is the reference.
pub(super) struct Ready<'a> {
    graph: &'a Graph,
    plan: Option<Arc<dyn Executable>>,
}

/// What is known of a body that ran before.
struct Known {
    graph: Weak<Graph>,
    backend: &'static str,
    plan: Option<Arc<dyn Executable>>,
}

/// Most bodies remembered.
const MOST_KNOWN: usize = 256;

impl<'a> Ready<'a> {
    /// A body that will run many times now: compiled at once.
    pub fn often(graph: &'a Arc<Graph>) -> Self {
        Self { graph, plan: plan(graph, true) }
    }

    /// A body that runs once now: compiled if it ran before, since then it will again.
    pub fn once(graph: &'a Arc<Graph>) -> Self {
        Self { graph, plan: plan(graph, false) }
    }

    /// Runs the body on values, unseen by tapes and traces.
    pub fn run(&self, arguments: &[Array]) -> Result<Vec<Array>> {
        if let Some(plan) = &self.plan {
            let mut results = Vec::new();
            plan.run(&arguments.iter().collect::<Vec<_>>(), &mut results)?;
            return Ok(results);
        }
        let tensors: Vec<Tensor> = arguments.iter().map(Tensor::from).collect();
        let results = without_tapes(|| without_trace(|| self.graph.replay(&tensors)))?;
        results.iter().map(Tensor::array).collect()
    }
}

/// The compiled form of a body, kept as long as the body is; none on the reference backend, or for a body that its
/// backend cannot compile.
fn plan(graph: &Arc<Graph>, now: bool) -> Option<Arc<dyn Executable>> {
    static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());
    let backend = backend();
    if backend.name() == ReferenceBackend.name() {
        return None;
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|k| k.graph.strong_count() > 0);
    let is_it = |k: &Known| k.backend == backend.name() && std::ptr::eq(k.graph.as_ptr(), Arc::as_ptr(graph));
    let seen = known.iter().position(is_it);
    if let Some(plan) = seen.and_then(|at| known[at].plan.clone()) {
        return Some(plan);
    }
    drop(known);
    let plan = if now || seen.is_some() { backend.compile(graph).ok().map(Arc::from) } else { None };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|k| !is_it(k));
    if known.len() == MOST_KNOWN {
        known.remove(0);
    }
    known.push(Known { graph: Arc::downgrade(graph), backend: backend.name(), plan: plan.clone() });
    plan
}

/// The vector-Jacobian product of a graph: from its arguments, and cotangents of the results `given`, to cotangents of
/// the arguments `wanted`.
pub(super) fn vjp(graph: &Graph, wanted: &[usize], given: &[usize]) -> Result<Arc<Graph>> {
    Ok(Arc::new(product(graph, wanted, given, false)?))
}

/// The same with the graph's own results before the cotangents.
pub(super) fn vjp_with_results(graph: &Graph, wanted: &[usize], given: &[usize]) -> Result<Graph> {
    product(graph, wanted, given, true)
}

fn product(graph: &Graph, wanted: &[usize], given: &[usize], with_results: bool) -> Result<Graph> {
    let (mut types, results) = (argument_types(graph), result_types(graph));
    let count = types.len();
    types.extend(given.iter().map(|&i| results[i].clone()));
    let product = |x: &[Tensor]| {
        let (arguments, cotangents) = x.split_at(count);
        let tape = GradientTape::new();
        let sources: Vec<&Tensor> = wanted.iter().map(|&i| &arguments[i]).collect();
        sources.iter().for_each(|s| tape.watch(s));
        let mut results = graph.replay(arguments)?;
        let targets: Vec<(&Tensor, Option<Tensor>)> =
            given.iter().zip(cotangents).map(|(&i, dy)| (&results[i], Some(dy.clone()))).collect();
        let found = tape.gradient_with(&targets, &sources)?;
        if !with_results {
            results.clear();
        }
        results.extend(found);
        Ok(results)
    };
    let traced = without_tapes(|| trace_body(&format!("{}_vjp", graph.name), &types, product))?;
    Ok(traced.graph)
}

/// The places whose type has a derivative.
pub(super) fn inexact(types: &[Type]) -> Vec<usize> {
    (0..types.len()).filter(|&i| types[i].dtype.is_inexact()).collect()
}

/// The one truth value of an array.
pub(super) fn truth(x: &Array) -> Result<bool> {
    match x.cast(DType::Bool)?.to_vec::<bool>()?.as_slice() {
        [b] => Ok(*b),
        _ => Err(err!(ShapeMismatch, "condition: expected one element, found shape {}", x.shape())),
    }
}

/// A condition as a bool without axes.
pub(super) fn condition(x: &Tensor) -> Result<Tensor> {
    let shape = x.shape()?;
    if shape.elements() != 1 {
        fail!(ShapeMismatch, "condition: expected one element, found shape {shape}");
    }
    Ok(x.cast(DType::Bool).reshape([]))
}

/// The results of a call, or the error that they carry.
pub(super) fn checked(results: impl IntoIterator<Item = Tensor>) -> Result<Vec<Tensor>> {
    results.into_iter().map(|t| t.error().cloned().map_or(Ok(t), Err)).collect()
}

/// The types of tensors.
pub(super) fn types(tensors: &[Tensor]) -> Result<Vec<Type>> {
    tensors.iter().map(Tensor::ty).collect()
}
