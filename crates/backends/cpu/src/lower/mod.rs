//! From a graph to steps over places in memory.
//!
//! 1. [`views`]: ops that only move elements become layouts through which consumers read.
//! 2. [`units`]: the other nodes become units of work: element-wise nodes join into fused programs, bias and activation
//!    join the product they follow.
//! 3. [`schedule`]: an order in which the units can run, writers of variables after all readers of the old value.
//! 4. [`memory`]: where each value lies; buffers are shared by values that are never needed at the same time.

mod build;
mod memory;
mod schedule;
mod units;
mod views;

use cornet_error::Result;
use cornet_ops::{Attrs, Graph, Op, Type, Variable};
use cornet_tensor::Array;

use crate::kernel::Kernel;

pub(crate) use views::view;

/// A graph as steps over places.
pub(crate) struct Lowered {
    /// The function's name.
    pub name: String,
    /// The variables, by id.
    pub variables: Vec<Bound>,
    /// Values known before the run.
    pub constants: Vec<Array>,
    /// Bytes of each buffer.
    pub slots: Vec<usize>,
    /// How many string values there are.
    pub texts: usize,
    /// Bytes of scratch memory, the most that any step needs.
    pub scratch: usize,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// The results.
    pub outputs: Vec<(Place, Type)>,
}

/// A variable that a plan reads or updates.
pub(crate) struct Bound {
    pub variable: Variable,
    /// The plan writes to it.
    pub updated: bool,
    /// The plan reads its old value, which must exist.
    pub read: bool,
}

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// The caller's array.
    Argument(usize),
    /// A variable.
    Variable(usize),
    /// A constant.
    Constant(usize),
    /// A buffer.
    Slot(usize),
    /// An array of strings.
    Text(usize),
}

/// What a step reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// The value at a place, its first element after so many others.
    At(Place, usize),
    /// What lies in the memory of one of the step's outputs.
    Output(usize),
}

/// One kernel call.
pub(crate) struct Step {
    /// What it does.
    pub work: Work,
    /// What it reads, with the bytes of each value.
    pub inputs: Vec<(Source, usize)>,
    /// Where it writes, with the bytes of each result.
    pub outputs: Vec<(Place, usize)>,
    /// The layer or scope it was made in, for errors.
    pub scope: Option<std::sync::Arc<str>>,
}

/// What a step does.
pub(crate) enum Work {
    /// Runs a kernel on bytes.
    Kernel(Box<dyn Kernel>),
    /// Runs the op's reference on arrays.
    Reference { op: &'static Op, attrs: Box<Attrs>, inputs: Vec<Type> },
}

/// Lowers a graph.
///
/// # Errors
/// `unsupported` where a kernel cannot be made.
pub(crate) fn lower(graph: &Graph) -> Result<Lowered> {
    let mut units = units::form(graph)?;
    let order = schedule::order(graph, &mut units);
    build::build(graph, units, &order)
}
