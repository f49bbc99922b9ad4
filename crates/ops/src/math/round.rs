//! `round`: whole numbers, to nearest, ties to even.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "round",
    doc: "x rounded to the nearest whole number, ties to the even one.",
    source: "IEEE 754-2019, 5.9 (roundToIntegralTiesToEven)",
    reference: Reference::Point(PointRef::float(|x| x[0].round_ties_even())),
    gradient: Gradient::Zero,
    max_rel_err_f32: 0.0,
    ..Op::UNARY
};

impl Tensor {
    /// x rounded to the nearest whole number, ties to the even one, element-wise. Integers and bools stay as they are.
    ///
    /// ```
    /// # use cornet_ops::Tensor;
    /// assert_eq!(Tensor::of([0.5_f32, 1.5, -2.5]).round().to_vec::<f32>()?, [0.0, 2.0, -2.0]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn round(&self) -> Tensor {
        match self.dtype() {
            Ok(d) if d.is_int() || d == DType::Bool => self.clone(),
            _ => call1(&OP, &[self], Attrs::default()),
        }
    }

    /// x rounded to `decimals` places after the point, or before it if negative.
    #[track_caller]
    pub fn round_to(&self, decimals: i32) -> Tensor {
        Tensor::lift(|| {
            let dtype = self.dtype()?;
            let factor = 10.0_f64.powi(decimals.saturating_abs());
            Ok(match (dtype.is_inexact(), decimals) {
                (_, 0) => self.round(),
                (false, 1..) => self.clone(),
                (false, _) => ((self.cast(DType::F64) / factor).round() * factor).cast(dtype),
                (true, 1..) => (self * factor).round() / factor,
                (true, _) => (self / factor).round() * factor,
            })
        })
    }
}
