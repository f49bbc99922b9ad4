//! `Function`: traced once per signature, optimised, compiled, and run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cornet_error::{Result, err};
use cornet_ops::{Executable, Graph, Tensor, Type, Variable, backend, is_recorded, is_recording, is_tracing, trace};
use cornet_tensor::Array;

/// What a function computes, written on tensors.
type Body = dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync;

/// A Rust function on tensors that runs as a compiled graph.
///
/// The first call with arguments of new dtypes and shapes traces the body: what it does with tensors becomes a graph,
/// which is optimised and compiled; later calls only run it. Everything else in the body (printing, pushing to
/// vectors) happens while tracing. Variables that the body reads or assigns are read and updated by each run.
///
/// Inside another trace the function is inlined; under a tape that watches an argument, or any while the function reads
/// variables, it runs op by op.
///
/// ```
/// use cornet_ops::Tensor;
/// use cornet_runtime::Function;
/// let f = Function::new("norm", |x| Ok(vec![(&x[0] * &x[0]).sum(&[], false)]));
/// assert_eq!(f.call(&[Tensor::of([3.0_f32, 4.0])])?[0].item::<f32>()?, 25.0);
/// assert_eq!(f.signatures(), 1);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub struct Function {
    name: String,
    body: Box<Body>,
    compiled: Mutex<HashMap<Vec<Type>, Arc<Concrete>>>,
}

/// A function compiled for one signature.
pub struct Concrete {
    graph: Graph,
    executable: Box<dyn Executable>,
    arguments: Vec<Type>,
}

impl Function {
    /// A function of this name.
    pub fn new(
        name: impl Into<String>,
        body: impl Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), body: Box::new(body), compiled: Mutex::default() }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs the function.
    ///
    /// # Errors
    /// What the body refuses while tracing; what only values can tell while running.
    pub fn call(&self, arguments: &[Tensor]) -> Result<Vec<Tensor>> {
        if is_tracing() || is_recorded(&arguments.iter().collect::<Vec<_>>()) {
            return (self.body)(arguments);
        }
        let arrays = arguments.iter().map(Tensor::array).collect::<Result<Vec<_>>>()?;
        let types: Vec<Type> = arrays.iter().map(Type::of).collect();
        let concrete = self.concrete(&types)?;
        if is_recording() && concrete.variables().any(|v| v.dtype().is_inexact()) {
            return (self.body)(arguments);
        }
        let mut results = Vec::new();
        concrete.run(&arrays.iter().collect::<Vec<_>>(), &mut results)?;
        Ok(results.into_iter().map(Tensor::from).collect())
    }

    /// Runs the body op by op, without a graph: where shapes depend on values.
    ///
    /// # Errors
    /// What the body refuses.
    pub fn op_by_op(&self, arguments: &[Tensor]) -> Result<Vec<Tensor>> {
        (self.body)(arguments)
    }

    /// The function compiled for arguments of these types, now if it was not before.
    ///
    /// # Errors
    /// What the body refuses; what the backend cannot compile.
    pub fn concrete(&self, types: &[Type]) -> Result<Arc<Concrete>> {
        let compiled = || self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = compiled().get(types) {
            return Ok(found.clone());
        }
        let made = Arc::new(Concrete::trace(&self.name, types, &self.body)?);
        compiled().insert(types.to_vec(), made.clone());
        Ok(made)
    }

    /// How many signatures have been compiled.
    pub fn signatures(&self) -> usize {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets what was compiled: the next call traces again.
    pub fn forget(&self) {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Concrete {
    /// Traces, optimises and compiles `body` for these types.
    ///
    /// # Errors
    /// As [`Function::concrete`].
    pub fn trace(name: &str, types: &[Type], body: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>) -> Result<Self> {
        let names: Vec<String> = (0..types.len()).map(|i| format!("arg_{i}")).collect();
        let arguments: Vec<(&str, Type)> = names.iter().map(String::as_str).zip(types.iter().cloned()).collect();
        let traced = trace(name, &arguments, body)?;
        if !traced.captures.is_empty() {
            return Err(
                err!(NotTraced, "function {name} uses tensors of an enclosing trace").help("pass them as arguments")
            );
        }
        Self::compile(traced.graph)
    }

    /// Optimises and compiles a graph.
    ///
    /// # Errors
    /// What the backend cannot compile.
    pub fn compile(graph: Graph) -> Result<Self> {
        let graph = cornet_graph::optimize(graph)?;
        let arguments = graph.arguments().map(|i| graph.type_of(i.value).clone()).collect();
        Ok(Self { executable: backend().compile(&graph)?, graph, arguments })
    }

    /// Runs on arrays; the memory of `results` is reused where it fits.
    ///
    /// # Errors
    /// `invalid_argument`, `shape_mismatch` or `dtype_mismatch` for other arguments than it was compiled for; what
    /// only values can tell.
    pub fn run(&self, arguments: &[&Array], results: &mut Vec<Array>) -> Result<()> {
        let name = &self.graph.name;
        if arguments.len() != self.arguments.len() {
            let (expected, found) = (self.arguments.len(), arguments.len());
            return Err(err!(InvalidArgument, "{name}: expected {expected} arguments, found {found}"));
        }
        for (i, (argument, expected)) in arguments.iter().zip(&self.arguments).enumerate() {
            if argument.dtype() != expected.dtype {
                let found = argument.dtype();
                return Err(err!(DtypeMismatch, "{name}: argument {i}: expected {}, found {found}", expected.dtype));
            }
            if *argument.shape() != expected.shape {
                let found = argument.shape();
                return Err(err!(ShapeMismatch, "{name}: argument {i}: expected {}, found {found}", expected.shape));
            }
        }
        self.executable.run(arguments, results)
    }

    /// The optimised graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The variables that a run reads or updates.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        let read = self.graph.inputs.iter().filter_map(|i| i.variable.as_ref());
        let updated = self.graph.updates.iter().map(|u| &u.variable);
        read.chain(updated.filter(|v| !self.graph.inputs.iter().any(|i| i.variable.as_ref() == Some(v))))
    }

    /// How the backend runs it.
    pub fn describe(&self) -> String {
        self.executable.describe()
    }
}
