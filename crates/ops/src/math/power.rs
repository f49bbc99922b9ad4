//! `power`: `a^b`.

use super::special::{int_power, uint_power};
use crate::arithmetic::{Arg, binary};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "power",
    doc: "a^b, element-wise with broadcasting. NaN for a negative a and a fractional b; x^0 = 1. Integers wrap; to a negative \
          power they give 0, unless a is 1 or -1. The derivative by b counts as 0 where a <= 0.",
    source: "IEEE 754-2019, 9.2 (pow); Keras 3 keras.ops.power",
    dtypes: DTypes::Real,
    reference: Reference::Point(
        PointRef::real(|x| x[0].powf(x[1]), |x| int_power(x[0], x[1])).with_uint(|x| uint_power(x[0], x[1])),
    ),
    gradient: Gradient::Rule(|g| {
        let (a, b) = (g.x(0), g.x(1));
        grads![
            g.want(0, || {
                let zero = b.equal(0.0);
                let slope = b * a.power(zero.where_(1.0, b - 1.0));
                g.dy() * zero.where_(0.0, slope)
            }),
            g.want(1, || g.dy() * g.y() * a.greater(0.0).where_(a, 1.0).log()),
        ]
    }),
    cases: Cases::Point(&[(0.3, 3.0), (-2.5, 2.5)]),
    max_rel_err_f32: 4.0 * f32::EPSILON as f64,
    ..Op::BINARY
};

impl Tensor {
    /// `a^b`, element-wise with broadcasting.
    ///
    /// ```
    /// # use cornet_ops::Tensor;
    /// assert_eq!(Tensor::of([1.0_f32, -2.0]).power(3).to_vec::<f32>()?, [1.0, -8.0]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn power(&self, exponent: impl Into<Arg>) -> Tensor {
        match exponent.into() {
            Arg::Int(2) => self.square(),
            Arg::Float(2.0) if self.dtype().is_ok_and(|d| d.is_float()) => self.square(),
            exponent => binary(&OP, self, exponent),
        }
    }
}
