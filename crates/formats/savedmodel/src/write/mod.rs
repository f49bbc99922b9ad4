//! Writing: functions with open sizes as SavedModels.
//!
//! What is written is what `tf.saved_model.load`, `keras.layers.TFSMLayer`, `saved_model_cli` and TensorFlow Serving
//! open: signatures, each a function of the graph's library; variables in a checkpoint, with the nodes that restore them
//! and the objects that hold them.

mod control;
mod emit;
mod folder;
mod nn;
mod objects;
mod pointwise;
mod proto;
mod reduce;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod text;

use std::path::Path;

use cornet_bundle::BundleWriter;
use cornet_error::{Error, Result, err, fail};
use cornet_export::{Named, OpenFunction};
use cornet_ops::Variable;
use cornet_proto::Encoder;
use cornet_tensor::{Array, DType};

use objects::{Written, key, saved, tracked};
use proto::{A, RESOURCE, code, node, shape};
pub use table::unsupported;

/// TensorFlow's number for the meaning of its graphs; those of 2.17.
const PRODUCER: i64 = 1882;
/// Bytes that one message of protocol buffers can have.
const MOST_BYTES: usize = i32::MAX as usize;

/// A variable under a name that no other one has.
struct Weight {
    variable: Variable,
    name: String,
}

/// Writes a SavedModel: a folder, whole or not at all. Signatures have names, such as `serving_default`; what one
/// variable is to several of them is one variable in the file.
///
/// # Errors
/// `unsupported` for an op that TensorFlow has no equivalent of, by name; `invalid_argument` without signatures or for
/// two of one name; `limit_exceeded` for constants beyond what one file can hold; those of writing.
pub fn write(path: &Path, signatures: &[(&str, &OpenFunction)]) -> Result<()> {
    if signatures.is_empty() {
        fail!(InvalidArgument, "signatures: expected at least one, found none");
    }
    if let Some(i) = (1..signatures.len()).find(|&i| signatures[..i].iter().any(|(name, _)| *name == signatures[i].0)) {
        fail!(InvalidArgument, "signatures: expected different names, found '{}' twice", signatures[i].0);
    }
    let weights = weights(signatures);
    let (mut library, mut written) = (Vec::new(), Vec::new());
    for (name, open) in signatures {
        let function = format!("__inference_signature_wrapper_{}_0", safe(name));
        let (inputs, outputs) = (by_name(&open.graph.inputs), by_name(&open.graph.outputs));
        emit::top(&function, open, &inputs, &outputs, &mut library).map_err(|e| e.within((*name).to_owned()))?;
        let place = |v: &Variable| weights.iter().position(|w| w.variable == *v);
        let own = open.graph.variables.iter().filter_map(|v| place(&v.variable)).collect();
        written.push(Written { name: (*name).to_owned(), function, open, inputs, outputs, weights: own });
    }
    let bytes = model(&weights, &written, library)?.finish();
    if bytes.len() > MOST_BYTES {
        return Err(err!(LimitExceeded, "saved_model.pb: expected at most {MOST_BYTES} bytes, found {}", bytes.len())
            .help("a file of protocol buffers holds less than 2 GiB: keep large constants as weights"));
    }
    let values = weights.iter().map(|w| w.variable.value()).collect::<Result<Vec<Array>>>()?;
    let graph = tracked(&weights, &written);
    folder::replace(path, |to| {
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(to.join(name), bytes).map_err(|e| Error::io("write", to, &e));
        for name in ["variables", "assets"] {
            std::fs::create_dir(to.join(name)).map_err(|e| Error::io("create", to, &e))?;
        }
        write("saved_model.pb", &bytes)?;
        let mut bundle = BundleWriter::new();
        for (i, value) in values.iter().enumerate() {
            match value.dtype() {
                DType::Str => bundle.add_strings(&key(i), value.shape(), value.strings()?.to_vec()),
                dtype => bundle.add(&key(i), code(dtype) as i32, value.shape(), value.bytes()),
            }
        }
        bundle.add_strings("_CHECKPOINTABLE_OBJECT_GRAPH", &[], vec![graph.clone()]);
        bundle.write(&to.join("variables").join("variables"))
    })
}

