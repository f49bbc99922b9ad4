//! Type rules that many ops share.

use cornet_tensor::{DType, Result, Shape, err};
use smallvec::smallvec;

use super::op::{Call, Type, Types};

/// One result like the first input.
pub fn same(call: &Call<'_>) -> Result<Types> {
    Ok(smallvec![call.inputs[0].clone()])
}

/// One bool result of the first input's shape.
pub fn predicate(call: &Call<'_>) -> Result<Types> {
    Ok(smallvec![Type::new(DType::Bool, call.shape(0))])
}

/// The shape all inputs broadcast to.
pub fn broadcast_shape(call: &Call<'_>) -> Result<Shape> {
    let mut shape = call.shape(0).clone();
    for input in &call.inputs[1..] {
        shape = shape.broadcast(&input.shape)?;
    }
    Ok(shape)
}

/// Fails unless the inputs from `first` on have one dtype.
pub fn one_dtype(call: &Call<'_>, first: usize) -> Result<DType> {
    let dtype = call.dtype(first);
    match call.inputs[first..].iter().find(|t| t.dtype != dtype) {
        None => Ok(dtype),
        Some(t) => Err(err!(DtypeMismatch, "dtypes: expected {dtype} throughout, found {}", t.dtype)
            .help(format!("convert one of them, for instance with cast({dtype})"))),
    }
}

/// One result of the inputs' dtype, all broadcast against each other.
pub fn broadcast(call: &Call<'_>) -> Result<Types> {
    Ok(smallvec![Type::new(one_dtype(call, 0)?, broadcast_shape(call)?)])
}

/// A bool result of two inputs of one dtype, broadcast.
pub fn comparison(call: &Call<'_>) -> Result<Types> {
    one_dtype(call, 0)?;
    Ok(smallvec![Type::new(DType::Bool, broadcast_shape(call)?)])
}

/// Fails unless input `i` has `rank` axes.
pub fn rank(call: &Call<'_>, i: usize, rank: usize) -> Result<()> {
    let found = call.shape(i).rank();
    if found == rank {
        return Ok(());
    }
    Err(err!(RankMismatch, "input {i}: expected {rank} axes, found {found}"))
}
