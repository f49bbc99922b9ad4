//! Windows: weights that fade out towards both ends. All are float32 vectors of `n` elements, symmetric; one element
//! is 1.

use std::f64::consts::TAU;

use super::special::bessel_i;
use crate::core::prelude::*;

/// `weight` of the position, from 0 at the first to 1 at the last element.
fn window(n: usize, weight: impl Fn(f64) -> f64) -> Tensor {
    let at = |i: usize| if n == 1 { 1.0 } else { weight(i as f64 / (n - 1) as f64) };
    Tensor::from_result(Array::from_f64(DType::F32, [n], &(0..n).map(at).collect::<Vec<f64>>()))
}

impl Tensor {
    /// The triangular window: `1 - |2t - 1|`.
    #[track_caller]
    pub fn bartlett(n: usize) -> Tensor {
        window(n, |t| 1.0 - (2.0 * t - 1.0).abs())
    }

    /// The Blackman window: `0.42 - 0.5 cos(2πt) + 0.08 cos(4πt)`.
    #[track_caller]
    pub fn blackman(n: usize) -> Tensor {
        window(n, |t| 0.42 - 0.5 * (TAU * t).cos() + 0.08 * (2.0 * TAU * t).cos())
    }

    /// The Hamming window: `0.54 - 0.46 cos(2πt)`.
    #[track_caller]
    pub fn hamming(n: usize) -> Tensor {
        window(n, |t| 0.54 - 0.46 * (TAU * t).cos())
    }

    /// The Hann window: `0.5 - 0.5 cos(2πt)`.
    #[track_caller]
    pub fn hanning(n: usize) -> Tensor {
        window(n, |t| 0.5 - 0.5 * (TAU * t).cos())
    }

    /// The Kaiser window: `i0(β √(1 - (2t - 1)²)) / i0(β)`.
    #[track_caller]
    pub fn kaiser(n: usize, beta: f64) -> Tensor {
        window(n, |t| bessel_i(0, beta * (1.0 - (2.0 * t - 1.0).powi(2)).max(0.0).sqrt()) / bessel_i(0, beta))
    }
}
