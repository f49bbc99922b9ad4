//! What runs ops: the trait of backends, and which of them is in use.

use std::cell::RefCell;

use cornet_tensor::{Array, Result, err};

use super::graph::Graph;
use super::op::{Call, Reference};
use super::tensor::Tensor;

/// Runs ops one by one, and whole graphs.
pub trait Backend: Send + Sync {
    /// The name, such as `cpu`.
    fn name(&self) -> &'static str;

    /// Runs one op. `call` has been type-checked; the results have the types that its rule infers.
    ///
    /// # Errors
    /// What only values can tell, such as an index out of range.
    fn run(&self, call: &Call<'_>, inputs: &[Array]) -> Result<Vec<Array>>;

    /// Makes a graph ready to run many times.
    ///
    /// # Errors
    /// `unsupported` for a graph that the backend cannot run.
    fn compile(&self, graph: &Graph) -> Result<Box<dyn Executable>>;

    /// Runs `work` where running graphs costs least: for a CPU, inside its thread pool. Many runs belong in one call.
    fn enter(&self, work: &mut (dyn FnMut() + Send)) {
        work();
    }
}

/// A graph made ready to run.
pub trait Executable: Send + Sync {
    /// Runs the graph on arguments, reads and updates its variables, and writes its results to `outputs`, whose memory
    /// is reused where it fits.
    ///
    /// # Errors
    /// What only values can tell. Some variables may have been updated by then.
    fn run(&self, arguments: &[&Array], outputs: &mut Vec<Array>) -> Result<()>;

    /// Lines that say how the graph will run: steps, fused groups, memory.
    fn describe(&self) -> String {
        String::new()
    }
}

/// A backend that this program contains; the one of greatest priority is the default.
pub struct Registered {
    /// The backend.
    pub backend: &'static dyn Backend,
    /// Rank among backends.
    pub priority: i32,
}

inventory::collect!(Registered);

thread_local! {
    static CHOSEN: RefCell<Vec<&'static dyn Backend>> = const { RefCell::new(Vec::new()) };
}

/// The backend in use on this thread.
pub fn backend() -> &'static dyn Backend {
    CHOSEN.with_borrow(|stack| stack.last().copied()).unwrap_or_else(default)
}

fn default() -> &'static dyn Backend {
    static DEFAULT: std::sync::OnceLock<&'static dyn Backend> = std::sync::OnceLock::new();
    *DEFAULT.get_or_init(|| {
        inventory::iter::<Registered>()
            .max_by_key(|r| r.priority)
            .map_or(&ReferenceBackend as &dyn Backend, |r| r.backend)
    })
}

/// Every backend this program contains, the reference included.
pub fn backends() -> Vec<&'static dyn Backend> {
    inventory::iter::<Registered>().map(|r| r.backend).chain([&ReferenceBackend as &dyn Backend]).collect()
}

/// Runs `f` on another backend.
pub fn with_backend<T>(backend: &'static dyn Backend, f: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            CHOSEN.with_borrow_mut(|s| s.pop());
        }
    }
    CHOSEN.with_borrow_mut(|s| s.push(backend));
    let _leave = Leave;
    f()
}

/// The slow backend that runs each op's reference: the oracle for all others.
pub struct ReferenceBackend;

impl Backend for ReferenceBackend {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn run(&self, call: &Call<'_>, inputs: &[Array]) -> Result<Vec<Array>> {
        run_reference(call, inputs)
    }

    fn compile(&self, graph: &Graph) -> Result<Box<dyn Executable>> {
        Ok(Box::new(Interpreter { graph: graph.clone() }))
    }
}

/// Runs an op's reference.
///
/// # Errors
/// What only values can tell.
pub fn run_reference(call: &Call<'_>, inputs: &[Array]) -> Result<Vec<Array>> {
    match call.op.reference {
        Reference::Whole(f) => f(call, inputs),
        Reference::Point(f) => call.infer()?.iter().map(|ty| f.run(call, inputs, ty)).collect(),
    }
}

/// Runs a graph node by node on the reference backend.
struct Interpreter {
    graph: Graph,
}

impl Executable for Interpreter {
    fn run(&self, arguments: &[&Array], outputs: &mut Vec<Array>) -> Result<()> {
        let arguments: Vec<Tensor> = arguments.iter().map(|&a| a.into()).collect();
        let results = super::tape::without_tapes(|| with_backend(&ReferenceBackend, || self.graph.replay(&arguments)))?;
        outputs.clear();
        for result in results {
            outputs.push(result.array().map_err(|e| err!(Internal, "{e}"))?);
        }
        Ok(())
    }
}
