//! The grammar of graphs, as a check.

use cornet_error::{Result, err};
use cornet_ops::{Call, Graph, Type, ValueId};

/// Fails unless the graph is well-formed: every value is defined once and before its use, every node has the types
/// that its op infers, and updates fit their variables.
///
/// # Errors
/// `internal`, naming the node or value.
pub fn verify(graph: &Graph) -> Result<()> {
    let mut defined = vec![false; graph.types.len()];
    let mut define = |value: ValueId, by: &str| match defined.get_mut(value.index()) {
        None => Err(err!(Internal, "graph {}: {by} defines value {} of {}", graph.name, value.0, graph.types.len())),
        Some(true) => Err(err!(Internal, "graph {}: {by} defines value {} again", graph.name, value.0)),
        Some(slot) => {
            *slot = true;
            Ok(())
        }
    };
    for input in &graph.inputs {
        define(input.value, &format!("input '{}'", input.name))?;
    }
    let mut known: Vec<bool> = vec![false; graph.types.len()];
    graph.inputs.iter().for_each(|i| known[i.value.index()] = true);
    for (i, node) in graph.nodes.iter().enumerate() {
        let place = format!("node {i} ({})", node.op.name);
        if let Some(v) = node.inputs.iter().find(|v| !known.get(v.index()).copied().unwrap_or(false)) {
            return Err(err!(Internal, "graph {}: {place} reads value {} before it is defined", graph.name, v.0));
        }
        for &output in &node.outputs {
            define(output, &place)?;
            known[output.index()] = true;
        }
        let inputs: Vec<Type> = node.inputs.iter().map(|&v| graph.type_of(v).clone()).collect();
        let types =
            Call { op: node.op, inputs: &inputs, attrs: &node.attrs }.infer().map_err(|e| e.within(&*graph.name))?;
        let found: Vec<Type> = node.outputs.iter().map(|&v| graph.type_of(v).clone()).collect();
        if types.as_slice() != found {
            return Err(err!(Internal, "graph {}: {place} gives {types:?}, found {found:?}", graph.name));
        }
    }
    for output in &graph.outputs {
        if !known.get(output.value.index()).copied().unwrap_or(false) {
            return Err(err!(Internal, "graph {}: output '{}' is never defined", graph.name, output.name));
        }
    }
    for update in &graph.updates {
        let fits =
            known.get(update.value.index()) == Some(&true) && graph.type_of(update.value) == update.variable.ty();
        if !fits {
            return Err(err!(
                Internal,
                "graph {}: variable '{}' gets no fitting value",
                graph.name,
                update.variable.name()
            ));
        }
    }
    Ok(())
}
