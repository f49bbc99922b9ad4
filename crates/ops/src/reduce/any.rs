//! `any`: whether some element holds.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "any",
    doc: "Whether some element over the attribute `axes` (sorted) holds; `keepdims` keeps them as size 1. False of none.",
    source: "Keras 3 keras.ops.any",
    attrs: &["axes", "keepdims"],
    dtypes: DTypes::Bool,
    infer: super::infer,
    reference: Reference::Whole(|call, x| super::fold(call, &x[0], (0.0, f64::max), (0, |a, b| a | b))),
    gradient: Gradient::Zero,
    cases: Cases::Of(super::cases),
    ..Op::BASE
};

impl Tensor {
    /// Whether some element over `axes` (all of them if empty) holds, which `keepdims` keeps as size 1. A number holds
    /// unless it is 0.
    #[track_caller]
    pub fn any(&self, axes: &[isize], keepdims: bool) -> Tensor {
        super::reduce(&OP, &self.cast(DType::Bool), axes, keepdims)
    }
}
