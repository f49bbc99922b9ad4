//! Windows of `scipy.signal.get_window`, which [`Stft`](super::Stft) names.

use std::f64::consts::{PI, TAU};

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use serde_json::Value;

/// Windows that are sums of cosines: their names and coefficients.
const COSINES: &[(&[&str], &[f64])] = &[
    (&["boxcar", "box", "ones", "rect", "rectangular"], &[1.0]),
    (&["hann", "hanning", "han"], &[0.5, 0.5]),
    (&["hamming", "hamm", "ham"], &[0.54, 0.46]),
    (&["blackman", "black", "blk"], &[0.42, 0.5, 0.08]),
    (&["nuttall", "nutl", "nut"], &[0.363_581_9, 0.489_177_5, 0.136_599_5, 0.010_641_1]),
    (&["blackmanharris", "blackharr", "bkh"], &[0.35875, 0.48829, 0.14128, 0.01168]),
    (&["flattop", "flat", "flt"], &[0.215_578_95, 0.416_631_58, 0.277_263_158, 0.083_578_947, 0.006_947_368]),
];

/// The window that a name, or a list of a name and its parameters, stands for: `n` values. A periodic one is the first
/// part of the symmetric one that is a value longer.
pub(super) fn window(spec: &Value, n: usize, periodic: bool) -> Result<Vec<f64>> {
    let (name, parameters) = match spec {
        Value::String(name) => (name.as_str(), Vec::new()),
        Value::Array(list) => match list.split_first() {
            Some((Value::String(name), rest)) => (name.as_str(), rest.iter().filter_map(Value::as_f64).collect()),
            _ => fail!(InvalidArgument, "window: expected a name and its parameters"),
        },
        _ => fail!(InvalidArgument, "window: expected a name"),
    };
    let length = n + usize::from(periodic);
    if length <= 1 {
        return Ok(vec![1.0; n]);
    }
    let mut values = symmetric(name, &parameters, length)?;
    values.truncate(n);
    Ok(values)
}

/// `value` at positions from -1 to 1.
fn along(n: usize, value: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..n).map(|i| value(2.0 * i as f64 / (n - 1) as f64 - 1.0)).collect()
}

fn symmetric(name: &str, parameters: &[f64], n: usize) -> Result<Vec<f64>> {
    let size = n as f64;
    if let Some((_, coefficients)) = COSINES.iter().find(|(names, _)| names.contains(&name)) {
        return Ok(along(n, |t| coefficients.iter().enumerate().map(|(k, a)| a * (k as f64 * PI * t).cos()).sum()));
    }
    let one = |default: Option<f64>| {
        let given = parameters.first().copied().or(default);
        given.ok_or_else(|| err!(InvalidArgument, "window '{name}': expected a parameter, found none"))
    };
    Ok(match name {
        "bartlett" | "bart" | "brt" => along(n, |t| 1.0 - t.abs()),
        "triang" | "triangle" | "tri" => {
            let width = if n.is_multiple_of(2) { size } else { size + 1.0 };
            (0..n).map(|i| 1.0 - (2.0 * i as f64 - (size - 1.0)).abs() / width).collect()
        }
        "cosine" | "halfcosine" => (0..n).map(|i| (PI / size * (i as f64 + 0.5)).sin()).collect(),
        "lanczos" | "sinc" => along(n, |t| if t == 0.0 { 1.0 } else { (PI * t).sin() / (PI * t) }),
        "bohman" | "bman" | "bmn" => along(n, |t| {
            let t = t.abs();
            if t >= 1.0 { 0.0 } else { (1.0 - t) * (PI * t).cos() + (PI * t).sin() / PI }
        }),
        "barthann" | "brthan" | "bth" => along(n, |t| {
            let t = t.abs() / 2.0;
            0.62 - 0.48 * t + 0.38 * (TAU * t).cos()
        }),
        "parzen" | "parz" | "par" => (0..n)
            .map(|i| {
                let at = (i as f64 - (size - 1.0) / 2.0).abs();
                let t = at / (size / 2.0);
                if at <= (size - 1.0) / 4.0 { 1.0 - 6.0 * t * t + 6.0 * t.powi(3) } else { 2.0 * (1.0 - t).powi(3) }
            })
            .collect(),
        "tukey" | "tuk" => tukey(n, one(Some(0.5))?),
        "general_hamming" => {
            let alpha = one(None)?;
            along(n, |t| alpha + (1.0 - alpha) * (PI * t).cos())
        }
        "gaussian" | "gauss" | "gss" => {
            let deviation = one(None)?;
            (0..n).map(|i| (-((i as f64 - (size - 1.0) / 2.0) / deviation).powi(2) / 2.0).exp()).collect()
        }
        "kaiser" | "ksr" => {
            Tensor::kaiser(n, one(None)?).array()?.to_vec::<f32>()?.into_iter().map(f64::from).collect()
        }
        _ => {
            let cosines = COSINES.iter().map(|(names, _)| names[0]);
            let others = ["bartlett", "triang", "cosine", "lanczos", "bohman", "barthann", "parzen", "tukey"];
            let parametric = ["general_hamming", "gaussian", "kaiser"];
            let known: Vec<&str> = cosines.chain(others).chain(parametric).collect();
            return Err(crate::arg::unknown("window", name, &known));
        }
    })
}

/// A flat middle between two halves of a cosine, which take the fraction `alpha` of the whole.
fn tukey(n: usize, alpha: f64) -> Vec<f64> {
    let last = (n - 1) as f64;
    let width = (alpha * last / 2.0).floor();
    let taper = |distance: f64| 0.5 * (1.0 + (PI * (-1.0 + 2.0 * distance / alpha / last)).cos());
    let at = |i: usize| match i as f64 {
        _ if alpha <= 0.0 => 1.0,
        i if alpha >= 1.0 => 0.5 - 0.5 * (TAU * i / last).cos(),
        i if i <= width => taper(i),
        i if i >= last - width => taper(last - i),
        _ => 1.0,
    };
    (0..n).map(at).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn windows_are_those_of_scipy() {
        // scipy.signal.get_window(name, 5, fftbins=periodic)
        let cases = [
            (json!("hann"), false, [0.0, 0.5, 1.0, 0.5, 0.0]),
            (
                json!("hann"),
                true,
                [
                    0.0,
                    0.345_491_502_812_526_3,
                    0.904_508_497_187_473_7,
                    0.904_508_497_187_473_7,
                    0.345_491_502_812_526_3,
                ],
            ),
            (json!("triang"), false, [1.0 / 3.0, 2.0 / 3.0, 1.0, 2.0 / 3.0, 1.0 / 3.0]),
            (
                json!(["gaussian", 1.0]),
                false,
                [
                    0.135_335_283_236_612_7,
                    0.606_530_659_712_633_4,
                    1.0,
                    0.606_530_659_712_633_4,
                    0.135_335_283_236_612_7,
                ],
            ),
            (json!("boxcar"), true, [1.0; 5]),
            (json!("parzen"), false, [0.016, 0.424, 1.0, 0.424, 0.016]),
        ];
        for (spec, periodic, expected) in cases {
            let found = window(&spec, 5, periodic).unwrap();
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{spec}: {found:?}");
        }
        assert!(window(&json!("han_solo"), 5, false).is_err_and(|e| e.message().contains("hann")));
    }
}
