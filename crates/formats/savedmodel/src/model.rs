//! An open SavedModel.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cornet_archive::{DiskFile, check_entry_name};
use cornet_error::{Error, Limits, Result, err, fail};
use cornet_ops::random::SeedGenerator;
use cornet_program::{Compiled, Program, Signature, TensorSpec};
use cornet_proto::Message;
use cornet_tensor::{Array, DType};

use crate::attr::{Attr, dtype_of, type_name};
use crate::checkpoint::Checkpoint;
use crate::describe;
use crate::graph::{ARGUMENT, Edge, Graph, split_name};
use crate::interpret::{Machine, Run, Scope};
use crate::ops;
use crate::proto::{MetaGraph, SignatureDef, TensorInfo, parse, parse_graph};
use crate::state::State;
use crate::value::Value;

/// A SavedModel of TensorFlow 1 or 2, ready to run.
///
/// Variables are restored and tables filled when it is opened, as TensorFlow Serving does it; what signatures assign
/// stays for the next run.
///
/// ```no_run
/// # use cornet_tensor::Array;
/// use cornet_format_savedmodel::SavedModel;
/// use cornet_program::Program;
/// let model = SavedModel::open("half_plus_two/00000123".as_ref(), &["serve"], &Default::default())?;
/// let x = Array::from_vec(vec![1.0_f32, 2.0], [2])?;
/// let y = model.call(None, vec![("x".into(), x)])?;
/// assert_eq!(y[0].1.to_vec::<f32>()?, [2.5, 3.0]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub struct SavedModel {
    machine: Arc<Machine>,
    meta: MetaGraph,
    signatures: Vec<Signature>,
    functions: Vec<Compiled>,
    skipped: Vec<(String, String)>,
    parameters: u64,
    bytes: u64,
}

/// An op that is not supported, with the nodes that need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedOp {
    /// The op.
    pub op: String,
    /// The nodes, as `function/node`.
    pub nodes: Vec<String>,
}

/// The place of the graph inside a SavedModel's folder.
const FILE: &str = "saved_model.pb";

impl SavedModel {
    /// Whether a folder holds a SavedModel.
    pub fn is_saved_model(folder: &Path) -> bool {
        folder.join(FILE).is_file()
    }

    /// Opens the graph of these tags in a folder; the only graph if there are no tags.
    ///
    /// # Errors
    /// `not_found` for a folder without a model or a model without the tags; `corrupt`; `unsafe_content` for assets
    /// outside of the folder; `limit_exceeded`; what restoring the variables refuses.
    pub fn open(folder: &Path, tags: &[&str], limits: &Limits) -> Result<Self> {
        let path = folder.join(FILE);
        let graphs = parse(&Message::new(Arc::new(DiskFile::open(&path)?), limits), limits);
        let graphs = graphs.map_err(|e| e.within(path.display().to_string()))?;
        let known: Vec<String> = graphs.iter().map(|g| format!("'{}'", g.tags.join(","))).collect();
        let wanted: BTreeSet<&str> = tags.iter().copied().collect();
        let found = match tags {
            [] if graphs.len() == 1 => graphs.into_iter().next(),
            [] => graphs.into_iter().find(|g| g.tags == ["serve"]),
            _ => graphs.into_iter().find(|g| g.tags.iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted),
        };
        let meta = found.ok_or_else(|| {
            let known = known.join(", ");
            err!(NotFound, "SavedModel: expected one of the tags {known}, found '{}'", tags.join(","))
        })?;
        Self::of(meta, Some(folder), limits)
    }

    /// The tags of every graph in a folder.
    ///
    /// # Errors
    /// As [`SavedModel::open`].
    pub fn tags(folder: &Path, limits: &Limits) -> Result<Vec<Vec<String>>> {
        let source = DiskFile::open(&folder.join(FILE))?;
        Ok(parse(&Message::new(Arc::new(source), limits), limits)?.into_iter().map(|g| g.tags).collect())
    }

