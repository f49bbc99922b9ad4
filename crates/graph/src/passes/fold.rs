//! Computes nodes whose inputs are all constants.

use cornet_error::Result;
use cornet_ops::{Attr, Attrs, Call, Graph, Node, Type, ValueId, backend, find};
use cornet_tensor::{Array, DType};
use smallvec::smallvec;

/// Results above this size are left to the run: a constant that large costs more memory than time.
const MAX_BYTES: usize = 1 << 20;

/// What is known of a value.
#[derive(Clone)]
enum Known {
    /// All of it.
    Array(Array),
    /// One number throughout, broadcast to the value's shape.
    Uniform(Array),
}

impl Known {
    fn uniform(&self) -> Option<&Array> {
        match self {
            Known::Uniform(one) => Some(one),
            Known::Array(array) => Some(array).filter(|a| a.elements() == 1),
        }
    }
}

pub(super) fn run(graph: &mut Graph) -> Result<bool> {
    let mut known: Vec<Option<Known>> = vec![None; graph.types.len()];
    let mut changed = false;
    let old = std::mem::take(&mut graph.nodes);
    graph.nodes.reserve(old.len());
    for node in old {
        if node.op.name == "constant" {
            known[node.outputs[0].index()] = node.attrs.array("value").ok().cloned().map(Known::Array);
            graph.nodes.push(node);
            continue;
        }
        let inputs: Option<Vec<Known>> = node.inputs.iter().map(|v| known[v.index()].clone()).collect();
        let Some(inputs) = inputs.filter(|_| worth(&node)) else {
            graph.nodes.push(node);
            continue;
        };
        if node.op.name == "broadcast_to" {
            // It is kept: consumers read its one element through strides, or as an immediate.
            known[node.outputs[0].index()] = inputs[0].uniform().cloned().map(Known::Uniform);
            graph.nodes.push(node);
            continue;
        }
        if let Some(results) = computed(graph, &node, &inputs) {
            for (&value, array) in node.outputs.iter().zip(results) {
                known[value.index()] = Some(Known::Array(array.clone()));
                graph.nodes.push(constant(value, array));
            }
            changed = true;
        } else if let Some(one) = computed_once(graph, &node, &inputs) {
            let value = node.outputs[0];
            let scalar = graph.add_value(Type::of(&one));
            known.push(Some(Known::Array(one.clone())));
            known[value.index()] = Some(Known::Uniform(one.clone()));
            graph.nodes.push(constant(scalar, one));
            let attrs = Attrs::default().with("shape", &graph.type_of(value).shape);
            let op = find("broadcast_to").unwrap_or(node.op);
            graph.nodes.push(Node {
                op,
                attrs,
                inputs: smallvec![scalar],
                outputs: smallvec![value],
                scope: node.scope,
            });
            changed = true;
        } else {
            graph.nodes.push(node);
        }
    }
    Ok(changed)
}

/// Sub-graphs are left to the run: a loop may have no end.
fn worth(node: &Node) -> bool {
    node.op.pure && !node.attrs.iter().any(|(_, a)| matches!(a, Attr::Graph(_)))
}

/// The results, if all inputs are wholly known. A node that fails on constants fails when it runs, where the error is
/// reported.
fn computed(graph: &Graph, node: &Node, inputs: &[Known]) -> Option<Vec<Array>> {
    let bytes: usize = node.outputs.iter().map(|v| bytes_of(graph.type_of(*v))).sum();
    let whole = |k: &Known| if let Known::Array(a) = k { Some(a.clone()) } else { None };
    let arrays = inputs.iter().map(whole).collect::<Option<Vec<Array>>>()?;
    (bytes <= MAX_BYTES).then(|| evaluate(node, &arrays))?
}

/// The one number that the result of an element-wise op consists of, if each input consists of one.
fn computed_once(graph: &Graph, node: &Node, inputs: &[Known]) -> Option<Array> {
    let [value] = node.outputs.as_slice() else { return None };
    let ty = graph.type_of(*value);
    if !node.op.is_pointwise() || ty.shape.elements() < 2 || ty.dtype == DType::Str {
        return None;
    }
    let scalar = |k: &Known| k.uniform()?.reshaped([]).ok();
    let scalars = inputs.iter().map(scalar).collect::<Option<Vec<Array>>>()?;
    let one = evaluate(node, &scalars)?.pop()?;
    (Type::of(&one) == Type::new(ty.dtype, [])).then_some(one)
}

fn evaluate(node: &Node, inputs: &[Array]) -> Option<Vec<Array>> {
    let types: Vec<Type> = inputs.iter().map(Type::of).collect();
    let call = Call { op: node.op, inputs: &types, attrs: &node.attrs };
    call.infer().ok()?;
    backend().run(&call, inputs).ok()
}

fn bytes_of(ty: &Type) -> usize {
    ty.shape.elements().saturating_mul(ty.dtype.size().max(16))
}

fn constant(value: ValueId, array: Array) -> Node {
    let mut scratch = Graph::default();
    scratch.add_constant(array);
    let mut node = scratch.nodes.swap_remove(0);
    node.outputs[0] = value;
    node
}
