//! The calls between the inputs and the outputs of a functional model, in the order in which they run.
//!
//! Source: Keras 3.15.1, `keras.src.ops.function.map_graph`, whose order of layers files depend on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cornet_error::{Result, err};

use super::symbol::{Node, Place};
use crate::layers::Layer;
use crate::layers::layer::place;

/// Calls in order, and layers in Keras's order.
pub(super) struct Order {
    /// Every call, each behind those that it needs.
    pub nodes: Vec<Arc<Node>>,
    /// Every layer once, by falling distance from the outputs.
    pub layers: Vec<Arc<dyn Layer>>,
}

fn id_of(layer: &Arc<dyn Layer>) -> usize {
    Arc::as_ptr(layer).cast::<()>() as usize
}

/// What a call needs: its inputs, and then the tensors among its arguments.
pub(super) fn needs(node: &Node) -> impl Iterator<Item = &Place> {
    node.inputs.iter().chain(node.arguments.tensors.iter().flat_map(|(_, places)| places))
}

/// The calls that outputs need, down to the inputs.
///
/// # Errors
/// `invalid_argument` if an output needs an entry that is no input of the model.
pub(super) fn order(inputs: &[Place], outputs: &[Place]) -> Result<Order> {
    let entries: HashSet<(u64, usize)> = inputs.iter().map(|at| (at.node.id, at.index)).collect();
    let (mut nodes, mut finished) = (Vec::<Arc<Node>>::new(), HashSet::<u64>::new());
    let mut found: Vec<Arc<dyn Layer>> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    // Depth first without recursion: the place, and how many of its needs were visited.
    let mut stack: Vec<(Place, usize)> = Vec::new();
    for output in outputs {
        stack.push((output.clone(), 0));
        while let Some((at, visited)) = stack.pop() {
            let node = at.node.clone();
            if visited == 0 {
                if finished.contains(&node.id) {
                    continue;
                }
                places.entry(id_of(&node.layer)).or_insert_with(|| {
                    found.push(node.layer.clone());
                    found.len() - 1
                });
            }
            let is_entry = entries.contains(&(node.id, at.index));
            if node.inputs.is_empty() && !is_entry {
                return Err(disconnected(&*node.layer, inputs));
            }
            match if is_entry { None } else { needs(&node).nth(visited).cloned() } {
                Some(next) => {
                    stack.push((at, visited + 1));
                    stack.push((next, 0));
                }
                None if finished.insert(node.id) => nodes.push(node),
                None => {}
            }
        }
    }
    // Inputs that no output needs come first.
    for input in inputs {
        if finished.insert(input.node.id) {
            nodes.insert(0, input.node.clone());
            places.insert(id_of(&input.node.layer), usize::MAX);
            found.push(input.node.layer.clone());
        }
    }
    let depths = depths(&nodes);
    let by_place = |layer: &Arc<dyn Layer>| {
        let id = id_of(layer);
        (std::cmp::Reverse(depths.get(&id).copied().unwrap_or(0)), places.get(&id).map_or(0, |at| at.wrapping_add(1)))
    };
    let mut layers = found;
    layers.sort_by_key(by_place);
    Ok(Order { nodes, layers })
}

/// How far each layer is from the outputs.
fn depths(nodes: &[Arc<Node>]) -> HashMap<usize, usize> {
    let (mut of_nodes, mut of_layers) = (HashMap::<u64, usize>::new(), HashMap::<usize, usize>::new());
    for node in nodes.iter().rev() {
        let of_layer = of_layers.entry(id_of(&node.layer)).or_insert(0);
        let depth = of_nodes.get(&node.id).copied().unwrap_or(0).max(*of_layer);
        *of_layer = depth;
        for need in needs(node) {
            let known = of_nodes.entry(need.node.id).or_insert(0);
            *known = (*known).max(depth + 1);
        }
    }
    of_layers
}

fn disconnected(layer: &dyn Layer, inputs: &[Place]) -> cornet_error::Error {
    let names: Vec<&str> = inputs.iter().map(|at| at.node.layer.name()).collect();
    let (found, expected) = (place(layer), names.join(", "));
    err!(InvalidArgument, "inputs of the model: expected all that its outputs need, found none for {found}")
        .operand("inputs", expected)
        .help("the graph is disconnected: add that Input to the model's inputs")
}
