//! The CPU backend: graphs become plans of fused kernels over memory laid out before the first run.
//!
//! `lower` turns a graph into steps: movements of elements become views that consumers read through, element-wise
//! chains become one program each, bias and activation join the product before them. `exec` runs the steps on
//! buffers that are made once and reused by every run.

mod exec;
mod kernel;
mod lower;
mod pool;
mod scan;

pub use pool::{num_threads, with_threads};

use cornet_error::Result;
use cornet_ops::{Backend, Call, Executable, Graph, Registered, run_reference};
use cornet_tensor::{Array, DType};

/// The CPU backend.
pub struct Cpu;

static CPU: Cpu = Cpu;

inventory::submit! { Registered { backend: &CPU, priority: 10 } }

impl Backend for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn run(&self, call: &Call<'_>, inputs: &[Array]) -> Result<Vec<Array>> {
        match kernel::select(call) {
            Some(kernel) => pool::install(|| kernel::run_eagerly(&*kernel, call, inputs)),
            None => run_reference(call, inputs),
        }
    }

    fn compile(&self, graph: &Graph) -> Result<Box<dyn Executable>> {
        Ok(Box::new(exec::Plan::new(lower::lower(graph)?)))
    }

    fn enter(&self, work: &mut (dyn FnMut() + Send)) {
        pool::install(work);
    }
}

/// Whether the backend has a kernel of its own for this call, or runs the reference.
pub fn has_kernel(call: &Call<'_>) -> bool {
    kernel::select(call).is_some()
}

/// Bytes an array of this type takes; strings take none here.
fn bytes_of(ty: &cornet_ops::Type) -> usize {
    if ty.dtype == DType::Str { 0 } else { ty.shape.elements() * ty.dtype.size() }
}
