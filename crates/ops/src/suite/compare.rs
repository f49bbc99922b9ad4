//! Whether a backend's result is the reference's.

use cornet_tensor::{Array, DType};

use super::Trial;
use crate::core::op::Op;

/// The first element that differs by more than it may.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// Its flat position; `None` if the types differ.
    pub position: Option<usize>,
    /// The reference's value.
    pub expected: String,
    /// The backend's value.
    pub found: String,
    /// The allowed difference.
    pub allowed: f64,
    /// How many elements differ by more than they may.
    pub wrong: usize,
}

impl Mismatch {
    /// The mismatch with the point at which it was found: for element-wise ops, the values of the inputs there.
    pub fn at_point(&self, trial: &Trial) -> String {
        let Mismatch { expected, found, allowed, wrong, .. } = self;
        let Some(at) = self.position else { return format!("expected {expected}, found {found}") };
        let mut point = String::new();
        if trial.op.is_pointwise() {
            let values: Vec<String> = values_at(trial, at).unwrap_or_default();
            point = format!(" ({})", values.join(", "));
        }
        format!("at {at}{point}: expected {expected}, found {found}, allowed {allowed:e}; {wrong} such elements")
    }
}

/// The inputs' values that an element-wise op combined at a flat position of its result.
fn values_at(trial: &Trial, at: usize) -> cornet_tensor::Result<Vec<String>> {
    let mut shape = cornet_tensor::Shape::scalar();
    for input in &trial.inputs {
        shape = shape.broadcast(input.shape())?;
    }
    let strides = shape.strides();
    trial
        .inputs
        .iter()
        .map(|input| {
            let own = input.shape().broadcast_strides(&shape);
            let flat: usize = (0..shape.rank()).map(|a| at / strides[a] % shape[a] * own[a]).sum();
            let values = input.to_c128()?;
            Ok(if input.dtype().is_complex() { values[flat].to_string() } else { format!("{:?}", values[flat].re) })
        })
        .collect()
}

/// The allowed error of `dtype`, relative: the op's for float32, scaled by the dtype's own epsilon.
pub fn tolerance(op: &Op, dtype: DType) -> f64 {
    let scale = |epsilon: f64| op.max_rel_err_f32 * epsilon / f64::from(f32::EPSILON);
    match dtype {
        DType::F16 => scale(2.0_f64.powi(-10)),
        DType::BF16 => scale(2.0_f64.powi(-7)),
        DType::F64 => scale(f64::EPSILON),
        _ => op.max_rel_err_f32,
    }
}

/// Compares a result with the reference's. Element-wise ops may err relative to each element; others relative to the
/// largest magnitude among the result and the inputs. NaN equals NaN; integers, bools and strings are exact.
///
/// # Errors
/// The first mismatch.
pub fn compare(op: &Op, inputs: &[Array], expected: &Array, found: &Array) -> Result<(), Mismatch> {
    let types = |a: &Array| format!("{}{}", a.dtype(), a.shape());
    if types(expected) != types(found) {
        let (expected, found) = (types(expected), types(found));
        return Err(Mismatch { position: None, expected, found, allowed: 0.0, wrong: 1 });
    }
    if !expected.dtype().is_inexact() {
        return exactly(expected, found);
    }
    let (Ok(e), Ok(f)) = (expected.to_c128(), found.to_c128()) else { return exactly(expected, found) };
    let relative = tolerance(op, expected.dtype());
    let largest = |a: &Array| -> f64 {
        let values = if a.dtype().is_inexact() { a.to_c128().unwrap_or_default() } else { Vec::new() };
        values.iter().map(|c| c.norm()).filter(|m| m.is_finite()).fold(0.0, f64::max)
    };
    let whole = if op.is_pointwise() { 0.0 } else { inputs.iter().map(largest).fold(largest(expected), f64::max) };
    // Below the least normal number an epsilon is absolute.
    let least = if expected.dtype() == DType::F16 { 2.0_f64.powi(-14) } else { f64::from(f32::MIN_POSITIVE) };
    let allowed = |x: f64| relative * x.abs().max(whole).max(least);
    let same = |e: f64, f: f64, scale: f64| e == f || e.is_nan() && f.is_nan() || (e - f).abs() <= allowed(scale);
    let agree = |i: usize| {
        let scale = if e[i].norm().is_finite() { e[i].norm() } else { 0.0 };
        same(e[i].re, f[i].re, scale) && same(e[i].im, f[i].im, scale)
    };
    let mut wrong = (0..e.len()).filter(|&i| !agree(i));
    let Some(first) = wrong.next() else { return Ok(()) };
    let show = |c: num_complex::Complex64| {
        if expected.dtype().is_complex() { c.to_string() } else { format!("{:?}", c.re) }
    };
    Err(Mismatch {
        position: Some(first),
        expected: show(e[first]),
        found: show(f[first]),
        allowed: allowed(e[first].norm()),
        wrong: 1 + wrong.count(),
    })
}

fn exactly(expected: &Array, found: &Array) -> Result<(), Mismatch> {
    if expected == found {
        return Ok(());
    }
    let text = |a: &Array| -> Vec<String> {
        match a.strings() {
            Ok(strings) => strings.iter().map(|s| String::from_utf8_lossy(s).into_owned()).collect(),
            Err(_) => a.to_i64().unwrap_or_default().iter().map(i64::to_string).collect(),
        }
    };
    let (e, f) = (text(expected), text(found));
    let mut wrong = (0..e.len()).filter(|&i| e[i] != f[i]);
    let first = wrong.next().unwrap_or(0);
    let at = |v: &[String]| v.get(first).cloned().unwrap_or_default();
    Err(Mismatch { position: Some(first), expected: at(&e), found: at(&f), allowed: 0.0, wrong: 1 + wrong.count() })
}
