//! `rfft`: the half of a real signal's Fourier transform that determines the other.

use num_complex::Complex64;

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "rfft",
    doc: "The first n / 2 + 1 elements of the Fourier transform over the last axis, of n real numbers. Primitive because \
          a real signal needs half of the work and memory of a complex one.",
    source: "Keras 3 keras.ops.rfft; NumPy numpy.fft.rfft",
    dtypes: DTypes::Float,
    infer,
    reference: Reference::Whole(|call, x| {
        let n = super::last_axis(call)?;
        let mut values: Vec<Complex64> = x[0].to_f64()?.into_iter().map(Complex64::from).collect();
        super::transform(&mut values, n, false);
        let halves: Vec<Complex64> = values.chunks_exact(n.max(1)).flat_map(|c| &c[..n / 2 + 1]).copied().collect();
        Ok(vec![Array::from_c128(&infer(call)?[0].shape, &halves)?])
    }),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let shape = g.shape(0);
            let n = shape[shape.rank() - 1];
            let mut widths = vec![(0, 0); shape.rank()];
            widths[shape.rank() - 1].1 = n - (n / 2 + 1);
            Ok(grads![g.dy().pad(&widths).fft_complex(false).real()])
        })
    }),
    cases: Cases::Of(|| {
        let signal = |shape: &[usize]| {
            let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| (i * 7 % 5) as f32 - 1.5).collect();
            exactly(Array::from_slice(&values, shape).unwrap_or_else(|_| Array::scalar(0.0_f32)))
        };
        let case = |shape: &[usize]| Case::new([signal(shape)], Attrs::default());
        vec![case(&[8]), case(&[2, 7]), case(&[3, 1]), case(&[2, 2, 6]), case(&[0, 4]).without_gradient()]
    }),
    max_rel_err_f32: 16.0 * f32::EPSILON as f64,
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let n = super::last_axis(call)?;
    if call.dtype(0) != DType::F32 {
        return Err(err!(DtypeMismatch, "dtype: expected float32, found {}", call.dtype(0))
            .help("complex numbers are complex64; cast the signal to float32"));
    }
    if n == 0 {
        fail!(DimMismatch, "signal: expected at least 1 sample, found 0");
    }
    let shape = call.shape(0);
    Ok(smallvec![Type::new(
        DType::C64,
        shape[..shape.rank() - 1].iter().copied().chain([n / 2 + 1]).collect::<Shape>()
    )])
}
