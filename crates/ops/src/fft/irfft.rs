//! `irfft`: the real signal of half a Fourier transform.

use num_complex::Complex64;

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "irfft",
    doc: "The n real numbers (the attribute `length`) whose Fourier transform starts with the n / 2 + 1 complex ones of \
          the last axis. The imaginary part of the first one, and of the last one for an even n, does not count.",
    source: "Keras 3 keras.ops.irfft; NumPy numpy.fft.irfft",
    attrs: &["length"],
    dtypes: DTypes::Complex,
    infer,
    reference: Reference::Whole(|call, x| {
        let n = call.attrs.size("length")?;
        let half = n / 2 + 1;
        let mut values = Vec::with_capacity(x[0].elements() / half * n);
        for part in x[0].to_c128()?.chunks_exact(half) {
            let whole = |k: usize| if k < half { part[k] } else { part[n - k].conj() };
            let own = |k: usize| if (2 * k).is_multiple_of(n) { Complex64::from(part[k].re) } else { whole(k) };
            values.extend((0..n).map(own));
        }
        super::transform(&mut values, n, true);
        let real: Vec<f64> = values.iter().map(|v| v.re).collect();
        Ok(vec![Array::from_f64(DType::F32, &infer(call)?[0].shape, &real)?])
    }),
    gradient: Gradient::Rule(|g| {
        g.lift(|| {
            let n = g.attrs.size("length")?;
            // Elements that stand for two of the whole transform count twice.
            let weight = |k: usize| if (2 * k).is_multiple_of(n) { 1.0 } else { 2.0 } / n as f64;
            let weights: Vec<f32> = (0..n / 2 + 1).map(|k| weight(k) as f32).collect();
            let back = call1(&super::rfft::OP, &[&g.dy()], Attrs::default()).conj();
            Ok(grads![back * Tensor::from_slice(&weights, [n / 2 + 1]).cast(DType::C64)])
        })
    }),
    cases: Cases::Of(|| {
        let case = |shape: &[usize], n: usize| Case::new([any(shape)], attrs! { length: n });
        vec![case(&[5], 8), case(&[2, 4], 7), case(&[3, 1], 1), case(&[2, 2], 2), case(&[0, 3], 4).without_gradient()]
    }),
    max_rel_err_f32: 16.0 * f32::EPSILON as f64,
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let (half, n) = (super::last_axis(call)?, call.attrs.size("length")?);
    if n == 0 || half != n / 2 + 1 {
        fail!(DimMismatch, "last axis: expected {} elements for a length of {n}, found {half}", n / 2 + 1);
    }
    let shape = call.shape(0);
    Ok(smallvec![Type::new(DType::F32, shape[..shape.rank() - 1].iter().copied().chain([n]).collect::<Shape>())])
}
