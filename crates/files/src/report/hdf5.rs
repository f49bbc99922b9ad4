//! HDF5: Keras's weights by path, and anything else.

use std::path::Path;

use cornet_error::{Limits, Result};
use cornet_hdf5::{Attribute, File, Group};
use serde_json::{Value, json};

use super::Content;
use crate::detect::Format;
use crate::text::{columns, grouped, shown};

/// The tree of groups and datasets.
pub fn file(path: &Path, format: Format, limits: &Limits) -> Result<Content> {
    let file = File::open(path, limits)?;
    let root = file.root();
    let mut rows = Vec::new();
    tree(root, 1, &mut rows);
    let datasets = rows.iter().filter(|r| r.len() > 1).count();
    let numbers = numbers(root);
    let listed = columns(&rows);
    let text =
        format!("{format}: {datasets} datasets\n{listed}\nparameters {}", grouped(numbers)).trim_end().to_string();
    Ok(Content { text, json: json!({"kind": format.to_string(), "root": as_json(root), "parameters": numbers}) })
}

/// The elements of all datasets.
fn numbers(group: &Group) -> u64 {
    let own = group.datasets().values().map(|d| d.shape().iter().fold(1_u64, |n, &s| n.saturating_mul(s as u64)));
    own.chain(group.groups().values().map(numbers)).fold(0, u64::saturating_add)
}

/// A line for each attribute, dataset and group, indented by depth.
fn tree(group: &Group, depth: usize, rows: &mut Vec<Vec<String>>) {
    let indent = "  ".repeat(depth);
    for (name, attribute) in group.attributes() {
        rows.push(vec![format!("{indent}@{} = {}", shown(name), attribute_text(attribute))]);
    }
    for (name, dataset) in group.datasets() {
        let shape = format!("{:?}", dataset.shape());
        rows.push(vec![format!("{indent}{}", shown(name)), dataset.dtype().name().to_string(), shape]);
    }
    for (name, inner) in group.groups() {
        rows.push(vec![format!("{indent}{}/", shown(name))]);
        tree(inner, depth + 1, rows);
    }
}

fn attribute_text(attribute: &Attribute) -> String {
    match attribute {
        Attribute::Text(text) => format!("'{}'", shown(text)),
        Attribute::Texts(texts) => shown(&format!("{texts:?}")),
        Attribute::Int(n) => n.to_string(),
        Attribute::Ints(n) => shown(&format!("{n:?}")),
        Attribute::Float(x) => x.to_string(),
        Attribute::Floats(x) => shown(&format!("{x:?}")),
        Attribute::Other(what) => shown(what),
        _ => String::new(),
    }
}

fn as_json(group: &Group) -> Value {
    let groups: serde_json::Map<String, Value> = group.groups().iter().map(|(n, g)| (n.clone(), as_json(g))).collect();
    let datasets: serde_json::Map<String, Value> = group
        .datasets()
        .iter()
        .map(|(name, d)| (name.clone(), json!({"dtype": d.dtype().name(), "shape": d.shape()})))
        .collect();
    json!({"groups": groups, "datasets": datasets})
}
