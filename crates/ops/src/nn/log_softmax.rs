//! `log_softmax`: the logarithm of `softmax`.

use super::lanes::{self, Lanes};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "log_softmax",
    doc: "x - max x - ln Σ exp(x - max x) along the attribute `axis`: finite where softmax underflows. Primitive for \
          the same reason as softmax.",
    source: "Keras 3 keras.ops.log_softmax",
    attrs: &["axis"],
    dtypes: DTypes::Float,
    infer: lanes::infer,
    reference: Reference::Whole(|call, x| {
        lanes::map(call, &x[0], |lane| {
            let top = lane.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = lane.iter().map(|v| (v - top).exp()).sum();
            lane.iter_mut().for_each(|v| *v = *v - top - sum.ln());
        })
    }),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let axis = g.attrs.int("axis")? as isize;
            Ok(grads![g.dy() - g.y().exp() * g.dy().sum(&[axis], true)])
        })
    }),
    cases: Cases::Of(lanes::cases),
    max_rel_err_f32: 8.0 * f32::EPSILON as f64,
    ..Op::BASE
};

impl Tensor {
    /// The logarithm of `softmax` along `axis`, finite where softmax itself underflows. Integers become float32.
    ///
    /// # Errors
    /// `out_of_range` for an axis that is not there.
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Tensor {
        self.log_softmax_over(&[axis])
    }

    /// The same over several axes together.
    #[track_caller]
    pub fn log_softmax_over(&self, axes: &[isize]) -> Tensor {
        Lanes::apply(&OP, self, axes)
    }
}