    /// Opens a frozen graph, a bare `GraphDef` whose weights are constants: its placeholders become the inputs of one
    /// signature, and what nothing else uses its outputs.
    ///
    /// # Errors
    /// As [`SavedModel::open`].
    pub fn open_frozen(path: &Path, limits: &Limits) -> Result<Self> {
        let mut meta = parse_graph(&Message::new(Arc::new(DiskFile::open(path)?), limits), limits)?;
        let mut signature = SignatureDef { method: "tensorflow/serving/predict".into(), ..SignatureDef::default() };
        let used: BTreeSet<&str> = meta.nodes.iter().flat_map(|n| &n.inputs).map(|i| split_name(i).0).collect();
        for node in &meta.nodes {
            let data_type = |name| if let Some(Attr::Type(t)) = node.attrs.get(name) { *t } else { 0 };
            let shape = if let Some(Attr::Shape(shape)) = node.attrs.get("shape") { shape.clone() } else { None };
            let info = |data_type, shape| TensorInfo {
                name: format!("{}:0", node.name),
                data_type,
                shape,
                is_composite: false,
            };
            if node.op == "Placeholder" {
                signature.inputs.insert(node.name.clone(), info(data_type("dtype"), shape));
            } else if !used.contains(node.name.as_str()) && !matches!(node.op.as_str(), "Const" | "NoOp") {
                let kind = ["T", "dtype", "DstT", "output_type"].into_iter().map(data_type).find(|&t| t != 0);
                signature.outputs.insert(node.name.clone(), info(kind.unwrap_or(1), None));
            }
        }
        if signature.outputs.is_empty() {
            fail!(UnsupportedFormat, "{}: expected a graph of TensorFlow, found none", path.display());
        }
        meta.signatures.insert("serving_default".into(), signature);
        Self::of(meta, None, limits)
    }

    fn of(mut meta: MetaGraph, folder: Option<&Path>, limits: &Limits) -> Result<Self> {
        let mut functions = HashMap::new();
        for def in std::mem::take(&mut meta.functions) {
            functions.insert(def.name.clone(), Graph::of_function(&def)?);
        }
        let (assets, feeds) = assets(&meta, folder, limits)?;
        let machine = Machine {
            graph: Graph::of_nodes(std::mem::take(&mut meta.nodes))?,
            functions,
            state: State::default(),
            limits: *limits,
            assets,
            checkpoint: Mutex::default(),
            seeds: SeedGenerator::from_entropy()?,
        };
        let feeds = feeds
            .into_iter()
            .map(|(name, path)| Ok((machine.graph.node(split_name(&name).0)?, path)))
            .collect::<Result<Vec<_>>>()?;
        if let (Some((filename, restore)), Some(folder)) = (&meta.saver, folder) {
            restore_variables(&machine, filename, restore, folder).map_err(|e| e.within("restoring variables"))?;
        }
        if let Some(init) = main_op(&meta) {
            let node = machine.graph.node(split_name(init).0)?;
            let mut scope = feed(&machine, &feeds);
            let run = Run::new(&machine);
            run.evaluate(&mut scope, &[], &[node]).map_err(|e| e.within("initialising"))?;
        }
        let (parameters, bytes) = machine.state.size();
        let mut model = Self {
            machine: Arc::new(machine),
            signatures: Vec::new(),
            functions: Vec::new(),
            skipped: Vec::new(),
            parameters,
            bytes,
            meta,
        };
        model.add_signatures(&feeds)?;
        if !model.reachable_ops().keys().any(|op| ops::assigns(op)) {
            model.machine.state.freeze();
        }
        let constants = std::iter::once(&model.machine.graph).chain(model.machine.functions.values());
        let constants = constants.flat_map(|g| &g.nodes).filter(|n| n.op == "Const");
        model.bytes +=
            constants.map(|n| if let Some(Attr::Tensor(a)) = n.attrs.get("value") { size(a) } else { 0 }).sum::<u64>();
        Ok(model)
    }

    fn add_signatures(&mut self, feeds: &[(usize, PathBuf)]) -> Result<()> {
        for (name, def) in &self.meta.signatures {
            if name.starts_with("__saved_model_") {
                continue;
            }
            match signature(name, def).and_then(|s| Ok((compile(&self.machine, &s, feeds)?, s))) {
                Ok((function, signature)) => {
                    self.functions.push(function);
                    self.signatures.push(signature);
                }
                Err(error) => self.skipped.push((name.clone(), error.message().to_owned())),
            }
        }
        Ok(())
    }

