//! `nextafter`: the neighbouring number of a dtype.

use crate::arithmetic::{Arg, float_binary};
use crate::core::prelude::*;
use cornet_tensor::{bf16, f16};

/// The op.
pub static OP: Op = Op {
    name: "nextafter",
    doc: "The next number of the dtype after a in the direction of b; b itself where they are equal, NaN if either is.",
    source: "Keras 3 keras.ops.nextafter; C99 nextafter",
    arity: (2, 2),
    dtypes: DTypes::Float,
    infer: infer::broadcast,
    reference: Reference::Whole(reference),
    gradient: Gradient::None("it steps from one number to the next"),
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[5]), any(&[5])], Attrs::default()),
            Case::new([any(&[2, 1]), any(&[3])], Attrs::default()),
            Case::new([any(&[0]), any(&[])], Attrs::default()).without_gradient(),
        ]
    }),
    ..Op::BASE
};

/// The bits after `a`'s towards `b`, for a sign-and-magnitude float of `width` bits.
fn step(bits: u64, width: u32, a: f64, b: f64) -> u64 {
    let sign = 1_u64 << (width - 1);
    match (a == 0.0, (b > a) == (bits & sign == 0)) {
        (true, _) => 1 | if b < 0.0 { sign } else { 0 },
        (false, true) => bits + 1,
        (false, false) => bits - 1,
    }
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (shape, dtype) = (infer::broadcast_shape(call)?, call.dtype(0));
    let spread = |a: &Array| {
        let strides = a.shape().broadcast_strides(&shape);
        crate::shape::pick(a, &shape, |index| index.iter().zip(&strides).map(|(i, s)| i * s).sum())?.to_f64()
    };
    let (a, b) = (spread(&x[0])?, spread(&x[1])?);
    let next = |a: f64, b: f64| -> f64 {
        if a == b || a.is_nan() || b.is_nan() {
            return if a == b { b } else { f64::NAN };
        }
        match dtype {
            DType::F16 => f16::from_bits(step(f16::from_f64(a).to_bits().into(), 16, a, b) as u16).to_f64(),
            DType::BF16 => bf16::from_bits(step(bf16::from_f64(a).to_bits().into(), 16, a, b) as u16).to_f64(),
            DType::F32 => f32::from_bits(step((a as f32).to_bits().into(), 32, a, b) as u32).into(),
            _ => f64::from_bits(step(a.to_bits(), 64, a, b)),
        }
    };
    let out: Vec<f64> = a.iter().zip(&b).map(|(&a, &b)| next(a, b)).collect();
    Ok(vec![Array::from_f64(dtype, shape, &out)?])
}

impl Tensor {
    /// The next number of the dtype in the direction of `towards`, element-wise with broadcasting.
    #[track_caller]
    pub fn nextafter(&self, towards: impl Into<Arg>) -> Tensor {
        float_binary(&OP, self, towards)
    }
}
