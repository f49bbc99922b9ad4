//! Computes nodes whose inputs are all constants.

use cornet_error::Result;
use cornet_ops::{Call, Graph, Type, backend};
use cornet_tensor::Array;

/// Results above this size are left to the run: a constant that large costs more memory than time.
const MAX_BYTES: usize = 1 << 20;

pub(super) fn run(graph: &mut Graph) -> Result<bool> {
    let mut constants: Vec<Option<Array>> = vec![None; graph.types.len()];
    let mut changed = false;
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    for node in std::mem::take(&mut graph.nodes) {
        if node.op.name == "constant" {
            constants[node.outputs[0].index()] = node.attrs.array("value").ok().cloned();
            nodes.push(node);
            continue;
        }
        let inputs: Option<Vec<Array>> = node.inputs.iter().map(|v| constants[v.index()].clone()).collect();
        let bytes: usize = node.outputs.iter().map(|v| bytes_of(&graph.types[v.index()])).sum();
        // A broadcast constant is kept: consumers read its one element through strides, or as an immediate.
        let worth = node.op.pure && node.op.name != "broadcast_to" && bytes <= MAX_BYTES;
        let folded = inputs.filter(|_| worth).and_then(|inputs| {
            let types: Vec<Type> = inputs.iter().map(Type::of).collect();
            backend().run(&Call { op: node.op, inputs: &types, attrs: &node.attrs }, &inputs).ok()
        });
        match folded {
            // A node that fails on constants fails when it runs, where the error is reported.
            None => nodes.push(node),
            Some(results) => {
                for (&value, array) in node.outputs.iter().zip(results) {
                    constants[value.index()] = Some(array.clone());
                    nodes.push(constant_node(value, array));
                }
                changed = true;
            }
        }
    }
    graph.nodes = nodes;
    Ok(changed)
}

fn bytes_of(ty: &Type) -> usize {
    ty.shape.elements() * ty.dtype.size().max(16)
}

fn constant_node(value: cornet_ops::ValueId, array: Array) -> cornet_ops::Node {
    let mut scratch = Graph::default();
    scratch.add_constant(array);
    let mut node = scratch.nodes.remove(0);
    node.outputs[0] = value;
    node
}