    /// The nodes that signatures run, by op.
    fn reachable_ops(&self) -> BTreeMap<String, Vec<String>> {
        let machine = &*self.machine;
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut seen: BTreeSet<(String, usize)> = BTreeSet::new();
        let mut stack: Vec<(&Graph, usize)> = Vec::new();
        for tensor in self.signatures.iter().flat_map(|s| &s.outputs) {
            stack.extend(machine.graph.node(split_name(&tensor.tensor).0).ok().map(|n| (&machine.graph, n)));
        }
        while let Some((graph, at)) = stack.pop() {
            if !seen.insert((graph.name.clone(), at)) {
                continue;
            }
            let node = &graph.nodes[at];
            found.entry(node.op.clone()).or_default().push(format!("{}/{}", graph.name, node.name));
            stack.extend(node.inputs.iter().map(|e| e.node).chain(node.controls.iter().copied()).map(|n| (graph, n)));
            let mut called: Vec<&str> = vec![&node.op];
            for attr in node.attrs.values() {
                match attr {
                    Attr::Function(f) => called.push(&f.name),
                    Attr::List(list) => called.extend(list.functions.iter().map(|f| f.name.as_str())),
                    _ => {}
                }
            }
            for function in called.into_iter().filter_map(|name| machine.functions.get(name)) {
                let roots = function.results.iter().map(|e| e.node).chain(function.controls.iter().copied());
                stack.extend(roots.map(|n| (function, n)));
            }
        }
        found
    }

    /// The ops that the signatures need and that are not supported.
    pub fn unsupported_ops(&self) -> Vec<UnsupportedOp> {
        let is_known =
            |op: &str| ops::find(op).is_some() || STRUCTURAL.contains(&op) || self.machine.functions.contains_key(op);
        let unknown = self.reachable_ops().into_iter().filter(|(op, _)| !is_known(op));
        unknown.map(|(op, nodes)| UnsupportedOp { op, nodes }).collect()
    }

    /// How many nodes of each op the signatures run.
    pub fn op_counts(&self) -> Vec<(String, usize)> {
        self.reachable_ops().into_iter().map(|(op, nodes)| (op, nodes.len())).collect()
    }

    /// Signatures that cannot run, and why.
    pub fn skipped_signatures(&self) -> &[(String, String)] {
        &self.skipped
    }

    /// The number of elements of all variables.
    pub fn parameter_count(&self) -> u64 {
        self.parameters
    }

    /// The tags of the graph.
    pub fn graph_tags(&self) -> &[String] {
        &self.meta.tags
    }

    /// The version of TensorFlow that wrote the model; empty if it does not say.
    pub fn tensorflow_version(&self) -> &str {
        &self.meta.version
    }

    /// The names, dtypes, shapes and trainability of the variables in the object graph of TensorFlow 2.
    pub fn saved_variables(&self) -> Vec<(String, String, String, bool)> {
        let text = |v: &crate::proto::SavedVariable| {
            (v.name.clone(), type_name(v.data_type), describe::shape(&v.shape), v.trainable)
        };
        self.meta.variables.iter().map(text).collect()
    }

    /// The values of all variables, by name.
    pub fn variables(&self) -> Vec<(String, Array)> {
        self.machine.state.values()
    }

    /// The signatures as `saved_model_cli show --all` prints them.
    pub fn describe(&self) -> String {
        describe::signatures(&self.meta)
    }
}

/// Ops that the interpreter itself runs.
const STRUCTURAL: &[&str] = &[
    ARGUMENT,
    "Enter",
    "Exit",
    "LoopCond",
    "Merge",
    "NextIteration",
    "PartitionedCall",
    "RefEnter",
    "RefExit",
    "RefMerge",
    "RefNextIteration",
    "RefSwitch",
    "RemoteCall",
    "StatefulPartitionedCall",
    "Switch",
];

fn size(array: &Array) -> u64 {
    match array.strings() {
        Ok(strings) => strings.iter().map(|s| s.len() as u64).sum(),
        Err(_) => array.bytes().len() as u64,
    }
}

/// The files of a model's assets by the text that graphs see, and the tensors that take them.
type Assets = (BTreeMap<Vec<u8>, PathBuf>, Vec<(String, PathBuf)>);

fn assets(meta: &MetaGraph, folder: Option<&Path>, limits: &Limits) -> Result<Assets> {
    let (mut files, mut feeds) = (BTreeMap::new(), Vec::new());
    let Some(folder) = folder else { return Ok((files, feeds)) };
    for (tensor, file) in &meta.assets {
        check_entry_name(file, limits).map_err(|e| e.within("asset"))?;
        let path = folder.join("assets").join(file);
        let mut place = folder.to_path_buf();
        for part in Path::new("assets").join(file).components() {
            place.push(part);
            if place.symlink_metadata().is_ok_and(|m| m.file_type().is_symlink()) {
                fail!(Unsafe, "asset '{file}': expected a file of the model, found a link");
            }
        }
        files.insert(path.to_string_lossy().into_owned().into_bytes(), path.clone());
        feeds.push((tensor.clone(), path));
    }
    Ok((files, feeds))
}

