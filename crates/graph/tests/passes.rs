//! Passes: what they give computes the same, stays the same, and is as small as it should be.

mod common;

use common::{Random, arguments, graph, graph_of, special_values, values};
use cornet_cpu as _;
use cornet_graph::{GraphExt, PASSES, optimize, verify};
use cornet_ops::{
    Attrs, Backend, Graph, ReferenceBackend, Tensor, Type, Variable, backends, call, control, trace, with_backend,
};
use cornet_tensor::{Array, DType, Result};

fn run(backend: &'static dyn Backend, graph: &Graph, inputs: &[Array]) -> Result<Vec<Array>> {
    let mut outputs = Vec::new();
    with_backend(backend, || backend.compile(graph)?.run(&inputs.iter().collect::<Vec<_>>(), &mut outputs))?;
    Ok(outputs)
}

/// Equal bits, any NaN for any NaN.
fn equal(a: &Array, b: &Array) -> bool {
    if a == b {
        return true;
    }
    let nan_or_same = |(x, y): (f64, f64)| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan();
    let wide = |x: &Array| x.to_c128().unwrap_or_default();
    let same = |(x, y): (num_complex::Complex64, num_complex::Complex64)| {
        nan_or_same((x.re, y.re)) && nan_or_same((x.im, y.im))
    };
    Type::of(a) == Type::of(b) && a.dtype().is_inexact() && wide(a).into_iter().zip(wide(b)).all(same)
}

