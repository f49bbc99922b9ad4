//! `clip`: x between bounds.

use crate::arithmetic::{Arg, common_dtype};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "clip",
    doc: "min(max(x, low), high), element-wise with broadcasting; NaN if any is. The gradient goes to x between the bounds and \
          on them, to the bounds outside.",
    source: "Keras 3 keras.ops.clip",
    arity: (3, 3),
    dtypes: DTypes::Real,
    reference: Reference::Point(
        PointRef::real(
            |x| if x.iter().any(|v| v.is_nan()) { f64::NAN } else { x[0].max(x[1]).min(x[2]) },
            |x| x[0].max(x[1]).min(x[2]),
        )
        .with_uint(|x| x[0].max(x[1]).min(x[2])),
    ),
    gradient: Gradient::Rule(|g| {
        let (x, low, high, dy) = (g.x(0), g.x(1), g.x(2), g.dy());
        let (under, over) = (x.less(low), x.maximum(low).greater(high));
        grads![
            g.want(0, || under.logical_or(&over).where_(0.0, &dy)),
            g.want(1, || under.logical_and(over.logical_not()).where_(&dy, 0.0)),
            g.want(2, || over.where_(&dy, 0.0)),
        ]
    }),
    cases: Cases::Point(&[(-3.0, 3.0), (-2.0, -0.5), (0.5, 2.0)]),
    max_rel_err_f32: 0.0,
    ..Op::BINARY
};

impl Tensor {
    /// x between bounds, which broadcast: `min(max(x, low), high)`. Bools count as int32.
    ///
    /// # Source
    /// Keras 3 `keras.ops.clip`; as there, bare scalars do not change the dtype of a float x.
    #[track_caller]
    pub fn clip(&self, low: impl Into<Arg>, high: impl Into<Arg>) -> Tensor {
        let (low, high) = (low.into(), high.into());
        Tensor::lift(|| {
            let dtype = match common_dtype(&[self.into(), low.clone(), high.clone()])? {
                DType::Bool => DType::I32,
                dtype => dtype,
            };
            Ok(call1(&OP, &[&self.cast(dtype), &low.to(dtype)?, &high.to(dtype)?], Attrs::default()))
        })
    }
}
