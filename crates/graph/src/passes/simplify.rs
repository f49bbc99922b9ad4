//! Replaces nodes by simpler ones. A rule looks at one node and the definitions of its inputs, and answers with a
//! value to use instead, or with a node to put in its place.

use cornet_error::Result;
use cornet_ops::{Attrs, Graph, Node, Op, ValueId, find};
use cornet_tensor::{Array, DType};

use super::substitute;

/// What a rule answers.
enum Rewrite {
    /// Use this value instead.
    Value(ValueId),
    /// Put this op on these inputs in its place.
    Node(&'static Op, Attrs, Vec<ValueId>),
}

type Rule = fn(&View<'_>, &Node) -> Option<Rewrite>;

static RULES: &[Rule] = &[identity_move, neutral_operand, double_negation, nested_move, stopped, cast_chain];

/// The graph as rules see it.
struct View<'g> {
    graph: &'g Graph,
    definitions: Vec<Option<u32>>,
}

impl<'g> View<'g> {
    fn definition(&self, value: ValueId) -> Option<&'g Node> {
        self.definitions[value.index()].map(|i| &self.graph.nodes[i as usize])
    }

    /// The number a value consists of, if it is a constant of one number, broadcast or not.
    fn number(&self, value: ValueId) -> Option<f64> {
        let node = self.definition(value)?;
        if node.op.name == "broadcast_to" {
            return self.number(node.inputs[0]);
        }
        let array: &Array = self.graph.constant(&self.definitions, value)?;
        if array.elements() != 1 || array.dtype() == DType::Str || array.dtype().is_complex() {
            return None;
        }
        array.to_f64().ok()?.first().copied()
    }
}

pub(super) fn run(graph: &mut Graph) -> Result<bool> {
    let mut to: Vec<Option<ValueId>> = vec![None; graph.types.len()];
    let mut replaced: Vec<(usize, Node)> = Vec::new();
    let view = View { graph, definitions: graph.definitions() };
    for (i, node) in graph.nodes.iter().enumerate() {
        match RULES.iter().find_map(|rule| rule(&view, node)) {
            Some(Rewrite::Value(value)) => to[node.outputs[0].index()] = Some(value),
            Some(Rewrite::Node(op, attrs, inputs)) => {
                replaced.push((i, Node { op, attrs, inputs: inputs.into(), ..node.clone() }));
            }
            None => {}
        }
    }
    let changed = !replaced.is_empty() || to.iter().any(Option::is_some);
    for (i, node) in replaced {
        graph.nodes[i] = node;
    }
    if changed {
        substitute(graph, &to);
    }
    Ok(changed)
}

/// Moves and casts that change nothing.
fn identity_move(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let &[x] = node.inputs.as_slice() else { return None };
    let unchanged = match node.op.name {
        "reshape" | "broadcast_to" | "cast" => view.graph.type_of(x) == view.graph.type_of(node.outputs[0]),
        "transpose" => node.attrs.sizes("axes").ok()?.iter().copied().eq(0..view.graph.type_of(x).shape.rank()),
        _ => false,
    };
    unchanged.then_some(Rewrite::Value(x))
}

/// `x + 0`, `x - 0`, `x · 1`, `x / 1`. (`x + 0` turns -0 into 0; the difference is below what any test of equality sees.)
fn neutral_operand(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let &[a, b] = node.inputs.as_slice() else { return None };
    let same = |v: ValueId| view.graph.type_of(v) == view.graph.type_of(node.outputs[0]);
    let is = |v: ValueId, x: f64| view.number(v) == Some(x);
    let neutral = match node.op.name {
        "add" | "subtract" => 0.0,
        "multiply" | "divide" => 1.0,
        _ => return None,
    };
    let commutes = matches!(node.op.name, "add" | "multiply");
    match () {
        () if same(a) && is(b, neutral) => Some(Rewrite::Value(a)),
        () if commutes && same(b) && is(a, neutral) => Some(Rewrite::Value(b)),
        () => None,
    }
}

/// `-(-x)`.
fn double_negation(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let inner = view.definition(*node.inputs.first()?)?;
    let cancels = node.op.name == inner.op.name && matches!(node.op.name, "negative" | "logical_not" | "conj");
    cancels.then(|| Rewrite::Value(inner.inputs[0]))
}

/// A transpose of a transpose, a reshape of a reshape, a broadcast of a broadcast.
fn nested_move(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let inner = view.definition(*node.inputs.first()?)?;
    if node.op != inner.op {
        return None;
    }
    let x = inner.inputs.first().copied()?;
    match node.op.name {
        "reshape" | "broadcast_to" => Some(Rewrite::Node(node.op, node.attrs.clone(), vec![x])),
        "transpose" => {
            let (outer, inner) = (node.attrs.sizes("axes").ok()?, inner.attrs.sizes("axes").ok()?);
            let axes: Vec<usize> = outer.iter().map(|&a| inner[a]).collect();
            Some(Rewrite::Node(node.op, Attrs::default().with("axes", axes), vec![x]))
        }
        _ => None,
    }
}

/// `stop_gradient` has done its work once the gradient is taken.
fn stopped(_: &View<'_>, node: &Node) -> Option<Rewrite> {
    (node.op.name == "stop_gradient").then(|| Rewrite::Value(node.inputs[0]))
}

/// A cast of a cast that lost nothing.
fn cast_chain(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let inner = view.definition(*node.inputs.first()?)?;
    if node.op.name != "cast" || inner.op.name != "cast" {
        return None;
    }
    let (from, middle) = (view.graph.type_of(inner.inputs[0]).dtype, view.graph.type_of(node.inputs[0]).dtype);
    let lossless = match (from, middle) {
        (DType::Bool, _) => true,
        (DType::F16 | DType::BF16, DType::F32 | DType::F64) | (DType::F32, DType::F64) => true,
        (a, b) if a.is_signed_int() && b.is_signed_int() => a.size() <= b.size(),
        (a, b) if a.is_unsigned_int() && b.is_int() => a.size() < b.size() || a == b,
        _ => false,
    };
    lossless.then(|| Rewrite::Node(find("cast").unwrap_or(node.op), node.attrs.clone(), vec![inner.inputs[0]]))
}
