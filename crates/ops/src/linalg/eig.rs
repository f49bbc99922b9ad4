//! `eig`: eigenvalues and eigenvectors of any square matrix.

use num_complex::Complex64;

use super::dense::{self, eigen};
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "eig",
    doc: "Eigenvalues and eigenvectors, as columns of length 1, of square matrices over the last two axes, complex64. \
          The order is by real part, then by imaginary part. Of each vector the element of greatest magnitude is real \
          and positive. A matrix with too few eigenvectors gives some twice.",
    source: "Keras 3 keras.ops.eig",
    dtypes: DTypes::Wide,
    infer: |call| {
        let (lead, n) = dense::square(call, 0)?;
        Ok(smallvec![Type::new(DType::C64, dense::shape(&lead, &[n])), Type::new(DType::C64, call.shape(0))])
    },
    reference: Reference::Whole(reference),
    gradient: Gradient::None("eigenvectors of matrices that are not symmetric are defined up to a complex factor"),
    cases: Cases::Of(|| {
        vec![
            Case::new([distinct(&[3, 3])], Attrs::default()),
            Case::new([distinct(&[2, 4, 4])], Attrs::default()),
            Case::new([any(&[0, 2, 2])], Attrs::default()),
        ]
    }),
    max_rel_err_f32: 64.0 * f32::EPSILON as f64,
    ..Op::BASE
};

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (lead, n) = dense::square(call, 0)?;
    let (mut values, mut vectors) = (Vec::new(), Vec::new());
    let nan = Complex64::new(f64::NAN, f64::NAN);
    for a in &dense::matrices(&x[0])? {
        let (w, v) = eigen::eig(a).unwrap_or_else(|| (vec![nan; n], vec![nan; n * n]));
        let scale = w.iter().map(|w| w.norm()).fold(0.0, f64::max);
        // Real parts that differ by rounding alone are those of a conjugate pair.
        let key = |i: usize| ((w[i].re / (scale * 1e-12).max(f64::MIN_POSITIVE)).round(), w[i].im);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| key(i).0.total_cmp(&key(j).0).then(key(i).1.total_cmp(&key(j).1)));
        values.extend(order.iter().map(|&i| w[i]));
        (0..n).for_each(|row| vectors.extend(order.iter().map(|&i| v[row * n + i])));
    }
    Ok(vec![Array::from_c128(dense::shape(&lead, &[n]), &values)?, Array::from_c128(call.shape(0), &vectors)?])
}

impl Tensor {
    /// Eigenvalues `[…, n]` and eigenvectors, the columns of `[…, n, n]`, both complex64.
    ///
    /// # Errors
    /// `dim_mismatch` unless the matrices are square.
    #[track_caller]
    pub fn eig(&self) -> (Tensor, Tensor) {
        let wide = if self.dtype().is_ok_and(|d| !d.is_inexact()) { self.cast(DType::F32) } else { self.clone() };
        let [w, v] = call_n(&OP, &[&wide], Attrs::default());
        (w, v)
    }
}
