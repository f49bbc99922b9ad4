//! HDF5: whole models of the older kind, weights, and anything else.

use std::path::Path;

use cornet_error::{Limits, Result};
use cornet_hdf5::{Attribute, File, Group};
use serde_json::{Value, json};

use super::{Report, keras, shown};
use crate::output::columns;

/// A model if it is one, the tree of groups and datasets otherwise.
pub fn file(path: &Path, limits: &Limits) -> Result<Report> {
    let file = File::open(path, limits)?;
    let root = file.root();
    if root.attribute("model_config").is_some() || root.attribute("layer_names").is_some() {
        return keras::model(path, limits);
    }
    let what =
        match root.groups().contains_key("layers") || root.groups().contains_key("_layer_checkpoint_dependencies") {
            true => "Keras weights in HDF5",
            false => "HDF5",
        };
    let mut rows = Vec::new();
    tree(root, 1, &mut rows);
    let datasets = rows.iter().filter(|r| r.len() > 1).count();
    let text = format!("{what}: {datasets} datasets\n{}", columns(&rows)).trim_end().to_string();
    Ok(Report { text, json: json!({"format": "hdf5", "kind": what, "root": as_json(root)}) })
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
