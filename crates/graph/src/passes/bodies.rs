//! Optimises the bodies of control flow.

use std::sync::Arc;

use cornet_error::Result;
use cornet_ops::{Attr, Attrs, Graph};

pub(super) fn run(graph: &mut Graph) -> Result<()> {
    for node in &mut graph.nodes {
        if !node.attrs.iter().any(|(_, a)| matches!(a, Attr::Graph(_))) {
            continue;
        }
        let mut attrs = Attrs::default();
        for (name, attr) in node.attrs.iter() {
            attrs = match attr {
                Attr::Graph(body) => attrs.with(name, Arc::new(super::optimize(Graph::clone(body))?)),
                other => attrs.with(name, other.clone()),
            };
        }
        node.attrs = attrs;
    }
    Ok(())
}
