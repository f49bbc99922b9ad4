//! `fft`: the discrete Fourier transform.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "fft",
    doc: "y[k] = Σ x[j] · exp(-2πi · j · k / n) over the last axis, of n complex numbers; with the attribute `inverse`, \
          of exp(+2πi · j · k / n) / n.",
    source: "Keras 3 keras.ops.fft; NumPy numpy.fft",
    attrs: &["inverse"],
    dtypes: DTypes::Complex,
    infer: |call| super::last_axis(call).map(|_| smallvec![call.inputs[0].clone()]),
    reference: Reference::Whole(|call, x| {
        let mut values = x[0].to_c128()?;
        super::transform(&mut values, super::last_axis(call)?, call.attrs.bool("inverse")?);
        Ok(vec![Array::from_c128(x[0].shape(), &values)?])
    }),
    // The matrix of the transform is symmetric.
    gradient: Gradient::Rule(|g| grads![call1(&OP, &[&g.dy()], g.attrs.clone())]),
    cases: Cases::Of(|| {
        let case = |shape: &[usize], inverse: bool| Case::new([any(shape)], attrs! { inverse: inverse });
        vec![
            case(&[8], false),
            case(&[2, 6], false),
            case(&[2, 3, 7], true),
            case(&[3, 1], true),
            case(&[0, 4], false).without_gradient(),
            case(&[2, 0], false).without_gradient(),
        ]
    }),
    max_rel_err_f32: 16.0 * f32::EPSILON as f64,
    ..Op::BASE
};

impl Tensor {
    /// The discrete Fourier transform of complex numbers over the last axis, or its inverse.
    ///
    /// # Errors
    /// `dtype_mismatch` unless complex; `rank_mismatch` for a scalar.
    #[track_caller]
    pub fn fft_complex(&self, inverse: bool) -> Tensor {
        call1(&OP, &[self], attrs! { inverse: inverse })
    }
}
