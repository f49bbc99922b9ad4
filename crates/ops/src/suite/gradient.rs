//! Gradient rules against central differences of the reference.

use cornet_tensor::{Array, Code, DType, Result};
use num_complex::Complex64;

use super::sample::{Random, Trial, dtypes, trials};
use super::{NOT_NUMERIC, NOT_TWICE, Report};
use crate::core::backend::{ReferenceBackend, with_backend};
use crate::core::dispatch::call;
use crate::core::grad::Gradient;
use crate::core::op::Op;
use crate::core::tape::GradientTape;
use crate::core::tensor::Tensor;

/// Elements of an input whose derivative is compared, at most.
const MOST_ELEMENTS: usize = 24;

/// The dtype in which the op's gradient is compared: the widest it takes.
fn widest(op: &'static Op) -> Option<DType> {
    let admitted = dtypes(op);
    [DType::F64, DType::F32, DType::C64].into_iter().find(|d| admitted.contains(d))
}

/// Whether some trial of the op compares its gradient.
pub(super) fn is_checked(op: &'static Op) -> bool {
    let dtype = widest(op);
    trials(op).is_ok_and(|t| t.iter().any(|t| Some(t.dtype) == dtype && t.differentiable))
}

/// The rule's vector-Jacobian product is the central difference of the reference, for a random cotangent; and so for
/// the product itself, where it has a derivative. In float64, on the reference backend.
pub fn check_gradient(op: &'static Op) -> Report {
    let mut report = Report::default();
    if NOT_NUMERIC.iter().any(|(name, _)| *name == op.name) {
        return report;
    }
    let mut dtypes = Vec::from_iter(widest(op));
    if dtypes == [DType::F64] && super::dtypes(op).contains(&DType::C64) {
        dtypes.push(DType::C64);
    }
    for trial in trials(op).unwrap_or_default() {
        let floats = trial.inputs.iter().any(|a| a.dtype().is_inexact());
        if !dtypes.contains(&trial.dtype) || !trial.differentiable || !floats {
            continue;
        }
        let outcome = with_backend(&ReferenceBackend, || compare(&trial));
        report.note(&trial, outcome.unwrap_or_else(|error| Err(error.to_string())));
    }
    report
}

/// A function of tensors that is differentiated: the op itself, or its vector-Jacobian product.
type Function<'a> = dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + 'a;

fn compare(trial: &Trial) -> Result<Result<(), String>> {
    let op = trial.op;
    let f = |x: &[Tensor]| -> Result<Vec<Tensor>> {
        let y = call(op, &x.iter().collect::<Vec<_>>(), trial.attrs.clone()).into_vec();
        y.iter().try_for_each(|t| t.ty().map(|_| ()))?;
        Ok(y)
    };
    let results = f(&tensors(&trial.inputs))?;
    if !results.iter().any(|t| t.dtype().is_ok_and(|d| d.is_inexact())) {
        return Ok(Ok(()));
    }
    if let Gradient::None(_) = op.gradient {
        let refused = product(&f, &trial.inputs, 1).err().map(|e| e.code());
        return Ok(match refused {
            Some(Code::NotDifferentiable) => Ok(()),
            other => Err(format!("expected not_differentiable, found {other:?}")),
        });
    }
    let wide = |d: DType| !d.is_inexact() || d == DType::F64;
    let fine = trial.inputs.iter().all(|a| wide(a.dtype())) && results.iter().all(|t| t.dtype().is_ok_and(wide));
    if let Err(what) = agree(&f, trial, fine, 1)? {
        return Ok(Err(format!("first derivative, {what}")));
    }
    if !matches!(op.gradient, Gradient::Rule(_)) || NOT_TWICE.iter().any(|(name, _)| *name == op.name) {
        return Ok(Ok(()));
    }
    let g = |x: &[Tensor]| -> Result<Vec<Tensor>> { cotangents(&f, x, 1) };
    Ok(agree(&g, trial, fine, 2)?.map_err(|what| format!("second derivative, {what}")))
}

fn tensors(arrays: &[Array]) -> Vec<Tensor> {
    arrays.iter().map(Tensor::from).collect()
}

/// A random array of the type of `like`; zeros for what has no derivative.
fn random_like(like: &Tensor, order: u64, i: usize) -> Result<Tensor> {
    let ty = like.ty()?;
    let mut random = Random::new("cotangent", order * 100 + i as u64);
    let values: Vec<Complex64> =
        (0..ty.shape.elements()).map(|_| Complex64::new(random.between(0.5, 1.5), random.between(-1.0, 1.0))).collect();
    let array = if ty.dtype.is_complex() {
        Array::from_c128(&ty.shape, &values)?
    } else {
        Array::from_f64(ty.dtype, &ty.shape, &values.iter().map(|c| c.re).collect::<Vec<_>>())?
    };
    Ok(array.into())
}

