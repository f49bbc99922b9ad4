//! The body of a scan cut in two: what runs forward and keeps values, and what runs back over them.

use std::collections::HashMap;
use std::sync::Arc;

use super::body::{argument_types, inexact, result_types, vjp_with_results};
use crate::core::graph::{Graph, Input, Node, Output, ValueId};
use crate::core::prelude::*;

/// A body cut in two.
pub(super) struct Split {
    /// The body with the values that the way back needs among its results, after its own.
    pub forward: Arc<Graph>,
    /// From cotangents of the inexact results, slices, kept values and constants to cotangents of the inexact
    /// arguments, in this order.
    pub backward: Arc<Graph>,
}

/// Ops that cost less to run again than their results cost to keep.
const CHEAP: &[&str] = &[
    "absolute",
    "add",
    "broadcast_to",
    "cast",
    "constant",
    "equal",
    "flip",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "pad",
    "relu",
    "reshape",
    "sign",
    "slice",
    "square",
    "stop_gradient",
    "subtract",
    "transpose",
    "where",
];

/// Cuts a body of so many carries and sequences.
pub(super) fn split(body: &Graph, carries: usize, sequences: usize) -> Result<Split> {
    let (takes, gives) = (argument_types(body), result_types(body));
    let (wanted, given) = (inexact(&takes), inexact(&gives));
    let mut whole = vjp_with_results(body, &wanted, &given)?;
    if whole.inputs.len() != takes.len() + given.len() || whole.outputs.len() != gives.len() + wanted.len() {
        fail!(Internal, "scan: the derivative of {} has {} arguments", body.name, whole.inputs.len());
    }
    merge_equal(&mut whole);
    join_pads(&mut whole);
    let (own, cotangents) = whole.inputs.split_at(takes.len());
    let flows = reached(&whole, cotangents.iter().map(|i| i.value));
    let varies = reached(&whole, own[..carries + sequences].iter().map(|i| i.value));
    let (results, products) = whole.outputs.split_at(gives.len());

    // What the way back computes, and what it takes from the way there.
    let definitions = whole.definitions();
    let mut saved: Vec<ValueId> = Vec::new();
    let mut again = vec![false; whole.nodes.len()];
    let mut seen = vec![false; whole.types.len()];
    let mut open: Vec<ValueId> = products.iter().map(|o| o.value).collect();
    while let Some(value) = open.pop() {
        if std::mem::replace(&mut seen[value.index()], true) {
            continue;
        }
        let Some(node) = definitions[value.index()] else {
            saved.extend(own[..carries].iter().any(|i| i.value == value).then_some(value));
            continue;
        };
        let at = &whole.nodes[node as usize];
        // A sum with something constant is kept in place of its other part: a bias stays with its product.
        let is_dear = CHEAP.binary_search(&at.op.name).is_err()
            || at.op.name == "add" && at.inputs.iter().any(|v| !varies[v.index()]);
        if !flows[value.index()] && varies[value.index()] && is_dear {
            saved.push(value);
            continue;
        }
        again[node as usize] = true;
        open.extend(&at.inputs);
    }
    saved.sort_unstable();

    let kept: Vec<Output> = saved.iter().enumerate().map(|(i, &value)| named(format!("saved_{i}"), value)).collect();
    let forward_outputs: Vec<Output> = results.iter().cloned().chain(kept).collect();
    let there = needed(&whole, &definitions, forward_outputs.iter().map(|o| o.value), |_| false);
    let part = |name: String, inputs: Vec<Input>, outputs: Vec<Output>, keep: &[bool]| {
        let nodes = whole.nodes.iter().zip(keep).filter(|(_, keep)| **keep).map(|(node, _)| node.clone()).collect();
        Arc::new(Graph { name, inputs, nodes, types: whole.types.clone(), outputs, updates: Vec::new() })
    };
    let slices = &own[carries..carries + sequences];
    let kept = saved.iter().enumerate().map(|(i, &value)| Input { name: format!("saved_{i}"), value, variable: None });
    let back: Vec<Input> = cotangents.iter().chain(slices).cloned().chain(kept).collect();
    let back = [&back[..], &own[carries + sequences..]].concat();
    Ok(Split {
        forward: part(body.name.clone(), own.to_vec(), forward_outputs, &there),
        backward: part(format!("{}_backward", body.name), back, products.to_vec(), &again),
    })
}

fn named(name: String, value: ValueId) -> Output {
    Output { name, value }
}

/// Which values depend on some of `from`.
pub(super) fn reached(graph: &Graph, from: impl Iterator<Item = ValueId>) -> Vec<bool> {
    let mut reached = vec![false; graph.types.len()];
    from.for_each(|value| reached[value.index()] = true);
    for node in &graph.nodes {
        if node.inputs.iter().any(|v| reached[v.index()]) {
            node.outputs.iter().for_each(|o| reached[o.index()] = true);
        }
    }
    reached
}

/// Which nodes values need, as far as they are not `known`.
pub(super) fn needed(
    graph: &Graph,
    definitions: &[Option<u32>],
    values: impl Iterator<Item = ValueId>,
    known: impl Fn(ValueId) -> bool,
) -> Vec<bool> {
    let mut nodes = vec![false; graph.nodes.len()];
    let mut open: Vec<ValueId> = values.collect();
    while let Some(value) = open.pop() {
        let Some(node) = definitions[value.index()].filter(|_| !known(value)) else { continue };
        if !std::mem::replace(&mut nodes[node as usize], true) {
            open.extend(&graph.nodes[node as usize].inputs);
        }
    }
    nodes
}