/// A scope in which assets stand where they are asked for.
fn feed<'m>(machine: &'m Machine, feeds: &[(usize, PathBuf)]) -> Scope<'m> {
    let mut scope = Scope::new(&machine.graph, crate::attr::Attrs::default());
    for (node, path) in feeds {
        let text = path.to_string_lossy().into_owned();
        scope.set(*node, vec![Value::Tensor(Array::scalar(text).into())]);
    }
    scope
}

/// The node that initialises tables and the like.
fn main_op(meta: &MetaGraph) -> Option<&str> {
    const INIT: &str = "__saved_model_init_op";
    let collection = |name: &str| meta.collections.get(name).and_then(|nodes| nodes.first()).map(String::as_str);
    let signature = meta.signatures.get(INIT).and_then(|s| s.outputs.get(INIT)).map(|t| t.name.as_str());
    signature.or_else(|| collection("saved_model_main_op")).or_else(|| collection("legacy_init_op"))
}

fn restore_variables(machine: &Machine, filename: &str, restore: &str, folder: &Path) -> Result<()> {
    let prefix = folder.join("variables").join("variables");
    if !folder.join("variables").is_dir() {
        return Ok(());
    }
    let slot = || machine.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
    *slot() = Some(Checkpoint::open(&prefix, &machine.limits)?);
    let mut scope = Scope::new(&machine.graph, crate::attr::Attrs::default());
    let text = prefix.to_string_lossy().into_owned();
    scope.set(machine.graph.node(split_name(filename).0)?, vec![Value::Tensor(Array::scalar(text).into())]);
    let node = machine.graph.node(split_name(restore).0)?;
    let result = Run::new(machine).evaluate(&mut scope, &[], &[node]);
    *slot() = None;
    result.map(|_| ())
}

fn spec(name: &str, info: &TensorInfo) -> Result<TensorSpec> {
    if info.is_composite {
        fail!(Unsupported, "tensor '{name}': sparse and other composed tensors of signatures are not supported");
    }
    let dtype: DType = dtype_of(info.data_type)
        .ok_or_else(|| err!(Unsupported, "tensor '{name}': expected numbers, found {}", type_name(info.data_type)))?;
    let shape = info.shape.as_ref().map(|s| s.iter().map(|&d| usize::try_from(d).ok()).collect());
    Ok(TensorSpec { name: name.to_owned(), dtype, shape, tensor: info.name.clone() })
}

fn signature(name: &str, def: &SignatureDef) -> Result<Signature> {
    let specs =
        |infos: &BTreeMap<String, TensorInfo>| infos.iter().map(|(n, i)| spec(n, i)).collect::<Result<Vec<_>>>();
    let (inputs, outputs) = (specs(&def.inputs)?, specs(&def.outputs)?);
    Ok(Signature { name: name.to_owned(), method: def.method.clone(), inputs, outputs })
}

/// The function of a signature.
fn compile(machine: &Arc<Machine>, signature: &Signature, feeds: &[(usize, PathBuf)]) -> Result<Compiled> {
    let edge = |spec: &TensorSpec| {
        let (name, port) = split_name(&spec.tensor);
        Ok::<_, Error>(Edge { node: machine.graph.node(name)?, port })
    };
    let inputs = signature.inputs.iter().map(edge).collect::<Result<Vec<_>>>()?;
    let outputs = signature.outputs.iter().map(edge).collect::<Result<Vec<_>>>()?;
    if let Some(input) = inputs.iter().find(|e| e.port != 0) {
        fail!(Unsupported, "signature '{}': the input is output {} of a node", signature.name, input.port);
    }
    let (machine, feeds) = (machine.clone(), feeds.to_vec());
    let name = signature.name.clone();
    Ok(Compiled::new(name, move |x| {
        let mut scope = feed(&machine, &feeds);
        inputs.iter().zip(x).for_each(|(edge, x)| scope.set(edge.node, vec![Value::Tensor(x.clone())]));
        let run = Run::new(&machine);
        run.evaluate(&mut scope, &outputs, &[])?.iter().map(Value::tensor).collect()
    }))
}

impl Program for SavedModel {
    fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    fn run(&self, signature: &Signature, inputs: &[Array]) -> Result<Vec<Array>> {
        let at = self.signatures.iter().position(|s| s.name == signature.name);
        let at = at.ok_or_else(|| err!(NotFound, "there is no signature '{}'", signature.name))?;
        self.functions[at].run(inputs)
    }

    fn weight_bytes(&self) -> u64 {
        self.bytes
    }
}
