//! Graphs as drawings for Graphviz.

use std::collections::HashMap;
use std::fmt::Write;

use cornet_ops::{Attr, Graph, Node, ValueId};

use crate::inspect::operations;
use crate::names::type_text;

/// Longest text of attributes on a node.
const MAX_ATTRS: usize = 60;

/// The graph in Graphviz's DOT language: inputs and nodes as boxes coloured by their kind, types on the edges, scopes
/// and the sub-graphs of control flow as frames.
///
/// ```
/// use cornet_ops::{Type, trace};
/// let ty = Type::new(cornet_tensor::DType::F32, [2, 3]);
/// let graph = trace("f", &[("x", ty)], |x| Ok(vec![x[0].exp()]))?.graph;
/// let dot = cornet_graph::to_dot(&graph);
/// assert!(dot.starts_with("digraph \"f\" {") && dot.contains("float32[2, 3]"));
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub fn to_dot(graph: &Graph) -> String {
    let mut out = format!("digraph {} {{\n  rankdir=TB;\n", label(&graph.name));
    out.push_str("  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11];\n");
    out.push_str("  edge [fontname=\"Helvetica\", fontsize=9, color=\"#555555\"];\n");
    draw(&mut out, graph, "", "  ");
    out.push_str("}\n");
    out
}

/// Draws a graph whose identifiers begin with `prefix`.
fn draw(out: &mut String, graph: &Graph, prefix: &str, indent: &str) {
    let listed = operations(graph);
    let mut sources: HashMap<ValueId, String> = HashMap::new();
    for (i, input) in graph.inputs.iter().enumerate() {
        let id = format!("{prefix}i{i}");
        let color = if input.variable.is_some() { "#f6d9a8" } else { "#d6d6d6" };
        let text = format!("{}\n{}", listed[i].name, listed[i].op);
        let _ = writeln!(out, "{indent}{id} [label={}, fillcolor=\"{color}\"];", label(&text));
        sources.insert(input.value, id);
    }
    let names = listed[graph.inputs.len()..].iter().map(|o| o.name.as_str());
    for (i, (node, name)) in graph.nodes.iter().zip(names).enumerate() {
        let id = format!("{prefix}n{i}");
        let text = format!("{name}{}", attrs(node));
        let _ = writeln!(out, "{indent}{id} [label={}, fillcolor=\"{}\"];", label(&text), color(node));
        node.outputs.iter().for_each(|&o| drop(sources.insert(o, id.clone())));
        for (name, attr) in node.attrs.iter() {
            if let Attr::Graph(body) = attr {
                let inner = format!("{id}_{name}_");
                let _ = writeln!(out, "{indent}subgraph cluster_{inner} {{");
                let _ = writeln!(out, "{indent}  label={}; color=\"#999999\";", label(&format!("{name} of {id}")));
                draw(out, body, &inner, &format!("{indent}  "));
                let _ = writeln!(out, "{indent}}}");
            }
        }
        node.inputs.iter().for_each(|&v| edge(out, graph, &sources, v, &id, indent));
    }
    for (i, output) in graph.outputs.iter().enumerate() {
        let id = format!("{prefix}o{i}");
        let _ = writeln!(out, "{indent}{id} [label={}, shape=ellipse, fillcolor=\"#ffffff\"];", label(&output.name));
        edge(out, graph, &sources, output.value, &id, indent);
    }
    for (i, update) in graph.updates.iter().enumerate() {
        let id = format!("{prefix}u{i}");
        let text = format!("{} :=", update.variable.name());
        let _ = writeln!(out, "{indent}{id} [label={}, fillcolor=\"#f6d9a8\"];", label(&text));
        edge(out, graph, &sources, update.value, &id, indent);
    }
}

fn edge(out: &mut String, graph: &Graph, sources: &HashMap<ValueId, String>, from: ValueId, to: &str, indent: &str) {
    let Some(source) = sources.get(&from) else { return };
    let _ = writeln!(out, "{indent}{source} -> {to} [label={}];", label(&type_text(graph, from)));
}

/// The colour of a node's kind, by the family of its op.
fn color(node: &Node) -> &'static str {
    let holds = |ops: &[&cornet_ops::Op]| ops.iter().any(|op| op.name == node.op.name);
    let family = cornet_ops::FAMILIES.iter().find(|(_, ops)| holds(ops)).map_or("", |(name, _)| *name);
    match family {
        "core" => "#eeeeee",
        "linalg" | "nn" => "#a8c8f0",
        "math" | "logic" | "compare" | "bits" => "#b8e0b8",
        "reduce" | "sort" => "#e8c0d8",
        "shape" | "index" => "#f4f0c0",
        "random" => "#d8c8f0",
        "control" => "#f0b0a8",
        _ => "#c8e8e8",
    }
}

fn attrs(node: &Node) -> String {
    let shown: Vec<String> = node
        .attrs
        .iter()
        .map(|(name, attr)| match attr {
            Attr::Array(x) if x.elements() == 1 && x.to_f64().is_ok() => {
                x.to_f64().map_or_else(|_| String::new(), |v| format!("{:?}", v[0]))
            }
            _ => format!("{name}={attr:?}"),
        })
        .collect();
    let mut text = shown.join(", ");
    if text.chars().count() > MAX_ATTRS {
        text = text.chars().take(MAX_ATTRS).chain("...".chars()).collect();
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// A quoted label: quotes and backslashes escaped, line ends as DOT writes them.
fn label(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
