//! Scalar functions that neither the standard library nor `libm` has.

/// Remainder with the sign of the divisor.
pub(crate) fn floor_mod(a: f32, b: f32) -> f32 {
    let r = a % b;
    if r != 0.0 && (r < 0.0) != (b < 0.0) { r + b } else { r }
}

/// Remainder with the sign of the divisor.
pub(crate) fn floor_mod_f64(a: f64, b: f64) -> f64 {
    let r = libm::fmod(a, b);
    if r != 0.0 && (r < 0.0) != (b < 0.0) { r + b } else { r }
}

/// Inverse of the error function: Winitzki's approximation, then Halley's method on `erf` or `erfc`.
pub(crate) fn erf_inv(y: f64) -> f64 {
    let a = y.abs();
    if y.is_nan() || a > 1.0 {
        return f64::NAN;
    }
    if a == 0.0 || a == 1.0 {
        return if a == 0.0 { y } else { y * f64::INFINITY };
    }
    let l = libm::log1p(-a * a);
    let h = 2.0 / (std::f64::consts::PI * 0.147) + l / 2.0;
    let mut x = libm::sqrt(libm::sqrt(h * h - l / 0.147) - h);
    for _ in 0..3 {
        let excess = if a < 0.5 { libm::erf(x) - a } else { (1.0 - a) - libm::erfc(x) };
        let step = excess / (std::f64::consts::FRAC_2_SQRT_PI * libm::exp(-x * x));
        x -= step / (1.0 + x * step);
    }
    x.copysign(y)
}

/// Derivative of the logarithm of the gamma function: reflection, recurrence to `x >= 10`, asymptotic series.
pub(crate) fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY.copysign(-1.0 / x);
    }
    if x < 0.0 {
        if x.floor() == x {
            return f64::NAN;
        }
        let fraction = x - x.floor();
        return digamma(1.0 - x) - std::f64::consts::PI / libm::tan(std::f64::consts::PI * fraction);
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r
        * (1.0 / 12.0
            - r * (1.0 / 120.0 - r * (1.0 / 252.0 - r * (1.0 / 240.0 - r * (1.0 / 132.0 - r * (691.0 / 32760.0))))));
    sum + libm::log(x) - 0.5 / x - series
}

/// `1 / (1 + e^-x)`.
pub(crate) fn sigmoid(x: f64) -> f64 {
    let e = libm::exp(-x.abs());
    if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// `ln(1 + e^x)`.
pub(crate) fn softplus(x: f64) -> f64 {
    if x.is_nan() { x } else { x.max(0.0) + libm::log1p(libm::exp(-x.abs())) }
}

/// `x Φ(x)`.
pub(crate) fn gelu(x: f64) -> f64 {
    0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// `x Φ(x)` by its tanh approximation.
pub(crate) fn gelu_tanh(x: f64) -> f64 {
    let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
    x * sigmoid(2.0 * u)
}
