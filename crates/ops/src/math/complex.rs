//! `complex`: complex numbers from their parts.

use num_complex::Complex64;

use crate::arithmetic::Arg;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "complex",
    doc: "a + i b as complex64, from float32 parts of one shape.",
    source: "TensorFlow tf.complex",
    arity: (2, 2),
    dtypes: DTypes::Float,
    infer,
    reference: Reference::Whole(|_, x| {
        let (re, im) = (x[0].to_f64()?, x[1].to_f64()?);
        let values: Vec<Complex64> = re.iter().zip(&im).map(|(&a, &b)| Complex64::new(a, b)).collect();
        Ok(vec![Array::from_c128(x[0].shape(), &values)?])
    }),
    gradient: Gradient::Rule(|g| grads![g.want(0, || g.dy().real()), g.want(1, || -g.dy().imag())]),
    cases: Cases::Of(|| {
        let part = |shape: &[usize]| Case::new([f32s(shape, 0.25), f32s(shape, -1.5)], Attrs::default());
        vec![part(&[]), part(&[2, 3]), part(&[0])]
    }),
    ..Op::BASE
};

/// float32 values in steps of 0.5 from `start`.
fn f32s(shape: &[usize], start: f32) -> Sample {
    let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| start + 0.5 * i as f32).collect();
    exactly(Array::from_slice(&values, shape).unwrap_or_else(|_| Array::scalar(start)))
}

fn infer(call: &Call<'_>) -> Result<Types> {
    if infer::one_dtype(call, 0)? != DType::F32 {
        fail!(DtypeMismatch, "parts: expected float32, found {}", call.dtype(0));
    }
    if call.shape(0) != call.shape(1) {
        fail!(ShapeMismatch, "parts: expected one shape, found {} and {}", call.shape(0), call.shape(1));
    }
    Ok(smallvec![Type::new(DType::C64, call.shape(0))])
}

impl Tensor {
    /// `self + i imag` as complex64, from real parts that broadcast.
    #[track_caller]
    pub fn complex(&self, imag: impl Into<Arg>) -> Tensor {
        let imag = imag.into();
        Tensor::lift(|| {
            let (re, im) = (self.cast(DType::F32), imag.to(DType::F32)?);
            let shape = re.shape()?.broadcast(&im.shape()?)?;
            Ok(call1(&OP, &[&re.broadcast_to(&shape), &im.broadcast_to(&shape)], Attrs::default()))
        })
    }

    /// Complex numbers from magnitudes and angles: `abs · e^(i angle)`.
    #[track_caller]
    pub fn polar(&self, angle: impl Into<Arg>) -> Tensor {
        let angle = angle.into();
        Tensor::lift(|| {
            let angle = angle.to(DType::F32)?;
            Ok((self * angle.cos()).complex(self * angle.sin()))
        })
    }

    /// The angle of each number in (-π, π]; 0 or π for real ones. Integers become float32.
    #[track_caller]
    pub fn angle(&self) -> Tensor {
        match self.dtype() {
            Ok(DType::C64) => self.imag().arctan2(self.real()),
            _ => {
                let x = self.to_float();
                Tensor::zeros_like(&x).arctan2(x)
            }
        }
    }

    /// Whether the imaginary part is zero.
    #[track_caller]
    pub fn isreal(&self) -> Tensor {
        self.imag().equal(0)
    }
}
