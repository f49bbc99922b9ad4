//! Merges nodes that compute the same from the same.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use cornet_error::Result;
use cornet_ops::{Attr, Graph, Node, ValueId};

use super::substitute;

/// Constants above this size are not compared.
const MAX_COMPARED_BYTES: usize = 4096;

/// Ops that give the same when their two operands change places.
const COMMUTATIVE: &[&str] = &[
    "add",
    "multiply",
    "equal",
    "not_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
];

pub(super) fn run(graph: &mut Graph) -> Result<bool> {
    let mut to: Vec<Option<ValueId>> = vec![None; graph.types.len()];
    let mut seen: HashMap<(&'static str, Vec<ValueId>, u64), Vec<usize>> = HashMap::new();
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        let node = &graph.nodes[i];
        if !node.op.pure || !comparable(node) {
            continue;
        }
        let mut inputs: Vec<ValueId> = node.inputs.iter().map(|&v| to[v.index()].unwrap_or(v)).collect();
        if COMMUTATIVE.contains(&node.op.name) {
            inputs.sort_unstable();
        }
        let same = seen.entry((node.op.name, inputs, fingerprint(node))).or_default();
        match same.iter().find(|&&j| graph.nodes[j].attrs == node.attrs) {
            Some(&j) => {
                for (&from, &into) in node.outputs.iter().zip(&graph.nodes[j].outputs) {
                    to[from.index()] = Some(into);
                }
                changed = true;
            }
            None => same.push(i),
        }
    }
    if changed {
        substitute(graph, &to);
        super::dead::run(graph)?;
    }
    Ok(changed)
}

fn comparable(node: &Node) -> bool {
    node.attrs.iter().all(|(_, a)| !matches!(a, Attr::Array(x) if x.bytes().len() > MAX_COMPARED_BYTES))
}

/// A number that equal attributes share.
fn fingerprint(node: &Node) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, attr) in node.attrs.iter() {
        name.hash(&mut hasher);
        match attr {
            Attr::Bool(x) => x.hash(&mut hasher),
            Attr::Int(x) => x.hash(&mut hasher),
            Attr::Float(x) => x.to_bits().hash(&mut hasher),
            Attr::Str(x) => x.hash(&mut hasher),
            Attr::DType(x) => x.hash(&mut hasher),
            Attr::Ints(x) => x.hash(&mut hasher),
            Attr::Array(x) => x.bytes().hash(&mut hasher),
            Attr::Graph(x) => x.name.hash(&mut hasher),
        }
    }
    hasher.finish()
}
