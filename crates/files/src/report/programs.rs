//! Graphs: ONNX models and SavedModels, and the checkpoints beside them.

use std::path::Path;

use cornet_error::{Limits, Result};
use cornet_format_onnx::OnnxModel;
use cornet_format_savedmodel::{Checkpoint, SavedModel};
use cornet_program::Program;
use cornet_tensor::DType;
use serde_json::{Map, Value, json};

use super::{Content, signatures_json, signatures_text};
use crate::detect::prefix_of;
use crate::text::{bytes, columns, grouped, shown};

/// Ops of one kind a line; more are summed up.
const OPS_SHOWN: usize = 40;

/// An ONNX model.
pub fn onnx(path: &Path, limits: &Limits) -> Result<Content> {
    let model = OnnxModel::open(path, limits)?;
    let info = model.info();
    let domain = |name: &str| if name.is_empty() { "ai.onnx".to_owned() } else { shown(name) };
    let opsets = info.opsets.iter().map(|set| format!("{} {}", domain(&set.name), set.version)).collect::<Vec<_>>();
    let mut rows = vec![
        vec!["kind".to_owned(), format!("ONNX model '{}', IR version {}", shown(&info.name), info.ir_version)],
        vec!["opsets".to_owned(), opsets.join(", ")],
    ];
    if !info.producer.is_empty() {
        rows.push(vec!["made by".to_owned(), shown(format!("{} {}", info.producer, info.producer_version).trim())]);
    }
    rows.extend(info.metadata.iter().map(|(key, value)| vec![shown(key), shown(value)]));
    let unsupported: Map<String, Value> = info.unsupported.iter().map(|(op, why)| (op.clone(), json!(why))).collect();
    let mut sections = vec![
        columns(&rows),
        signatures_text(model.signatures()),
        ops_text(&info.operators.iter().map(|(op, count)| (op.clone(), *count)).collect::<Vec<_>>()),
        format!("parameters {} ({})", grouped(info.parameters), bytes(info.weight_bytes)),
    ];
    if !unsupported.is_empty() {
        let row = |(op, why): (&String, &String)| vec![format!("  {}", shown(op)), shown(why)];
        sections.push(format!("not supported\n{}", columns(&info.unsupported.iter().map(row).collect::<Vec<_>>())));
    } else if !model.is_plain() {
        sections.push("inputs or outputs that are no plain tensors: the model does not run here as a whole".into());
    }
    let json = json!({
        "graph": info.name,
        "ir_version": info.ir_version,
        "opsets": info.opsets.iter().map(|set| (domain(&set.name), json!(set.version))).collect::<Map<_, _>>(),
        "producer": info.producer,
        "producer_version": info.producer_version,
        "metadata": info.metadata.iter().map(|(k, v)| (k.clone(), json!(v))).collect::<Map<_, _>>(),
        "signatures": signatures_json(model.signatures()),
        "ops": info.operators,
        "parameters": info.parameters,
        "weight_bytes": info.weight_bytes,
        "functions": info.functions,
        "unsupported": unsupported,
    });
    Ok(Content { text: sections.join("\n"), json })
}

/// How many there are of each op, the most frequent first.
fn ops_text(ops: &[(String, usize)]) -> String {
    let mut ops = ops.to_vec();
    ops.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let nodes: usize = ops.iter().map(|(_, count)| count).sum();
    let shown_ops = ops.iter().take(OPS_SHOWN).map(|(op, count)| match count {
        1 => shown(op),
        _ => format!("{} x{count}", shown(op)),
    });
    let mut text = format!("nodes {}: {}", grouped(nodes as u64), shown_ops.collect::<Vec<_>>().join(", "));
    if ops.len() > OPS_SHOWN {
        text.push_str(&format!(" and {} kinds more", ops.len() - OPS_SHOWN));
    }
    text
}

/// A SavedModel: its signatures as `saved_model_cli show --all` prints them, then what it is made of.
pub fn saved_model(path: &Path, limits: &Limits) -> Result<Content> {
    let model = SavedModel::open(path, &[], limits).map_err(|e| e.within(path.display().to_string()))?;
    let ops = model.op_counts();
    let unsupported: Vec<_> = model.unsupported_ops();
    let mut sections = vec![model.describe().trim_start_matches('\n').trim_end().to_owned(), String::new()];
    if !model.tensorflow_version().is_empty() {
        sections.push(format!("made by TensorFlow {}", shown(model.tensorflow_version())));
    }
    sections.push(ops_text(&ops));
    let (parameters, size) = (model.parameter_count(), model.weight_bytes());
    sections.push(format!("parameters {} ({})", grouped(parameters), bytes(size)));
    if !unsupported.is_empty() {
        let row = |op: &cornet_format_savedmodel::UnsupportedOp| {
            let first = op.nodes.first().map(|node| format!("needed by {}", shown(node))).unwrap_or_default();
            vec![format!("  {}", shown(&op.op)), first]
        };
        sections.push(format!("not supported\n{}", columns(&unsupported.iter().map(row).collect::<Vec<_>>())));
    }
    for (name, why) in model.skipped_signatures() {
        sections.push(format!("signature '{}' does not run here: {}", shown(name), shown(why)));
    }
    let json = json!({
        "producer": "TensorFlow",
        "producer_version": model.tensorflow_version(),
        "tags": model.graph_tags(),
        "signatures": signatures_json(model.signatures()),
        "ops": ops.iter().map(|(op, count)| (op.clone(), json!(count))).collect::<Map<_, _>>(),
        "parameters": parameters,
        "weight_bytes": size,
        "unsupported": unsupported.iter().map(|op| (op.op.clone(), json!(op.nodes))).collect::<Map<_, _>>(),
        "skipped": model.skipped_signatures().iter().map(|(n, why)| (n.clone(), json!(why))).collect::<Map<_, _>>(),
    });
    Ok(Content { text: sections.join("\n"), json })
}

/// A checkpoint: names, dtypes and shapes.
pub fn checkpoint(path: &Path, limits: &Limits) -> Result<Content> {
    let file = Checkpoint::open(&prefix_of(path), limits).map_err(|e| e.within(path.display().to_string()))?;
    let (mut rows, mut arrays, mut numbers, mut size) = (Vec::new(), Map::new(), 0_u64, 0_u64);
    for name in file.names() {
        let (dtype, shape) = match file.ty(name) {
            Ok((dtype, shape)) => {
                numbers = numbers.saturating_add(if dtype == DType::Str { 0 } else { shape.elements() as u64 });
                size = size.saturating_add((shape.elements() as u64).saturating_mul(dtype.size() as u64));
                arrays.insert(name.to_owned(), json!({"dtype": dtype.name(), "shape": shape.as_slice()}));
                (dtype.name().to_owned(), shape.to_string())
            }
            Err(error) => {
                arrays.insert(name.to_owned(), json!({"unsupported": error.message()}));
                ("?".to_owned(), shown(error.message()))
            }
        };
        rows.push(vec![format!("  {}", shown(name)), dtype, shape]);
    }
    let count = rows.len();
    let listed = columns(&rows);
    let text =
        format!("TensorFlow checkpoint: {count} tensors\n{listed}\nparameters {} ({})", grouped(numbers), bytes(size));
    Ok(Content { text, json: json!({"arrays": arrays, "parameters": numbers}) })
}
