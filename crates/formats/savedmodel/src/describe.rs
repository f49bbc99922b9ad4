//! Signatures in the words of `saved_model_cli show --all`.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::attr::{PartialShape, type_name};
use crate::proto::{MetaGraph, TensorInfo};

/// A shape as the tool writes it.
pub(crate) fn shape(shape: &PartialShape) -> String {
    match shape {
        None => "unknown_rank".to_owned(),
        Some(sizes) => format!("({})", sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn tensors(out: &mut String, what: &str, infos: &BTreeMap<String, TensorInfo>) {
    let _ = writeln!(out, "  The given SavedModel SignatureDef contains the following {what}(s):");
    for (name, info) in infos {
        let _ = writeln!(out, "    {what}s['{name}'] tensor_info:");
        let _ = writeln!(out, "        dtype: {}", type_name(info.data_type));
        let _ = writeln!(out, "        shape: {}", shape(&info.shape));
        let _ = writeln!(out, "        name: {}", info.name);
    }
}

/// All signatures of a graph.
pub(crate) fn signatures(graph: &MetaGraph) -> String {
    let tags = graph.tags.iter().map(|t| format!("'{t}'")).collect::<Vec<_>>().join(", ");
    let mut out = format!("\nMetaGraphDef with tag-set: {tags} contains the following SignatureDefs:\n");
    for (name, signature) in &graph.signatures {
        let _ = writeln!(out, "\nsignature_def['{name}']:");
        tensors(&mut out, "input", &signature.inputs);
        tensors(&mut out, "output", &signature.outputs);
        let _ = writeln!(out, "  Method name is: {}", signature.method);
    }
    out
}
