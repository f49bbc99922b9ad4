//! `argmax`: where the greatest element is.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "argmax",
    doc: "The index of the greatest element along the attribute `axis`, which `keepdims` keeps as size 1: int32. The first \
          of equal ones; the first NaN if there is one. An empty axis is refused.",
    source: "Keras 3 keras.ops.argmax",
    attrs: &["axis", "keepdims"],
    dtypes: DTypes::Ordered,
    infer: super::infer_arg,
    reference: Reference::Whole(|call, x| super::arg_extreme(call, &x[0], super::Better::Greater)),
    gradient: Gradient::Zero,
    cases: Cases::Of(super::axis_cases),
    ..Op::BASE
};

impl Tensor {
    /// The index of the greatest element along `axis` (of all elements in row-major order if `None`), which `keepdims`
    /// keeps as size 1: int32. The first of equal ones; the first NaN if there is one.
    ///
    /// # Errors
    /// `empty_data` when there is no element.
    #[track_caller]
    pub fn argmax(&self, axis: Option<isize>, keepdims: bool) -> Tensor {
        super::arg_reduce(&OP, self, axis, keepdims)
    }
}
