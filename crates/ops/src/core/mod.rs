//! Tensors, ops, graphs, tapes and backends: the concepts that every op's file is written in.

pub mod attrs;
pub mod backend;
pub mod constant;
pub mod dispatch;
pub mod grad;
pub mod graph;
pub mod infer;
pub mod op;
pub mod point;
pub mod samples;
pub mod tape;
pub mod tensor;
pub mod trace;
pub mod variable;

/// What an op's file needs.
pub(crate) mod prelude {
    pub use super::attrs::Attrs;
    pub use super::dispatch::{call, call_n, call1};
    pub use super::grad::Gradient;
    pub use super::infer;
    pub use super::op::{Call, DTypes, MANY, Op, Reference, Type, Types};
    pub use super::point::{PointRef, for_each_index};
    pub use super::samples::{Case, Cases, Sample, any, between, definite, distinct, exactly, ints};
    pub use super::tensor::Tensor;
    pub use crate::{attrs, grads};
    pub use cornet_tensor::{Array, DType, Dims, Result, Shape, err, fail};
    pub use smallvec::smallvec;
}
