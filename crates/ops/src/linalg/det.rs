//! `det`: the determinant.

use super::dense::{self, factor};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "det",
    doc: "The determinant over the last two axes: the product of U's diagonal in P · x = L · U, times the sign of P. \
          The gradient needs an inverse.",
    source: "Keras 3 keras.ops.det",
    dtypes: DTypes::Wide,
    infer: |call| {
        let (lead, _) = dense::square(call, 0)?;
        Ok(smallvec![Type::new(call.dtype(0), lead)])
    },
    reference: Reference::Whole(|call, x| {
        let (lead, n) = dense::square(call, 0)?;
        let one = |a: &dense::Matrix| {
            let lu = factor::lu(a);
            (0..n).map(|i| lu.packed[(i, i)]).product::<f64>() * lu.parity()
        };
        let values: Vec<f64> = dense::matrices(&x[0])?.iter().map(one).collect();
        Ok(vec![Array::from_f64(call.dtype(0), lead, &values)?])
    }),
    gradient: Gradient::Rule(|g| {
        let scale = g.dy() * g.y();
        grads![g.x(0).inv().swap_last() * super::slogdet::column(&scale)]
    }),
    cases: Cases::Of(super::slogdet::cases),
    max_rel_err_f32: 32.0 * f32::EPSILON as f64,
    ..Op::BASE
};

impl Tensor {
    /// The determinant over the last two axes. Integers become float32.
    ///
    /// # Errors
    /// `dim_mismatch` unless the matrices are square.
    #[track_caller]
    pub fn det(&self) -> Tensor {
        crate::arithmetic::float_unary(&OP, self)
    }
}