/// Uses the first of nodes that compute the same from the same.
fn merge_equal(graph: &mut Graph) {
    let mut to: HashMap<ValueId, ValueId> = HashMap::new();
    let mut known: HashMap<(&'static str, Vec<ValueId>), Vec<Node>> = HashMap::new();
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(|v| *v = to.get(v).copied().unwrap_or(*v));
        if node.op.name == "constant" || node.attrs.iter().any(|(_, a)| matches!(a, crate::Attr::Graph(_))) {
            continue;
        }
        let alike = known.entry((node.op.name, node.inputs.to_vec())).or_default();
        match alike.iter().find(|other| other.attrs == node.attrs) {
            Some(first) => to.extend(node.outputs.iter().copied().zip(first.outputs.iter().copied())),
            None => alike.push(node.clone()),
        }
    }
    graph.outputs.iter_mut().for_each(|o| o.value = to.get(&o.value).copied().unwrap_or(o.value));
}

/// Sums of parts that zeros widen, next to each other along one axis, as one concatenation: what the cotangents of
/// slices add up to.
fn join_pads(graph: &mut Graph) {
    let Some(concat) = crate::find("concat") else { return };
    // Along an axis: where each part begins, its size, and its value.
    let mut tilings: HashMap<ValueId, (usize, Vec<(usize, usize, ValueId)>)> = HashMap::new();
    for i in 0..graph.nodes.len() {
        let node = &graph.nodes[i];
        let found = match (node.op.name, node.inputs.as_slice()) {
            ("pad", &[x]) => padded(node, graph.type_of(x)).map(|(axis, start, size)| (axis, vec![(start, size, x)])),
            ("add", [a, b]) => match (tilings.get(a), tilings.get(b)) {
                (Some((axis, a)), Some((other, b))) if axis == other => {
                    let mut all = [&a[..], b].concat();
                    all.sort_unstable();
                    let apart = all.windows(2).all(|w| w[0].0 + w[0].1 <= w[1].0);
                    apart.then_some((*axis, all))
                }
                _ => None,
            },
            _ => None,
        };
        let Some((axis, parts)) = found else { continue };
        let out = node.outputs[0];
        let size = graph.type_of(out).shape.get(axis).copied().unwrap_or_default();
        let dtype = graph.type_of(out).dtype;
        let whole = parts.iter().map(|p| p.1).sum::<usize>() == size;
        let alike = parts.iter().all(|p| graph.type_of(p.2).dtype == dtype);
        if whole && alike && node.op.name == "add" {
            let inputs = parts.iter().map(|p| p.2).collect();
            let node = &mut graph.nodes[i];
            (node.op, node.inputs, node.attrs) = (concat, inputs, attrs! { axis: axis });
        } else {
            tilings.insert(out, (axis, parts));
        }
    }
}

/// The one axis along which a pad puts zeros around its input, where the input begins there, and its size.
fn padded(node: &Node, input: &Type) -> Option<(usize, usize, usize)> {
    let (low, high) = (node.attrs.sizes("low").ok()?, node.attrs.sizes("high").ok()?);
    let plain = node.attrs.float("value").ok()? == 0.0 && node.attrs.sizes("interior").ok()?.iter().all(|&i| i == 0);
    let mut axes = (0..low.len()).filter(|&a| low[a] + high[a] > 0);
    match (axes.next(), axes.next()) {
        (Some(axis), None) if plain => Some((axis, low[axis], *input.shape.get(axis)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::trace_body;
    use super::*;

    #[test]
    fn cheap_ops_are_sorted() {
        assert!(CHEAP.is_sorted());
    }

    /// `s' = tanh(s · w + x)`: back goes the product of `1 - tanh²`, from what tanh gave and the state before.
    #[test]
    fn what_is_cheap_runs_again_and_what_is_not_is_kept() -> Result<()> {
        let ty = || Type::new(DType::F32, [2, 2]);
        let body = trace_body("body", &[ty(), ty(), ty()], |x| {
            let state = (x[0].matmul(&x[2]) + &x[1]).tanh();
            Ok(vec![state])
        })?;
        let parts = split(&body.graph, 1, 1)?;
        assert_eq!(parts.forward.outputs.len(), 1 + 2);
        assert_eq!(parts.backward.inputs.len(), 1 + 1 + 2 + 1);
        assert_eq!(parts.backward.outputs.len(), 3);
        let count = |graph: &Graph, name: &str| graph.nodes.iter().filter(|n| n.op.name == name).count();
        assert_eq!((count(&parts.forward, "tanh"), count(&parts.backward, "tanh")), (1, 0));
        assert_eq!((count(&parts.forward, "matmul"), count(&parts.backward, "matmul")), (1, 2));
        Ok(())
    }

    #[test]
    fn cotangents_of_slices_are_joined() -> Result<()> {
        let body = trace_body("body", &[Type::new(DType::F32, [2, 6])], |x| {
            let parts = x[0].split(3, 1)?;
            Ok(vec![Tensor::concat(&[&parts[0].tanh(), &(&parts[1] * &parts[2]), &parts[2]], 1)])
        })?;
        let parts = split(&body.graph, 1, 0)?;
        let names: Vec<&str> = parts.backward.nodes.iter().map(|n| n.op.name).collect();
        assert!(!names.contains(&"pad") && names.iter().filter(|n| **n == "concat").count() == 1, "{names:?}");
        Ok(())
    }
}
