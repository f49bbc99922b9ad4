//! Loops and decisions whose bodies run compiled give what the reference gives, again and again.

use cornet_cpu as _;
use cornet_ops::control::{ScanOptions, cond, scan, while_loop};
use cornet_ops::{Backend, GradientTape, Graph, ReferenceBackend, Tensor, Type, backend, trace};
use cornet_tensor::{Array, DType, Result};

/// A recurrent net with a decision and a loop in each step, and its derivative by the weights.
fn program() -> Result<Graph> {
    let ty = |s: &[usize]| Type::new(DType::F32, s);
    let arguments = [("state", ty(&[4, 8])), ("xs", ty(&[6, 4, 8])), ("weights", ty(&[8, 8]))];
    let traced = trace("net", &arguments, |x| {
        let tape = GradientTape::new();
        tape.watch(&x[2]);
        let step = |c: &[Tensor], now: &[Tensor]| {
            let next = (c[0].matmul(&x[2]) + &now[0]).tanh();
            let rises = next.sum(&[], false).greater(0);
            let next = cond(&rises, || Ok(vec![&next * 0.5]), || Ok(vec![next.matmul(&x[2])]))?;
            Ok((next.clone(), vec![next[0].sum(&[-1], false)]))
        };
        let (last, sums) = scan(step, &x[..1], &x[1..2], ScanOptions::default())?;
        let start = [Tensor::of(0), last[0].clone()];
        let body = |v: &[Tensor]| Ok(vec![&v[0] + 1, (&v[1] * 1.1).sin()]);
        let end = while_loop(|v| Ok(v[0].less(3)), body, &start, None)?;
        let loss = end[1].square().sum(&[], false) + sums[0].square().sum(&[], false);
        Ok([vec![loss.clone()], tape.gradient(&loss, &[&x[2]])?].concat())
    })?;
    Ok(traced.graph)
}

fn argument(shape: &[usize], seed: u32) -> Result<Array> {
    let n: usize = shape.iter().product();
    let mut at = seed;
    let mut next = || {
        at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (at >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    Array::from_slice(&(0..n).map(|_| next()).collect::<Vec<f32>>(), shape)
}

#[test]
fn bodies_run_compiled_as_they_run_node_by_node() -> Result<()> {
    assert_eq!(backend().name(), "cpu");
    let graph = program()?;
    let (fast, slow) = (backend().compile(&graph)?, ReferenceBackend.compile(&graph)?);
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for seed in 0..6 {
        let arguments = [argument(&[4, 8], seed)?, argument(&[6, 4, 8], seed + 10)?, argument(&[8, 8], seed + 20)?];
        let arguments: Vec<&Array> = arguments.iter().collect();
        fast.run(&arguments, &mut found)?;
        slow.run(&arguments, &mut expected)?;
        for (a, b) in found.iter().zip(&expected) {
            assert_eq!(Type::of(a), Type::of(b));
            let scale = b.to_f64()?.iter().fold(1e-3_f64, |m, v| m.max(v.abs()));
            for (x, y) in a.to_f64()?.iter().zip(b.to_f64()?) {
                assert!((x - y).abs() <= 1e-4 * scale, "seed {seed}: {x} against {y}");
            }
        }
    }
    Ok(())
}
