//! The one way from an op and its inputs to results: checks, then eager, traced or failed.

use std::panic::Location;

use cornet_tensor::{Array, Error, Result};
use smallvec::{SmallVec, smallvec};

use super::attrs::Attrs;
use super::backend::backend;
use super::op::{Call, Op, Type, Types};
use super::tape;
use super::tensor::{Repr, Tensor, site};
use super::trace::{Builder, current_scope};

/// Applies `op` to `inputs`. Failures, of the inputs or of the op, become failed results with the caller's line.
#[track_caller]
pub fn call(op: &'static Op, inputs: &[&Tensor], attrs: Attrs) -> SmallVec<[Tensor; 1]> {
    match try_call(op, inputs, attrs) {
        Ok(outputs) => outputs,
        Err(error) => {
            let error = error.at(site(Location::caller()));
            // A failed call has as many results as a successful one would be indexed for; one stands for all.
            smallvec![Tensor(Repr::Failed(error))]
        }
    }
}

/// Applies an op of one result.
#[track_caller]
pub fn call1(op: &'static Op, inputs: &[&Tensor], attrs: Attrs) -> Tensor {
    call(op, inputs, attrs).swap_remove(0)
}

/// Applies an op of several results; a failure is repeated in each.
#[track_caller]
pub fn call_n<const N: usize>(op: &'static Op, inputs: &[&Tensor], attrs: Attrs) -> [Tensor; N] {
    let outputs = call(op, inputs, attrs);
    std::array::from_fn(|i| outputs.get(i).unwrap_or(&outputs[0]).clone())
}

fn try_call(op: &'static Op, inputs: &[&Tensor], attrs: Attrs) -> Result<SmallVec<[Tensor; 1]>> {
    let types = inputs.iter().map(|t| t.ty()).collect::<Result<SmallVec<[Type; 3]>>>()?;
    let at = Call { op, inputs: &types, attrs: &attrs };
    let result_types = at.infer().map_err(placed)?;
    let active = Builder::active();
    let traced = inputs.iter().any(|t| t.is_traced()) || inputs.is_empty() && active.is_some();
    let outputs = match active {
        Some(builder) if traced => builder.emit(op, attrs.clone(), inputs, result_types)?,
        _ => {
            let arrays = inputs.iter().map(|t| t.array()).collect::<Result<SmallVec<[Array; 3]>>>()?;
            eager(&at, &arrays, &result_types).map_err(placed)?
        }
    };
    tape::record(op, &attrs, inputs, &outputs);
    Ok(outputs)
}

fn eager(at: &Call<'_>, arrays: &[Array], types: &Types) -> Result<SmallVec<[Tensor; 1]>> {
    let results = backend().run(at, arrays).map_err(|e| e.within(at.op.name))?;
    debug_assert!(
        results.iter().map(Type::of).eq(types.iter().cloned()),
        "{}: inferred {types:?}, found {:?}",
        at.op.name,
        results.iter().map(Type::of).collect::<Vec<_>>()
    );
    Ok(results.into_iter().map(Tensor::from).collect())
}

fn placed(error: Error) -> Error {
    match current_scope() {
        Some(scope) => error.within(&*scope),
        None => error,
    }
}
