//! `softmax`: exponentials that sum to 1 along an axis.

use super::lanes::{self, Lanes};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "softmax",
    doc: "exp(x - max x) / Σ exp(x - max x) along the attribute `axis`. Primitive because one pass over each lane, in \
          cache, replaces five over memory.",
    source: "Keras 3 keras.ops.softmax",
    attrs: &["axis"],
    dtypes: DTypes::Float,
    infer: lanes::infer,
    reference: Reference::Whole(|call, x| {
        lanes::map(call, &x[0], |lane| {
            let top = lane.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            lane.iter_mut().for_each(|v| *v = (*v - top).exp());
            let sum: f64 = lane.iter().sum();
            lane.iter_mut().for_each(|v| *v /= sum);
        })
    }),
    gradient: Gradient::Rule(|g| grads![call1(&super::softmax_gradient::OP, &[g.y(), &g.dy()], g.attrs.clone())]),
    cases: Cases::Of(lanes::cases),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::BASE
};

impl Tensor {
    /// Exponentials along `axis`, scaled to sum to 1. Integers become float32.
    ///
    /// A crossentropy of the result is computed from `self`, as Keras on TensorFlow does, so that a probability that
    /// underflows still has a gradient.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let p = Tensor::of([0.0_f32, 0.0]).softmax(-1);
    /// assert_eq!(p.to_vec::<f32>()?, [0.5, 0.5]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `out_of_range` for an axis that is not there.
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Tensor {
        self.softmax_over(&[axis])
    }

    /// The same over several axes together.
    #[track_caller]
    pub fn softmax_over(&self, axes: &[isize]) -> Tensor {
        Lanes::apply(&OP, self, axes)
    }
}
