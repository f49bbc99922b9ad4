//! `max`: the greatest element over axes.

use crate::arithmetic::Arg;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "max",
    doc: "The greatest element over the attribute `axes` (sorted), which `keepdims` keeps as size 1; NaN if there is one. Empty \
          axes are refused. The gradient goes in equal parts to the elements that are the greatest.",
    source: "Keras 3 keras.ops.max",
    attrs: &["axes", "keepdims"],
    dtypes: DTypes::Ordered,
    infer: super::infer_nonempty,
    reference: Reference::Whole(|call, x| {
        super::extreme(call, &x[0], |a, b| if a.is_nan() || a >= b { a } else { b }, |a, b| a.max(b), |a, b| a.max(b))
    }),
    gradient: Gradient::Rule(super::extreme_gradient),
    cases: Cases::Of(super::cases),
    ..Op::BASE
};

impl Tensor {
    /// The greatest element over `axes` (all of them if empty), which `keepdims` keeps as size 1; NaN if there is one.
    ///
    /// # Errors
    /// `empty_data` when there is no element to take; see [`Tensor::max_with`].
    #[track_caller]
    pub fn max(&self, axes: &[isize], keepdims: bool) -> Tensor {
        super::reduce(&OP, self, axes, keepdims)
    }

    /// The greatest of `initial` and the elements over `axes`, of which there may be none.
    #[track_caller]
    pub fn max_with(&self, axes: &[isize], keepdims: bool, initial: impl Into<Arg>) -> Tensor {
        let initial = initial.into();
        Tensor::lift(|| {
            let initial = initial.to(self.dtype()?)?;
            let over = self.shape()?.axes(axes)?;
            if over.iter().any(|&a| self.shape().is_ok_and(|s| s[a] == 0)) {
                return Ok(initial.broadcast_to(super::without(&self.shape()?, &over, keepdims)));
            }
            Ok(self.max(axes, keepdims).maximum(initial))
        })
    }

    /// [`Tensor::max`].
    #[track_caller]
    pub fn amax(&self, axes: &[isize], keepdims: bool) -> Tensor {
        self.max(axes, keepdims)
    }
}
