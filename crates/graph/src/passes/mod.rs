//! Passes: each takes a graph to one that computes the same, smaller or faster.

mod bodies;
mod common;
mod dead;
mod fold;
mod rules;
mod simplify;

use cornet_error::Result;
use cornet_ops::{Graph, ValueId};

/// A pass: its name, and what it does. It says whether it changed anything.
pub struct Pass {
    /// The name, for messages and tests.
    pub name: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// Does it.
    pub run: fn(&mut Graph) -> Result<bool>,
}

/// The passes in the order in which they run.
pub static PASSES: &[Pass] = &[
    Pass {
        name: "simplify",
        doc: "Replaces nodes by simpler ones that give the same bits: x · 1, -(-x), x / 2, transposes of transposes.",
        run: simplify::run,
    },
    Pass { name: "fold", doc: "Computes nodes whose inputs are all constants.", run: fold::run },
    Pass { name: "common", doc: "Merges nodes that compute the same from the same.", run: common::run },
    Pass { name: "dead", doc: "Drops nodes that nothing needs.", run: dead::run },
];

/// Most rounds of all passes; each round either changes something or is the last.
const MAX_ROUNDS: usize = 8;

/// Runs all passes until none changes anything, in the bodies of control flow first. Debug builds verify the graph
/// after each.
///
/// The result computes the same for every input; it is not meant to be differentiated, since `stop_gradient` is gone.
///
/// # Errors
/// `internal` if a pass broke the graph.
pub fn optimize(mut graph: Graph) -> Result<Graph> {
    if cfg!(debug_assertions) {
        crate::verify(&graph)?;
    }
    bodies::run(&mut graph)?;
    for _ in 0..MAX_ROUNDS {
        let mut changed = false;
        for pass in PASSES {
            changed |= (pass.run)(&mut graph)?;
            if cfg!(debug_assertions) {
                crate::verify(&graph).map_err(|e| e.within(format!("after pass {}", pass.name)))?;
            }
        }
        if !changed {
            break;
        }
    }
    Ok(graph)
}

/// Replaces values throughout: `to[v]` stands for `v`. Chains are followed.
fn substitute(graph: &mut Graph, to: &[Option<ValueId>]) {
    let find = |mut v: ValueId| {
        while let Some(next) = to[v.index()] {
            v = next;
        }
        v
    };
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(|v| *v = find(*v));
    }
    graph.outputs.iter_mut().for_each(|o| o.value = find(o.value));
    graph.updates.iter_mut().for_each(|u| u.value = find(u.value));
}
