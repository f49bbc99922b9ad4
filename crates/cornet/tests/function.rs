//! `#[cornet::function]`: traced once per signature, whatever its arguments and results are.

use std::sync::atomic::{AtomicUsize, Ordering};

use cornet::prelude::*;
use cornet::{Code, autodiff};

static TRACES: AtomicUsize = AtomicUsize::new(0);

/// Counts how often its body runs.
#[cornet::function]
fn scaled(x: &Tensor, power: u32, factors: Vec<f64>) -> Result<Tensor> {
    TRACES.fetch_add(1, Ordering::Relaxed);
    let mut y = x.clone();
    for _ in 1..power {
        y = y * x;
    }
    Ok(factors.iter().fold(y, |y, &f| y * f))
}

#[test]
fn a_body_runs_once_per_signature() -> Result<()> {
    let x = Tensor::of([1.0_f32, 2.0]);
    for _ in 0..3 {
        assert_eq!(scaled(&x, 2, vec![10.0])?.to_vec::<f32>()?, [10.0, 40.0]);
    }
    assert_eq!(TRACES.load(Ordering::Relaxed), 1);
    assert_eq!(scaled(&(&x + 1.0), 2, vec![10.0])?.to_vec::<f32>()?, [40.0, 90.0]);
    assert_eq!(TRACES.load(Ordering::Relaxed), 1);
    // Another value, another count, another shape, another dtype.
    assert_eq!(scaled(&x, 3, vec![10.0])?.to_vec::<f32>()?, [10.0, 80.0]);
    assert_eq!(scaled(&x, 2, vec![10.0, 0.5])?.to_vec::<f32>()?, [5.0, 20.0]);
    assert_eq!(scaled(&Tensor::of([3.0_f32]), 2, vec![10.0])?.to_vec::<f32>()?, [90.0]);
    assert_eq!(scaled(&Tensor::of([3.0_f64]), 2, vec![10.0])?.to_vec::<f64>()?, [90.0]);
    assert_eq!(TRACES.load(Ordering::Relaxed), 5);
    Ok(())
}

#[cornet::function]
pub(crate) fn many(mut a: Tensor, rest: &[Tensor], negate: bool) -> Result<(Tensor, Tensor)> {
    for t in rest {
        a = a + t;
    }
    Ok((if negate { -&a } else { a.clone() }, a * 2.0))
}

#[cornet::function]
fn listed(x: &Tensor) -> cornet::Result<Vec<Tensor>> {
    Ok(vec![x + 1.0, x + 2.0, x + 3.0])
}

#[cornet::function]
fn pair(x: &cornet::Tensor) -> Result<[Tensor; 2], cornet::Error> {
    Ok([x.exp(), x.tanh()])
}

#[cornet::function]
fn constant() -> Result<Tensor> {
    Ok(Tensor::of([1.0_f32]) + 1.0)
}

#[test]
fn arguments_and_results_come_in_all_their_forms() -> Result<()> {
    let t = |x: f32| Tensor::of(x);
    let (a, b) = many(t(1.0), &[t(2.0), t(3.0)], true)?;
    assert_eq!((a.item::<f32>()?, b.item::<f32>()?), (-6.0, 12.0));
    let (a, b) = many(t(1.0), &[], false)?;
    assert_eq!((a.item::<f32>()?, b.item::<f32>()?), (1.0, 2.0));
    assert_eq!(listed(&t(1.0))?.len(), 3);
    let [e, h] = pair(&t(0.0))?;
    assert_eq!((e.item::<f32>()?, h.item::<f32>()?), (1.0, 0.0));
    assert_eq!(constant()?.to_vec::<f32>()?, [2.0]);
    Ok(())
}

#[cornet::function]
fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    Ok(a.matmul(b))
}

#[test]
fn errors_come_from_the_body() {
    let error = product(&Tensor::of([[1.0_f32, 2.0]]), &Tensor::of([[1.0_f32]])).unwrap_err();
    assert_eq!(error.code(), Code::DimMismatch, "{error}");
    assert!(error.to_string().contains("matmul"), "{error}");
}

#[test]
fn functions_nest_and_are_differentiated() -> Result<()> {
    #[cornet::function]
    fn outer(x: &Tensor) -> Result<Tensor> {
        let [e, h] = pair(x)?;
        Ok((e * h).sum(&[], false))
    }
    let x = Tensor::of([0.5_f64]);
    let expected = 0.5_f64.exp() * (0.5_f64.tanh() + 1.0 - 0.5_f64.tanh().powi(2));
    let gradient = autodiff::grad(|x| outer(&x[0]))(std::slice::from_ref(&x))?;
    assert!((gradient[0].to_vec::<f64>()?[0] - expected).abs() < 1e-12);
    let value = 0.5_f64.exp() * 0.5_f64.tanh();
    assert!((outer(&x)?.item::<f64>()? - value).abs() < 1e-12);
    Ok(())
}