/// The variables of all signatures, once each.
fn weights(signatures: &[(&str, &OpenFunction)]) -> Vec<Weight> {
    let mut all: Vec<Weight> = Vec::new();
    for variable in signatures.iter().flat_map(|(_, f)| &f.graph.variables).map(|v| &v.variable) {
        if all.iter().any(|w| w.variable == *variable) {
            continue;
        }
        let name = safe(variable.name());
        let same = all.iter().filter(|w| w.name == name || w.name.starts_with(&format!("{name}_"))).count();
        let name = if same == 0 { name } else { format!("{name}_{same}") };
        all.push(Weight { variable: variable.clone(), name });
    }
    all
}

/// TensorFlow flattens dictionaries in the order of their keys.
fn by_name(all: &[Named]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| all[a].name.cmp(&all[b].name));
    order
}

/// A name that nodes may have.
fn safe(name: &str) -> String {
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "_./-".contains(c) { c } else { '_' }).collect();
    if safe.chars().next().is_some_and(|c| c.is_ascii_alphanumeric()) { safe } else { format!("n{safe}") }
}

/// `SavedModel`.
fn model(weights: &[Weight], signatures: &[Written<'_>], library: Vec<Encoder>) -> Result<Encoder> {
    let mut nodes = Vec::new();
    for (i, weight) in weights.iter().enumerate() {
        let ty = weight.variable.ty();
        let attrs = [
            ("dtype", A::Type(ty.dtype)),
            ("shape", A::Shape(ty.shape.iter().map(|&n| Some(n)).collect())),
            ("shared_name", A::Str(&weight.name)),
        ];
        nodes.push(node(&handle(i), "VarHandleOp", &[], &attrs)?);
    }
    let mut definitions = Vec::new();
    for signature in signatures {
        definitions.push((signature.name.clone(), call(signature, &mut nodes)?));
    }
    restoring(weights, signatures, &mut nodes)?;
    nodes.push(node("init", "NoOp", &[], &[])?);
    let versions = Encoder::new().int(1, PRODUCER).int(2, 12);
    let graph = Encoder::new().messages(1, nodes).message(2, Encoder::new().messages(1, library)).message(4, versions);
    let info = Encoder::new().text(4, "serve").text(5, "2.21.0").text(6, "cornet").bool(7, true);
    let saver =
        Encoder::new().text(1, "saver_filename:0").text(2, "save/filename:0").text(3, "save/restore_all").int(7, 2);
    let main = Encoder::new().message(1, Encoder::new().text(1, "init"));
    let init = Encoder::new().text(1, "init").message(3, Encoder::new().bool(3, true));
    let init = Encoder::new().entry(2, "__saved_model_init_op", init);
    let meta =
        Encoder::new().message(1, info).message(2, graph).message(3, saver).entry(4, "saved_model_main_op", main);
    let meta = definitions.into_iter().fold(meta, |out, (name, definition)| out.entry(5, &name, definition));
    let meta = meta.entry(5, "__saved_model_init_op", init).message(7, saved(weights, signatures));
    Ok(Encoder::new().int(1, 1).message(2, meta))
}

fn handle(weight: usize) -> String {
    format!("variable_{weight}")
}

/// The nodes that take a signature's inputs and call its function; `SignatureDef`.
fn call(signature: &Written<'_>, nodes: &mut Vec<Encoder>) -> Result<Encoder> {
    let graph = &signature.open.graph;
    let (mut operands, mut types) = (Vec::new(), Vec::new());
    let mut definition = Encoder::new();
    let info = |named: &Named, tensor: String| {
        let ty = graph.type_of(named.value);
        Encoder::new().text(1, &tensor).int(2, code(ty.dtype)).message(3, shape(&ty.known()))
    };
    for (i, &at) in signature.inputs.iter().enumerate() {
        let named = &graph.inputs[at];
        let ty = graph.type_of(named.value);
        let name = format!("{}_{}_{i}", safe(&signature.name), safe(&named.name));
        let attrs = [("dtype", A::Type(ty.dtype)), ("shape", A::Shape(ty.known()))];
        nodes.push(node(&name, "Placeholder", &[], &attrs)?);
        definition = definition.entry(1, &named.name, info(named, format!("{name}:0")));
        operands.push(name);
        types.push(code(ty.dtype));
    }
    operands.extend(signature.weights.iter().map(|&w| handle(w)));
    types.resize(operands.len(), RESOURCE);
    let results: Vec<i64> =
        signature.outputs.iter().map(|&i| code(graph.type_of(graph.outputs[i].value).dtype)).collect();
    let name = format!("{}_call", safe(&signature.name));
    let attrs = [("f", A::Func(&signature.function)), ("Tin", A::Codes(types)), ("Tout", A::Codes(results))];
    let inputs: Vec<&str> = operands.iter().map(String::as_str).collect();
    nodes.push(node(&name, "StatefulPartitionedCall", &inputs, &attrs)?);
    for (i, &at) in signature.outputs.iter().enumerate() {
        let named = &graph.outputs[at];
        definition = definition.entry(2, &named.name, info(named, format!("{name}:{i}")));
    }
    Ok(definition.text(3, "tensorflow/serving/predict"))
}

/// The nodes that restore variables from a checkpoint and save them to one.
fn restoring(weights: &[Weight], signatures: &[Written<'_>], nodes: &mut Vec<Encoder>) -> Result<()> {
    let strings = |items: Vec<Vec<u8>>| {
        let count = items.len();
        Array::from_strings(items, [count])
    };
    let mut words: Vec<Vec<u8>> = (0..weights.len()).map(|i| key(i).into_bytes()).collect();
    words.push(b"_CHECKPOINTABLE_OBJECT_GRAPH".to_vec());
    let slices = strings(vec![Vec::new(); words.len()])?;
    let graph = Array::from_strings(vec![tracked(weights, signatures)], cornet_tensor::Shape::scalar())?;
    let mut constant = |name: &str, array: &Array| -> Result<()> {
        nodes.push(node(name, "Const", &[], &[("value", A::Tensor(array)), ("dtype", A::Type(DType::Str))])?);
        Ok(())
    };
    constant("save/names", &strings(words)?)?;
    constant("save/slices", &slices)?;
    constant("save/objects", &graph)?;
    let attrs = [("dtype", A::Type(DType::Str)), ("shape", A::Shape(Vec::new()))];
    nodes.push(node("saver_filename", "Placeholder", &[], &attrs)?);
    let mut types: Vec<i64> = weights.iter().map(|w| code(w.variable.dtype())).collect();
    types.push(code(DType::Str));
    let from = ["saver_filename", "save/names", "save/slices"];
    nodes.push(node("save/RestoreV2", "RestoreV2", &from, &[("dtypes", A::Codes(types.clone()))])?);
    let (mut done, mut read) = (Vec::new(), Vec::new());
    for (i, weight) in weights.iter().enumerate() {
        let dtype = || [("dtype", A::Type(weight.variable.dtype()))];
        let (value, name) = (format!("save/RestoreV2:{i}"), format!("save/Assign_{i}"));
        nodes.push(node(&name, "AssignVariableOp", &[&handle(i), &value], &dtype())?);
        done.push(format!("^{name}"));
        let name = format!("save/Read_{i}");
        nodes.push(node(&name, "ReadVariableOp", &[&handle(i)], &dtype())?);
        read.push(name);
    }
    nodes.push(node("save/restore_all", "NoOp", &done.iter().map(String::as_str).collect::<Vec<_>>(), &[])?);
    read.push("save/objects".to_owned());
    let operands: Vec<&str> = from.iter().copied().chain(read.iter().map(String::as_str)).collect();
    nodes.push(node("save/SaveV2", "SaveV2", &operands, &[("dtypes", A::Codes(types))])?);
    nodes.push(node("save/filename", "Identity", &["saver_filename", "^save/SaveV2"], &[("T", A::Type(DType::Str))])?);
    Ok(())
}
