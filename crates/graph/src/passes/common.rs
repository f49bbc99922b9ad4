//! Merges nodes that compute the same from the same.

use std::collections::HashMap;

use cornet_error::Result;
use cornet_ops::{Attr, Graph, Node, ValueId};

use super::substitute;

/// Constants above this size are not compared.
const MAX_COMPARED_BYTES: usize = 4096;

pub(super) fn run(graph: &mut Graph) -> Result<bool> {
    let mut to: Vec<Option<ValueId>> = vec![None; graph.types.len()];
    let mut seen: HashMap<(&'static str, Vec<ValueId>), Vec<usize>> = HashMap::new();
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        let node = &graph.nodes[i];
        if !node.op.pure || !comparable(node) {
            continue;
        }
        let inputs: Vec<ValueId> = node.inputs.iter().map(|&v| to[v.index()].unwrap_or(v)).collect();
        let same = seen.entry((node.op.name, inputs)).or_default();
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
    }
    Ok(changed && super::dead::run(graph)?)
}

fn comparable(node: &Node) -> bool {
    node.attrs.iter().all(|(_, a)| !matches!(a, Attr::Array(x) if x.bytes().len() > MAX_COMPARED_BYTES))
}
