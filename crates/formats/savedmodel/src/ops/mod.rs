//! What each op computes, by family.

mod array;
mod elementwise;
mod example;
mod image;
mod linalg;
mod lists;
mod math;
mod nn;
mod pictures;
mod quantized;
mod ragged;
mod random;
mod reduce;
mod resources;
mod select;
mod slicing;
mod sparse;
mod strings;

use std::collections::HashMap;
use std::sync::LazyLock;

use cornet_error::Result;

use crate::interpret::Call;
use crate::value::Value;

/// What an op computes.
pub(crate) type OpFn = for<'a, 'b, 'r> fn(&'a mut Call<'b, 'r>) -> Result<Vec<Value>>;

/// The ops of a family.
type Family = &'static [(&'static str, OpFn)];

static FAMILIES: &[Family] = &[
    array::OPS,
    elementwise::OPS,
    example::OPS,
    image::OPS,
    linalg::OPS,
    lists::OPS,
    math::OPS,
    nn::OPS,
    pictures::OPS,
    quantized::OPS,
    ragged::OPS,
    random::OPS,
    reduce::OPS,
    resources::OPS,
    select::OPS,
    slicing::OPS,
    sparse::OPS,
    strings::OPS,
];

static TABLE: LazyLock<HashMap<&str, OpFn>> = LazyLock::new(|| FAMILIES.iter().copied().flatten().copied().collect());

/// The function of an op.
pub(crate) fn find(op: &str) -> Option<OpFn> {
    TABLE.get(op).copied()
}

/// Whether an op changes a variable.
pub(crate) fn assigns(op: &str) -> bool {
    op.starts_with("Assign")
        || op.starts_with("ResourceScatter")
        || op.starts_with("ResourceApply")
        || matches!(
            op,
            "ScatterAdd"
                | "ScatterSub"
                | "ScatterUpdate"
                | "ResourceStridedSliceAssign"
                | "StridedSliceAssign"
                | "CountUpTo"
                | "ResourceCountUpTo"
                | "RngReadAndSkip"
                | "StatefulUniform"
                | "StatefulStandardNormalV2"
        )
}

/// One tensor as the only output.
fn one(tensor: cornet_ops::Tensor) -> Result<Vec<Value>> {
    Ok(vec![tensor.into()])
}

/// Tensors as outputs.
fn many(tensors: impl IntoIterator<Item = cornet_ops::Tensor>) -> Result<Vec<Value>> {
    Ok(tensors.into_iter().map(Value::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_op_is_listed_twice() {
        assert_eq!(TABLE.len(), FAMILIES.iter().map(|f| f.len()).sum::<usize>());
    }
}