/// The cotangents of the inexact inputs, from a random cotangent of each inexact result.
fn cotangents(f: &Function<'_>, x: &[Tensor], order: u64) -> Result<Vec<Tensor>> {
    let tape = GradientTape::new();
    x.iter().for_each(|t| tape.watch(t));
    let y = f(x)?;
    let mut targets = Vec::new();
    for (i, t) in y.iter().enumerate() {
        if t.dtype()?.is_inexact() {
            targets.push((t, Some(random_like(t, order, i)?)));
        }
    }
    let mut sources = Vec::new();
    for t in x {
        if t.dtype()?.is_inexact() {
            sources.push(t);
        }
    }
    tape.gradient_with(&targets, &sources)
}

fn product(f: &Function<'_>, x: &[Array], order: u64) -> Result<Vec<Array>> {
    cotangents(f, &tensors(x), order)?.iter().map(Tensor::array).collect()
}

/// `Re Σ w f(x)`.
fn pairing(f: &Function<'_>, x: &[Array], order: u64) -> Result<f64> {
    let mut sum = 0.0;
    for (i, t) in f(&tensors(x))?.iter().enumerate() {
        if t.dtype()?.is_inexact() {
            let (w, y) = (random_like(t, order, i)?.array()?.to_c128()?, t.array()?.to_c128()?);
            sum += w.iter().zip(&y).map(|(w, y)| (w * y).re).sum::<f64>();
        }
    }
    Ok(sum)
}

/// Compares the rule with differences, element by element of each inexact input; `fine` where all is float64.
fn agree(f: &Function<'_>, trial: &Trial, fine: bool, order: u64) -> Result<Result<(), String>> {
    let x = &trial.inputs;
    let g = product(f, x, order)?;
    let inexact: Vec<usize> = (0..x.len()).filter(|&i| x[i].dtype().is_inexact()).collect();
    for (&i, g) in inexact.iter().zip(&g) {
        let found = g.to_c128()?;
        if g.shape() != x[i].shape() || g.dtype() != x[i].dtype() {
            return Ok(Err(format!(
                "input {i}: expected a cotangent {}{}, found {}{}",
                x[i].dtype(),
                x[i].shape(),
                g.dtype(),
                g.shape()
            )));
        }
        let largest = found.iter().map(|c| c.norm()).fold(1.0, f64::max);
        let step = if fine { 1e-5 } else { 1.0 / 64.0 };
        let allowed = largest * if fine { 2e-6 } else { 1e-2 };
        let stride = found.len().div_ceil(MOST_ELEMENTS).max(1);
        for at in (0..found.len()).step_by(stride) {
            let parts = if x[i].dtype().is_complex() { 2 } else { 1 };
            for part in 0..parts {
                let expected = difference(f, x, (i, at, part == 1), step, order)?;
                // Along the imaginary axis, Re(g · i) = -Im g.
                let rule = if part == 0 { found[at].re } else { -found[at].im };
                let error = (rule - expected).abs();
                if error.is_nan() || error > allowed {
                    let point = x[i].to_c128()?[at];
                    return Ok(Err(format!(
                        "input {i} at {at} ({point}): central difference {expected:?}, rule {rule:?}, allowed {allowed:e}"
                    )));
                }
            }
        }
    }
    Ok(Ok(()))
}

/// The central difference of the pairing along one element of one input, of fourth order.
fn difference(
    f: &Function<'_>,
    x: &[Array],
    (i, at, imaginary): (usize, usize, bool),
    step: f64,
    order: u64,
) -> Result<f64> {
    let along = |delta: f64| -> Result<f64> {
        let mut moved = x.to_vec();
        let mut values = x[i].to_c128()?;
        values[at] += if imaginary { Complex64::new(0.0, delta) } else { Complex64::new(delta, 0.0) };
        moved[i] = if x[i].dtype().is_complex() {
            Array::from_c128(x[i].shape(), &values)?
        } else {
            Array::from_f64(x[i].dtype(), x[i].shape(), &values.iter().map(|c| c.re).collect::<Vec<_>>())?
        };
        pairing(f, &moved, order)
    };
    let near = (along(step)? - along(-step)?) / (2.0 * step);
    let far = (along(2.0 * step)? - along(-2.0 * step)?) / (4.0 * step);
    Ok((4.0 * near - far) / 3.0)
}
