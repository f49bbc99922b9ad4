//! An open model: what it takes and gives, what it is made of, and how it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cornet_archive::DiskFile;
use cornet_error::{Limits, Result, err, fail};
use cornet_ops::Tensor;
use cornet_program::{Compiled, DEFAULT_SIGNATURE, Program, Signature, TensorSpec};
use cornet_proto::Message;
use cornet_tensor::Array;

use crate::call::{Context, run};
use crate::element::Element;
use crate::plan::{Act, Plan, Planner};
use crate::proto::{Domain, Folder, ModelDef, Reader, SizeOf, Type, ValueInfo};
use crate::value::Value;

/// An ONNX model, ready to run.
///
/// ```no_run
/// # use cornet_cpu as _;
/// use cornet_error::Limits;
/// use cornet_format_onnx::OnnxModel;
/// use cornet_program::Program;
/// use cornet_tensor::Array;
/// let model = OnnxModel::open("mnist.onnx".as_ref(), &Limits::default())?;
/// let y = model.call(None, vec![("x".into(), Array::from_vec(vec![0.0_f32; 784], [1, 1, 28, 28])?)])?;
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub struct OnnxModel {
    info: ModelInfo,
    signatures: Vec<Signature>,
    plan: Arc<Plan>,
    limits: Limits,
    /// Inputs and outputs that are no tensors of our dtypes, by name: such models run op by op.
    others: Vec<String>,
    compiled: Compiled,
}

/// What a model states about itself.
#[derive(Clone, Debug, Default)]
pub struct ModelInfo {
    /// The graph's name.
    pub name: String,
    /// Version of the format.
    pub ir_version: i64,
    /// The operator sets.
    pub opsets: Vec<Domain>,
    /// What wrote it.
    pub producer: String,
    /// The writer's version.
    pub producer_version: String,
    /// The model's own domain.
    pub domain: String,
    /// The model's own version.
    pub model_version: i64,
    /// Its description.
    pub doc: String,
    /// Pairs that the writer left.
    pub metadata: Vec<(String, String)>,
    /// What it takes, without initializers.
    pub inputs: Vec<ValueInfo>,
    /// What it gives.
    pub outputs: Vec<ValueInfo>,
    /// How many nodes there are of each operator, those of bodies and functions included.
    pub operators: BTreeMap<String, usize>,
    /// Operators that do not run here, and why.
    pub unsupported: BTreeMap<String, String>,
    /// Names and shapes of the initializers.
    pub weights: Vec<(String, String)>,
    /// Numbers in the initializers.
    pub parameters: u64,
    /// Bytes of the initializers.
    pub weight_bytes: u64,
    /// Functions that the model brings along.
    pub functions: Vec<String>,
}

impl OnnxModel {
    /// Opens a model file; tensors may lie in files of the same folder.
    ///
    /// # Errors
    /// `not_found`, `io`; `unsupported_format` for a file that is no model; `corrupt` for one that contradicts itself;
    /// `unsafe_content` for tensors outside of the folder; `limit_exceeded`.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let source = Arc::new(DiskFile::open(path)?);
        let place = |e: cornet_error::Error| e.within(path.display().to_string());
        Self::read(&Message::new(source, limits), Some(Arc::new(Folder::of(path))), limits).map_err(place)
    }

    /// Opens the model of these bytes.
    ///
    /// # Errors
    /// As [`OnnxModel::open`]; `unsupported` for tensors in other files.
    pub fn from_bytes(bytes: Vec<u8>, limits: &Limits) -> Result<Self> {
        Self::read(&Message::of(bytes, limits), None, limits)
    }

    /// Opens the model of these bytes, whose other files lie in `folder`.
    ///
    /// # Errors
    /// As [`OnnxModel::open`].
    pub fn from_bytes_in(bytes: Vec<u8>, folder: &Path, limits: &Limits) -> Result<Self> {
        let folder = Folder::of(&folder.join("model.onnx"));
        Self::read(&Message::of(bytes, limits), Some(Arc::new(folder)), limits)
    }

    fn read(message: &Message, folder: Option<Arc<Folder>>, limits: &Limits) -> Result<Self> {
        let reader = Reader::new(folder, limits);
        let definition = ModelDef::parse(message, &reader)?;
        if definition.ir_version < 1 {
            return Err(err!(UnsupportedFormat, "onnx: expected a version of the format, found none"));
        }
        let plan = Arc::new(Planner::new(&definition, limits)?.main()?);
        let info = describe(&definition, &plan);
        let (signature, others) = signature(&info);
        let (body, held) = (plan.clone(), *limits);
        let compiled = Compiled::new(info.name.clone(), move |x: &[Tensor]| {
            let inputs = x.iter().map(|t| Some(Value::Tensor(t.clone()))).collect();
            let outputs = run(&body, &Context::new(&body, &held), inputs, Vec::new())?;
            outputs.iter().map(|v| v.tensor().cloned()).collect()
        });
        Ok(Self { info, signatures: vec![signature], plan, limits: *limits, others, compiled })
    }

    /// What the model states about itself.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Runs on values of any kind, op by op, in the order of [`ModelInfo::inputs`].
    ///
    /// # Errors
    /// What a node refuses.
    pub fn run_values(&self, inputs: Vec<Value>) -> Result<Vec<Value>> {
        if inputs.len() > self.plan.inputs.len() {
            fail!(InvalidArgument, "inputs: expected {}, found {}", self.plan.inputs.len(), inputs.len());
        }
        let mut inputs: Vec<Option<Value>> = inputs.into_iter().map(Some).collect();
        inputs.resize(self.plan.inputs.len(), None);
        run(&self.plan, &Context::new(&self.plan, &self.limits), inputs, Vec::new())
    }

    /// Whether every input and output is a tensor of one of our dtypes, so that [`Program::run`] runs the model.
    pub fn is_plain(&self) -> bool {
        self.others.is_empty()
    }

    /// The function that runs, for its compiled graphs.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }
}

