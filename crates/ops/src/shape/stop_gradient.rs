//! `stop_gradient`: the identity, through which no gradient flows.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "stop_gradient",
    doc: "x itself; its derivative counts as zero.",
    source: "Keras 3 keras.ops.stop_gradient",
    reference: Reference::Whole(|_, x| Ok(vec![x[0].clone()])),
    gradient: Gradient::Zero,
    cases: Cases::Of(|| vec![Case::new([any(&[2, 3])], Attrs::default())]),
    ..Op::BASE
};

impl Tensor {
    /// The same value, through which no gradient flows.
    #[track_caller]
    pub fn stop_gradient(&self) -> Tensor {
        call1(&OP, &[self], Attrs::default())
    }
}
