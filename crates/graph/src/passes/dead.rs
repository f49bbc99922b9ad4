//! Drops nodes that nothing needs, and updates that write a variable's own value.

use cornet_error::Result;
use cornet_ops::Graph;

pub(super) fn run(graph: &mut Graph) -> Result<bool> {
    let (inputs, nodes, updates) = (graph.inputs.len(), graph.nodes.len(), graph.updates.len());
    let read = &graph.inputs;
    graph.updates.retain(|u| !read.iter().any(|i| i.value == u.value && i.variable.as_ref() == Some(&u.variable)));
    let mut needed = vec![false; graph.types.len()];
    let ends = graph.outputs.iter().map(|o| o.value).chain(graph.updates.iter().map(|u| u.value));
    ends.for_each(|v| needed[v.index()] = true);
    // What is not pure does more than give results, and stays.
    for node in graph.nodes.iter().rev() {
        if !node.op.pure || node.outputs.iter().any(|o| needed[o.index()]) {
            node.inputs.iter().for_each(|v| needed[v.index()] = true);
        }
    }
    graph.nodes.retain(|n| !n.op.pure || n.outputs.iter().any(|o| needed[o.index()]));
    // Arguments are the function's signature and stay; variables that are no longer read go.
    graph.inputs.retain(|i| i.variable.is_none() || needed[i.value.index()]);
    Ok((graph.inputs.len(), graph.nodes.len(), graph.updates.len()) != (inputs, nodes, updates))
}