impl Program for OnnxModel {
    fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    fn run(&self, _: &Signature, inputs: &[Array]) -> Result<Vec<Array>> {
        if !self.others.is_empty() {
            let others = self.others.join(", ");
            return Err(err!(Unsupported, "onnx: expected tensors of known dtypes, found others: {others}")
                .help("run it with OnnxModel::run_values"));
        }
        self.compiled.run(inputs)
    }

    fn weight_bytes(&self) -> u64 {
        self.info.weight_bytes
    }
}

impl fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnnxModel({}, {} nodes)", self.info.name, self.plan.size())
    }
}

fn describe(definition: &ModelDef, plan: &Plan) -> ModelInfo {
    let graph = &definition.graph;
    let mut info = ModelInfo {
        name: if graph.name.is_empty() { "onnx".to_owned() } else { graph.name.clone() },
        ir_version: definition.ir_version,
        opsets: definition.opsets.clone(),
        producer: definition.producer.clone(),
        producer_version: definition.producer_version.clone(),
        domain: definition.domain.clone(),
        model_version: definition.model_version,
        doc: definition.doc.clone(),
        metadata: definition.metadata.clone(),
        outputs: graph.outputs.clone(),
        functions: definition.functions.iter().map(|f| f.name.clone()).collect(),
        ..ModelInfo::default()
    };
    let given: std::collections::HashSet<&str> = graph.initializers.iter().map(|c| c.name.as_str()).collect();
    info.inputs = graph.inputs.iter().filter(|i| !given.contains(i.name.as_str())).cloned().collect();
    for constant in &graph.initializers {
        let array = &constant.array;
        let kind = constant.narrow.map_or_else(|| array.dtype().to_string(), crate::narrow::Narrow::name);
        info.weights.push((constant.name.clone(), format!("{kind} {}", array.shape())));
        info.parameters += array.elements() as u64;
        info.weight_bytes += array.bytes().len() as u64;
    }
    plan.visit(&mut |step| {
        let name = step.node.full_type();
        if let Act::Missing(why) = &step.act {
            info.unsupported.insert(name.clone(), why.clone());
        }
        *info.operators.entry(name).or_default() += 1;
    });
    info
}

/// The main signature, and what of the model has no place in it.
fn signature(info: &ModelInfo) -> (Signature, Vec<String>) {
    let mut others = Vec::new();
    let mut specs = |values: &[ValueInfo]| {
        let mut found = Vec::new();
        for value in values {
            match &value.ty {
                Some(Type::Tensor(Element::Plain(dtype), shape)) => {
                    let size = |s: &SizeOf| if let SizeOf::Fixed(n) = s { Some(*n) } else { None };
                    let shape = shape.as_ref().map(|sizes| sizes.iter().map(size).collect());
                    found.push(TensorSpec::new(value.name.clone(), *dtype, shape));
                }
                _ => others.push(value.name.clone()),
            }
        }
        found
    };
    let (inputs, outputs) = (specs(&info.inputs), specs(&info.outputs));
    let signature = Signature { name: DEFAULT_SIGNATURE.to_owned(), inputs, outputs, ..Signature::default() };
    (signature, others)
}
