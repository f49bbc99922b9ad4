//! `all`: whether all elements hold.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "all",
    doc: "Whether all elements over the attribute `axes` (sorted) hold; `keepdims` keeps them as size 1. True of none.",
    source: "Keras 3 keras.ops.all",
    attrs: &["axes", "keepdims"],
    dtypes: DTypes::Bool,
    infer: super::infer,
    reference: Reference::Whole(|call, x| super::fold(call, &x[0], (1.0, f64::min), (1, |a, b| a & b))),
    gradient: Gradient::Zero,
    cases: Cases::Of(super::cases),
    ..Op::BASE
};

impl Tensor {
    /// Whether all elements over `axes` (all of them if empty) hold, which `keepdims` keeps as size 1. A number holds
    /// unless it is 0.
    #[track_caller]
    pub fn all(&self, axes: &[isize], keepdims: bool) -> Tensor {
        super::reduce(&OP, &self.cast(DType::Bool), axes, keepdims)
    }
}