fn show(arrays: &[Array]) -> String {
    arrays.iter().map(|a| Tensor::from(a).to_string()).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_pass_alone_and_all_together_keep_the_bits() {
    let mut random = Random(11);
    let mut changes = vec![0; PASSES.len() + 1];
    for seed in 0..400 {
        let original = graph(seed, 10 + seed as usize / 8, &[]).unwrap();
        let inputs = special_values(&mut random).unwrap();
        let expected = run(&ReferenceBackend, &original, &inputs).unwrap();
        let mut check = |which: usize, name: &str, changed: Graph| {
            verify(&changed).unwrap_or_else(|e| panic!("{name}, seed {seed}: {e}"));
            let found = run(&ReferenceBackend, &changed, &inputs).unwrap();
            let same = found.len() == expected.len() && found.iter().zip(&expected).all(|(a, b)| equal(a, b));
            let (before, after) = (original.to_text(), changed.to_text());
            changes[which] += usize::from(before != after);
            assert!(same, "{name}, seed {seed}:\n{before}\n{after}\n{}\n{}", show(&expected), show(&found));
        };
        with_backend(&ReferenceBackend, || {
            for (i, pass) in PASSES.iter().enumerate() {
                let mut changed = original.clone();
                let said = (pass.run)(&mut changed).unwrap();
                assert_eq!(said, changed.to_text() != original.to_text(), "{}, seed {seed}: says wrongly", pass.name);
                check(i, pass.name, changed);
            }
            check(PASSES.len(), "optimize", optimize(original.clone()).unwrap());
        });
    }
    assert!(changes.iter().all(|&n| n > 50), "passes changed too few graphs to be tested: {changes:?}");
}

#[test]
fn the_second_time_nothing_changes() {
    for seed in 0..150 {
        let once = optimize(graph(seed, 40, &[]).unwrap()).unwrap();
        for pass in PASSES {
            let mut twice = once.clone();
            let changed = (pass.run)(&mut twice).unwrap();
            assert!(
                !changed && twice.to_text() == once.to_text(),
                "{}:\n{}\n{}",
                pass.name,
                once.to_text(),
                twice.to_text()
            );
        }
    }
}

#[test]
fn optimised_graphs_on_every_backend_are_near_the_reference() {
    let smooth =
        ["add", "subtract", "multiply", "maximum", "minimum", "tanh", "sigmoid", "relu", "negative", "absolute", "sin"];
    let mut random = Random(5);
    for seed in 0..60 {
        let original = graph_of(seed, 30, &[], &smooth).unwrap();
        let inputs = values(&mut random).unwrap();
        let expected = run(&ReferenceBackend, &original, &inputs).unwrap();
        for backend in backends() {
            let optimised = with_backend(backend, || optimize(original.clone())).unwrap();
            let found = run(backend, &optimised, &inputs).unwrap_or_else(|e| panic!("{e}\n{}", optimised.to_text()));
            for (f, e) in found.iter().zip(&expected) {
                assert_eq!(Type::of(f), Type::of(e));
                let pairs = f.to_f64().unwrap().into_iter().zip(e.to_f64().unwrap());
                let largest =
                    e.to_f64().unwrap().into_iter().filter(|x| x.is_finite()).fold(1.0, |m: f64, x| m.max(x.abs()));
                let near = |(a, b): (f64, f64)| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-4 * largest;
                let name = backend.name();
                assert!(
                    pairs.clone().all(near),
                    "{name}, seed {seed}:\n{}\n{found:?}\n{expected:?}",
                    optimised.to_text()
                );
            }
        }
    }
}

#[test]
fn updates_of_variables_survive() -> Result<()> {
    let make = || Variable::new("v", Tensor::of([1.0_f32, -2.0, 3.0]));
    let mut random = Random(9);
    for seed in 0..80 {
        let (a, b) = (make()?, make()?);
        let inputs = values(&mut random)?;
        let original = graph(seed, 25, std::slice::from_ref(&a))?;
        let other = graph(seed, 25, std::slice::from_ref(&b))?;
        run(&ReferenceBackend, &original, &inputs)?;
        with_backend(&ReferenceBackend, || run(&ReferenceBackend, &optimize(other)?, &inputs))?;
        assert!(equal(&a.value()?, &b.value()?), "seed {seed}: {} {}", a.value()?, b.value()?);
    }
    Ok(())
}

fn of(dtype: DType, f: impl FnOnce(&[Tensor]) -> Tensor) -> Vec<String> {
    let types = [("x", Type::new(dtype, [2, 3])), ("y", Type::new(dtype, [3])), ("c", Type::new(DType::Bool, [3]))];
    let traced = trace("f", &types, |x| Ok(vec![f(x)])).unwrap();
    let graph = optimize(traced.graph).unwrap();
    graph.nodes.iter().map(|n| n.op.name.to_string()).collect()
}

fn zero(dtype: DType, x: f64) -> Tensor {
    Array::full(dtype, [], x).unwrap().into()
}

#[test]
fn each_rule_does_what_it_says_and_no_more() {
    let f = |body: fn(&[Tensor]) -> Tensor| of(DType::F32, body);
    let none: [&str; 0] = [];
    assert_eq!(f(|x| &x[0] * 1.0), none);
    assert_eq!(f(|x| &x[0] / 1.0 - 0.0), none);
    assert_eq!(f(|x| &x[0] + zero(DType::F32, -0.0)), none);
    // -0 + 0 is 0, so this one stays; so does x · 0, which may be NaN.
    assert_eq!(f(|x| &x[0] + 0.0), ["constant", "add"]);
    assert_eq!(f(|x| &x[0] - zero(DType::F32, -0.0)), ["constant", "subtract"]);
    assert_eq!(f(|x| &x[0] * 0.0), ["constant", "multiply"]);
    assert_eq!(of(DType::I32, |x| &x[0] + 0), none);
    // The other operand may widen the result.
    assert_eq!(f(|x| x[1].clone() * Tensor::ones([2, 3], DType::F32)).last().unwrap(), "multiply");
    assert_eq!(f(|x| &x[0] * Tensor::ones([2, 3], DType::F32)), none);
    assert_eq!(f(|x| -(-&x[0])), none);
    assert_eq!(f(|x| &x[0] * -1.0), ["negative"]);
    assert_eq!(f(|x| &x[0] + (-&x[1])), ["subtract"]);
    assert_eq!(f(|x| &x[0] - (-&x[1])), ["add"]);
    assert_eq!(f(|x| &x[0] / 8.0), ["constant", "multiply"]);
    assert_eq!(f(|x| &x[0] / 3.0), ["constant", "divide"]);
    assert_eq!(f(|x| &x[0] / 2_f64.powi(127)), ["constant", "divide"]);
    assert_eq!(f(|x| x[0].relu().relu().floor().floor()), ["relu", "floor"]);
    assert_eq!(f(|x| x[0].maximum(&x[0])), none);
    assert_eq!(f(|x| x[0].transpose(&[1, 0]).transpose(&[1, 0])), none);
    assert_eq!(f(|x| x[0].reshape([3, 2]).reshape([6])), ["reshape"]);
    assert_eq!(f(|x| x[0].reshape([1, 2, 3]).transpose(&[1, 0, 2]).reshape([2, 3])), none);
    assert_eq!(f(|x| x[0].cast(DType::F64).cast(DType::F32)), none);
    assert_eq!(f(|x| x[0].cast(DType::F16).cast(DType::F32)), ["cast", "cast"]);
    assert_eq!(f(|x| &x[0] + x[1].broadcast_to([2, 3])), ["add"]);
    assert_eq!(f(|x| &x[1] + x[1].broadcast_to([2, 3])), ["broadcast_to", "add"]);
    assert_eq!(f(|x| x[0].stop_gradient() + x[0].exp() + x[0].exp()), ["exp", "add", "add"]);
    assert_eq!(f(|x| (&x[0] * &x[1]) - (&x[1] * &x[0])), ["multiply", "subtract"]);
    let one = |_: &[Tensor]| {
        let attrs = Attrs::default().with("value", Array::scalar(1.0_f32));
        let node = call(cornet_ops::find("constant").unwrap(), &[], attrs).swap_remove(0);
        node.broadcast_to([200, 300]).exp().tanh() * 2.0
    };
    assert_eq!(of(DType::F32, one), ["constant", "broadcast_to"]);
}

#[test]
fn bodies_of_control_flow_are_optimised() -> Result<()> {
    let traced = trace("f", &[("x", Type::new(DType::F32, [2]))], |x| {
        control::cond(&x[0].sum(&[], false).greater(0.0), || Ok(vec![&x[0] * 1.0 * 2.0]), || Ok(vec![-(-(-&x[0]))]))
    })?;
    let optimised = optimize(traced.graph.clone())?;
    let text = optimised.to_text();
    assert_eq!(text.matches("= multiply").count(), 1, "{text}");
    assert_eq!(text.matches("= negative").count(), 1, "{text}");
    for x in [[1.0_f32, 2.0], [-1.0, -2.0]] {
        let inputs = [Array::from_slice(&x, [2])?];
        assert_eq!(run(&ReferenceBackend, &optimised, &inputs)?, run(&ReferenceBackend, &traced.graph, &inputs)?);
    }
    Ok(())
}

#[test]
fn arguments_stay_though_nothing_reads_them() -> Result<()> {
    let optimised = optimize(trace("f", &arguments(), |x| Ok(vec![x[0].exp()]))?.graph)?;
    assert_eq!(optimised.arguments().count(), arguments().len());
    Ok(())
}
