//! `random_gamma`: gamma-distributed numbers.

use super::threefry::Stream;
use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "random_gamma",
    doc: "Gamma-distributed numbers of scale 1, one for each element of alpha, the shape parameter; NaN unless alpha > 0. Each \
          element draws from a stream of its own until Marsaglia and Tsang's test accepts.",
    source: "Keras 3 keras.random.gamma; Marsaglia, Tsang, A simple method for generating gamma variables (2000)",
    arity: (2, 2),
    dtypes: DTypes::Float,
    infer: |call| {
        super::expect_key(call, 1)?;
        infer::same(call)
    },
    reference: Reference::Whole(|_, x| {
        let key = super::key(&x[1])?;
        let alpha = x[0].to_f64()?;
        let values: Vec<f64> = alpha.iter().enumerate().map(|(i, &a)| gamma(a, &mut Stream::new(key, i))).collect();
        Ok(vec![Array::from_f64(x[0].dtype(), x[0].shape(), &values)?])
    }),
    gradient: Gradient::None("samples are not differentiated by the parameters they were drawn with"),
    cases: Cases::Of(|| {
        let case = |shape: &[usize], low: f64| Case::new([between(shape, low, 4.0), super::a_key()], Attrs::default());
        vec![case(&[5], 0.2), case(&[3, 70], 1.0), case(&[0], 1.0).without_gradient()]
    }),
    ..Op::BASE
};

/// One draw.
fn gamma(alpha: f64, stream: &mut Stream) -> f64 {
    if !(alpha > 0.0 && alpha.is_finite()) {
        return f64::NAN;
    }
    // Below 1 a draw of alpha + 1 is scaled by a power of a uniform number.
    let (boost, alpha) = if alpha < 1.0 { (stream.uniform().powf(1.0 / alpha), alpha + 1.0) } else { (1.0, alpha) };
    let d = alpha - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = stream.normal();
        let v = (1.0 + c * z).powi(3);
        if v > 0.0 && stream.uniform().ln() < 0.5 * z * z + d - d * v + d * v.ln() {
            return boost * d * v;
        }
    }
}
