//! What writers need not see: ops on constants, ops that nothing needs.

use std::sync::Arc;

use cornet_ops::{Attrs, Call, Type, backend, find};
use cornet_tensor::Array;

use crate::graph::{Body, OpenAttr, OpenAttrs, OpenNode, Value};

/// Results above this size are left to the program that runs the file.
const MAX_BYTES: usize = 1 << 20;

/// Drops `stop_gradient`, computes what is known, drops what nothing needs; in bodies of control flow too.
pub(crate) fn run(body: &mut Body) {
    for node in &mut body.nodes {
        for (_, attr) in &mut node.attrs.0 {
            if let OpenAttr::Body(inner) = attr {
                run(Arc::make_mut(inner));
            }
        }
    }
    forward(body);
    fold(body);
    drop_dead(body);
}

/// Uses what `stop_gradient` takes in place of what it gives; likewise casts, reshapes and broadcasts that change nothing.
fn forward(body: &mut Body) {
    let mut to: Vec<Value> = (0..body.types.len() as u32).map(Value).collect();
    for i in 0..body.nodes.len() {
        let node = &mut body.nodes[i];
        node.inputs.iter_mut().for_each(|v| *v = to[v.index()]);
        if let ([from], [result]) = (node.inputs.as_slice(), node.outputs.as_slice()) {
            let same = body.types[from.index()] == body.types[result.index()];
            if node.op == "stop_gradient" || same && matches!(node.op, "cast" | "reshape" | "broadcast_to") {
                to[result.index()] = *from;
            }
        }
    }
    body.outputs.iter_mut().for_each(|o| o.value = to[o.value.index()]);
}

fn fold(body: &mut Body) {
    let mut known: Vec<Option<Array>> = vec![None; body.types.len()];
    for i in 0..body.nodes.len() {
        let node = &body.nodes[i];
        if node.op == "constant" {
            known[node.outputs[0].index()] = node.attrs.array("value").ok().cloned();
            continue;
        }
        let inputs: Option<Vec<Array>> = node.inputs.iter().map(|v| known[v.index()].clone()).collect();
        let [output] = node.outputs.as_slice() else { continue };
        let bytes = body.types[output.index()].fixed().map(|s| s.iter().product::<usize>().saturating_mul(8));
        let small = bytes.is_some_and(|bytes| bytes <= MAX_BYTES);
        let (Some(inputs), true) = (inputs, small) else { continue };
        let Some(array) = evaluate(node, &inputs) else { continue };
        known[output.index()] = Some(array.clone());
        let node = &mut body.nodes[i];
        (node.op, node.attrs) = ("constant", OpenAttrs::default().with("value", OpenAttr::Array(array)));
        node.inputs.clear();
    }
}

/// The result of a node whose inputs and attributes are fixed.
fn evaluate(node: &OpenNode, inputs: &[Array]) -> Option<Array> {
    let op = find(node.op).filter(|op| op.pure)?;
    let mut attrs = Attrs::default();
    for (name, attr) in &node.attrs.0 {
        attrs = match attr {
            OpenAttr::Bool(x) => attrs.with(name, *x),
            OpenAttr::Int(x) => attrs.with(name, x.known()?),
            OpenAttr::Float(x) => attrs.with(name, *x),
            OpenAttr::Str(x) => attrs.with(name, &**x),
            OpenAttr::DType(x) => attrs.with(name, *x),
            OpenAttr::Ints(x) => attrs.with(name, x.iter().map(|d| d.known()).collect::<Option<Vec<i64>>>()?),
            OpenAttr::Array(x) => attrs.with(name, x.clone()),
            OpenAttr::Body(_) => return None,
        };
    }
    let types: Vec<Type> = inputs.iter().map(Type::of).collect();
    let call = Call { op, inputs: &types, attrs: &attrs };
    call.infer().ok()?;
    backend().run(&call, inputs).ok()?.pop()
}

fn drop_dead(body: &mut Body) {
    let mut needed = vec![false; body.types.len()];
    body.outputs.iter().for_each(|o| needed[o.value.index()] = true);
    let mut keep = vec![false; body.nodes.len()];
    for (i, node) in body.nodes.iter().enumerate().rev() {
        keep[i] = node.outputs.iter().any(|o| needed[o.index()]);
        if keep[i] {
            node.inputs.iter().for_each(|v| needed[v.index()] = true);
        }
    }
    let mut keep = keep.into_iter();
    body.nodes.retain(|_| keep.next() == Some(true));
    body.variables.retain(|v| needed[v.value.index()]);
}
