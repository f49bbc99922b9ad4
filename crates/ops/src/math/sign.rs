//! `sign`: -1, 0 or 1.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "sign",
    doc: "-1 below zero, 0 at zero, 1 above; NaN of NaN.",
    source: "Keras 3 keras.ops.sign",
    dtypes: DTypes::Real,
    reference: Reference::Point(
        PointRef::real(
            |x| {
                if x[0] > 0.0 {
                    1.0
                } else if x[0] < 0.0 {
                    -1.0
                } else {
                    x[0]
                }
            },
            |x| x[0].signum(),
        )
        .with_uint(|x| u64::from(x[0] > 0)),
    ),
    gradient: Gradient::Zero,
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// -1, 0 or 1 by the sign, element-wise; NaN of NaN.
    #[track_caller]
    pub fn sign(&self) -> Tensor {
        call1(&OP, &[self], Attrs::default())
    }
}
