//! The grammar of graphs, as a check.

use std::collections::HashSet;

use cornet_error::{Result, err};
use cornet_ops::{Attr, Call, Graph, Type, ValueId};

/// Fails unless the graph is well-formed: every value is defined once and before its use, every node has the types
/// that its op infers, each variable is read by one input at most and updated at most once, with values of its type,
/// and sub-graphs are well-formed and get variables as arguments.
///
/// # Errors
/// `internal`, naming the node or value.
pub fn verify(graph: &Graph) -> Result<()> {
    variables(graph)?;
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
        for (name, attr) in node.attrs.iter() {
            let Attr::Graph(body) = attr else { continue };
            let within = |e: cornet_error::Error| e.within(format!("{place} {name}"));
            if body.inputs.iter().any(|i| i.variable.is_some()) || !body.updates.is_empty() {
                return Err(within(err!(Internal, "graph {}: a sub-graph reads or updates a variable", body.name)));
            }
            verify(body).map_err(within)?;
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
        let defined = known.get(update.value.index()) == Some(&true);
        if !defined || graph.type_of(update.value) != update.variable.ty() {
            let name = update.variable.name();
            return Err(err!(Internal, "graph {}: variable '{name}' gets no fitting value", graph.name));
        }
    }
    Ok(())
}

/// Inputs that read variables have their types; each variable has one such input and one update at most.
fn variables(graph: &Graph) -> Result<()> {
    let (mut read, mut updated) = (HashSet::new(), HashSet::new());
    for input in &graph.inputs {
        let Some(variable) = &input.variable else { continue };
        if graph.types.get(input.value.index()) != Some(variable.ty()) {
            return Err(err!(Internal, "graph {}: input '{}' is not of its variable's type", graph.name, input.name));
        }
        if !read.insert(variable.id()) {
            return Err(err!(Internal, "graph {}: variable '{}' is read twice", graph.name, variable.name()));
        }
    }
    match graph.updates.iter().find(|u| !updated.insert(u.variable.id())) {
        Some(u) => Err(err!(Internal, "graph {}: variable '{}' is updated twice", graph.name, u.variable.name())),
        None => Ok(()),
    }
}
