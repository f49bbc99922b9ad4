//! Control flow: traced and eager agree, in values and in gradients.

use cornet_ops::control::{ScanOptions, associative_scan, cond, fori_loop, map, scan, switch, while_loop};
use cornet_ops::nn::ConvOptions;
use cornet_ops::{GradientTape, Tensor, Type, Variable, trace};
use cornet_tensor::{Array, DType, Result};

/// A function of tensors to tensors.
type Function<'a> = dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + 'a;

/// The sum of squares of all results, and its gradient by each argument: what the tests compare.
fn loss_and_gradients(f: &Function<'_>, x: &[Tensor]) -> Result<Vec<Tensor>> {
    let tape = GradientTape::new();
    x.iter().for_each(|t| tape.watch(t));
    let mut loss = Tensor::of(0.0_f64);
    for y in f(x)? {
        loss = loss + y.cast(DType::F64).square().sum(&[], false);
    }
    let floats: Vec<&Tensor> = x.iter().filter(|t| t.dtype().is_ok_and(|d| d.is_inexact())).collect();
    let mut all = vec![loss.clone()];
    all.extend(tape.gradient(&loss, &floats)?);
    Ok(all)
}

fn traced(f: &Function<'_>, x: &[Tensor]) -> Result<Vec<Tensor>> {
    let names: Vec<String> = (0..x.len()).map(|i| format!("x{i}")).collect();
    let types = x.iter().map(Tensor::ty).collect::<Result<Vec<Type>>>()?;
    let arguments: Vec<(&str, Type)> = names.iter().map(String::as_str).zip(types).collect();
    trace("f", &arguments, f)?.graph.replay(x)
}

fn agree(a: &[Tensor], b: &[Tensor]) -> Result<()> {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert_eq!(a.ty()?, b.ty()?, "result {i}");
        let (x, y) = (a.array()?.to_f64()?, b.array()?.to_f64()?);
        let close = x.iter().zip(&y).all(|(x, y)| (x - y).abs() <= 1e-12 * (1.0 + y.abs()));
        assert!(close, "result {i}: {a} against {b}");
    }
    Ok(())
}

/// Values and first derivatives, and with `twice` the derivatives of those, are the same eagerly, traced with the tape
/// inside the trace, and with the tape around the replayed graph.
fn check(f: &Function<'_>, x: &[Tensor], twice: bool) -> Result<()> {
    let first = |x: &[Tensor]| loss_and_gradients(f, x);
    let eager = first(x)?;
    assert!(eager[1..].iter().any(|g| g.array().is_ok_and(|a| a.to_f64().is_ok_and(|v| v.iter().any(|v| *v != 0.0)))));
    agree(&traced(&first, x)?, &eager)?;
    agree(&loss_and_gradients(&|x| traced(f, x), x)?, &eager)?;
    if twice {
        let second = |x: &[Tensor]| loss_and_gradients(&first, x);
        agree(&traced(&second, x)?, &second(x)?)?;
        agree(&loss_and_gradients(&|x| traced(&first, x), x)?, &second(x)?)?;
    }
    Ok(())
}

fn x() -> Tensor {
    Tensor::of([0.3_f64, -0.7, 1.1])
}

fn rows() -> Tensor {
    Tensor::of([[0.1_f64, 0.2, -0.3], [0.5, -0.4, 0.9], [1.2, 0.6, -0.8], [0.05, 0.4, 0.7]])
}

#[test]
fn cond_takes_one_branch() -> Result<()> {
    for sign in [1.0, -1.0] {
        let f = |x: &[Tensor]| {
            let positive = x[1].sum(&[], false).greater(0);
            cond(
                &positive,
                || Ok(vec![&x[0] * &x[1], x[0].sum(&[], false)]),
                || Ok(vec![x[0].sin(), x[1].exp().index(0)]),
            )
        };
        check(&f, &[x(), Tensor::of([sign, 0.2 * sign, 0.1])], true)?;
    }
    Ok(())
}

#[test]
fn switch_clamps_its_number() -> Result<()> {
    for (number, expected) in [(-3, 1.0), (0, 1.0), (1, 2.0), (2, 4.0), (9, 4.0)] {
        let f = |x: &[Tensor]| {
            switch(&x[0], &[&|| Ok(vec![x[1].clone()]), &|| Ok(vec![&x[1] * 2.0]), &|| Ok(vec![&x[1] * 4.0])])
        };
        let x = [Tensor::of(number), Tensor::of(1.0_f64)];
        assert_eq!(traced(&f, &x)?[0].item::<f64>()?, expected);
        check(&f, &x, true)?;
    }
    Ok(())
}

#[test]
fn scan_carries_and_stacks_in_both_directions() -> Result<()> {
    for reverse in [false, true] {
        // A small recurrent net: the weights are used by every step.
        let f = |x: &[Tensor]| {
            let step = |carry: &[Tensor], now: &[Tensor]| {
                let state = (carry[0].expand_dims(&[0]).matmul(&x[2]).squeeze(&[0]) + &now[0]).tanh();
                Ok((vec![state.clone()], vec![&state * &now[0], state.sum(&[], false)]))
            };
            let (carry, ys) = scan(step, &x[..1], &x[1..2], ScanOptions { reverse, ..ScanOptions::default() })?;
            Ok([carry, ys].concat())
        };
        let w = Tensor::of([[0.2_f64, -0.1, 0.4], [0.3, 0.5, -0.6], [-0.2, 0.1, 0.7]]);
        check(&f, &[x(), rows(), w], true)?;
    }
    Ok(())
}

#[test]
fn scan_gives_constants_their_due_however_a_step_uses_them() -> Result<()> {
    for reverse in [false, true] {
        // Weights whole, in parts, transposed and as a kernel; a bias; a number that constants alone determine.
        let f = |x: &[Tensor]| {
            let (w, b, kernel) = (&x[2], &x[3], &x[4]);
            let step = |carry: &[Tensor], now: &[Tensor]| {
                let parts = (carry[0].matmul(w) + b).split(3, 1)?;
                let gate = (&parts[0] + &now[0]).tanh() * parts[1].sigmoid();
                let back = gate.matmul(w.slice(&[0, 2], &[2, 3])) * b.exp().sum(&[], false);
                let turned = now[0].matmul(w.slice_axis(1, 0, 2).transpose(&[1, 0]));
                let state = (back + turned).sin();
                let image = state.reshape([2, 3, 1]).conv(kernel, &ConvOptions::default());
                Ok((vec![state], vec![image, -&parts[2]]))
            };
            let (carry, ys) = scan(step, &x[..1], &x[1..2], ScanOptions { reverse, ..ScanOptions::default() })?;
            Ok([carry, ys].concat())
        };
        let numbers = |shape: &[usize], scale: f64| {
            let n = shape.iter().product::<usize>() as f64;
            (Tensor::arange(0.0, n, 1.0, DType::F64) * scale).sin().reshape(shape)
        };
        let x = [
            numbers(&[2, 3], 0.7),
            numbers(&[4, 2, 2], 1.3),
            numbers(&[3, 6], 2.1),
            numbers(&[6], 0.9),
            numbers(&[2, 1, 1], 1.0),
        ];
        check(&f, &x, true)?;
    }
    Ok(())
}

#[test]
fn scan_without_sequences_counts_its_steps() -> Result<()> {
    let f = |x: &[Tensor]| {
        let options = ScanOptions { length: Some(5), ..ScanOptions::default() };
        let (carry, ys) = scan(|c, _| Ok((vec![&c[0] + 1, c[1].sin()], vec![c[0].clone()])), x, &[], options)?;
        Ok([carry, ys].concat())
    };
    let start = [Tensor::of(7), x()];
    assert_eq!(traced(&f, &start)?[2].to_vec::<i32>()?, [7, 8, 9, 10, 11]);
    check(&f, &start, true)?;
    let none = scan(
        |c, _| Ok((c.to_vec(), vec![c[0].square()])),
        &[x()],
        &[],
        ScanOptions { length: Some(0), ..ScanOptions::default() },
    )?;
    assert_eq!(none.1[0].shape()?.as_slice(), [0, 3]);
    Ok(())
}

#[test]
fn while_loop_runs_as_long_as_its_condition_holds() -> Result<()> {
    for start in [0, 2, 9] {
        for most in [None, Some(2)] {
            let f = |x: &[Tensor]| {
                let body = |v: &[Tensor]| Ok(vec![&v[0] + 1, (&v[1] * &x[2]).sin()]);
                while_loop(|v| Ok(v[0].less(5)), body, &x[..2], most)
            };
            check(&f, &[Tensor::of(start), x(), Tensor::of([1.5_f64, 0.5, -2.0])], false)?;
        }
    }
    Ok(())
}

#[test]
fn a_loop_may_depend_on_what_it_computes() -> Result<()> {
    let f = |x: &[Tensor]| {
        let body = |v: &[Tensor]| Ok(vec![&v[0] * 1.7 + &x[1]]);
        while_loop(|v| Ok(v[0].square().sum(&[], false).less(50.0)), body, &x[..1], None)
    };
    check(&f, &[x(), Tensor::of([0.1_f64, 0.2, 0.3])], false)
}

#[test]
fn the_second_derivative_of_a_while_loop_is_refused() -> Result<()> {
    let f = |x: &[Tensor]| while_loop(|v| Ok(v[0].less(3.0)), |v| Ok(vec![v[0].square() + 1.0]), x, None);
    let twice = |x: &[Tensor]| loss_and_gradients(&|x| loss_and_gradients(&f, x), x);
    let error = traced(&twice, &[Tensor::of(0.5_f64)]).unwrap_err().to_string();
    assert!(error.contains("while_loop_grad is not differentiable") && error.contains("scan has them"), "{error}");
    Ok(())
}

#[test]
fn fori_loop_takes_fixed_and_computed_bounds() -> Result<()> {
    let fixed = |x: &[Tensor]| fori_loop(1, 4, |i, v| Ok(vec![&v[0] * i.cast(DType::F64) + &x[0]]), &x[..1]);
    check(&fixed, &[x()], true)?;
    let computed = |x: &[Tensor]| fori_loop(0, &x[1], |i, v| Ok(vec![v[0].sin() + i.cast(DType::F64)]), &x[..1]);
    check(&computed, &[x(), Tensor::of(3)], false)
}

#[test]
fn control_flow_nests() -> Result<()> {
    // A scan over a cond over a while loop, with tensors of every level used at the innermost one.
    let f = |x: &[Tensor]| {
        let step = |carry: &[Tensor], now: &[Tensor]| {
            let large = now[0].sum(&[], false).greater(0.5);
            let next = cond(
                &large,
                || {
                    let most = Tensor::of(2);
                    let body = |v: &[Tensor]| Ok(vec![&v[0] + 1, (&v[1] * &now[0] + &x[1]).tanh()]);
                    Ok(while_loop(|v| Ok(v[0].less(&most)), body, &[Tensor::of(0), carry[0].clone()], None)?
                        .split_off(1))
                },
                || Ok(vec![&carry[0] * &x[1]]),
            )?;
            Ok((next.clone(), next))
        };
        let (carry, ys) = scan(step, &x[..1], &[rows()], ScanOptions::default())?;
        Ok([carry, ys].concat())
    };
    check(&f, &[x(), Tensor::of([0.9_f64, -0.5, 0.4])], false)?;
    // The same without the while loop, twice differentiable.
    let g = |x: &[Tensor]| {
        let rows = scan(
            |c, now| {
                let y = cond(
                    &now[0].index(0).greater(0.3),
                    || Ok(vec![&c[0] * &now[0]]),
                    || Ok(vec![&c[0] + &x[1].square()]),
                )?;
                let inner = fori_loop(0, 2, |_, v| Ok(vec![v[0].sin() * &x[1]]), &y)?;
                Ok((inner.clone(), inner))
            },
            &x[..1],
            &[rows()],
            ScanOptions::default(),
        )?;
        Ok([rows.0, rows.1].concat())
    };
    check(&g, &[x(), Tensor::of([0.9_f64, -0.5, 0.4])], true)
}

#[test]
fn variables_are_read_inside_and_differentiated() -> Result<()> {
    let w = Variable::new("w", x())?;
    let run = |x: &Tensor| -> Result<Vec<Tensor>> {
        let tape = GradientTape::new();
        let step = |c: &[Tensor], now: &[Tensor]| Ok((vec![(&c[0] * w.read() + &now[0]).sin()], Vec::new()));
        let (last, _) = scan(step, &[x.index(0)], std::slice::from_ref(x), ScanOptions::default())?;
        let y = cond(
            &x.index(0).sum(&[], false).greater(-9.0),
            || Ok(vec![&last[0] * w.read()]),
            || Ok(vec![last[0].clone()]),
        )?;
        tape.gradient(&y[0], &[&w])
    };
    let eager = run(&rows())?;
    let graph = trace("f", &[("x", Type::new(DType::F64, [4, 3]))], |x| run(&x[0]))?.graph;
    agree(&graph.replay(&[rows()])?, &eager)?;
    // The value is read when the graph runs.
    w.set(Array::zeros(DType::F64, [3]))?;
    agree(&graph.replay(&[rows()])?, &run(&rows())?)?;

    let assigned = trace("f", &[("x", Type::new(DType::Bool, []))], |x| {
        cond(&x[0], || w.assign(&Tensor::zeros([3], DType::F64)).map(|()| Vec::new()), || Ok(Vec::new()))
    });
    assert!(assigned.err().is_some_and(|e| e.to_string().contains("variable 'w' is assigned inside cond")));
    Ok(())
}

#[test]
fn watched_values_from_outside_a_trace_are_differentiated() -> Result<()> {
    let w = x();
    let out = trace("f", &[("p", Type::new(DType::Bool, []))], |p| {
        let tape = GradientTape::new();
        tape.watch(&w);
        let y = cond(&p[0], || Ok(vec![w.square()]), || Ok(vec![w.clone()]))?;
        tape.gradient(&y[0], &[&w])
    })?;
    assert_eq!(out.graph.replay(&[Tensor::of(true)])?[0].to_vec::<f64>()?, [0.6, -1.4, 2.2]);
    assert_eq!(out.graph.replay(&[Tensor::of(false)])?[0].to_vec::<f64>()?, [1.0; 3]);
    Ok(())
}

#[test]
fn map_and_associative_scan_agree_with_loops() -> Result<()> {
    let f = |x: &[Tensor]| map(|r| Ok(vec![r[0].square().sum(&[], false), &r[0] * &x[1]]), &x[..1]);
    check(&f, &[rows(), x()], true)?;
    for n in 0..9 {
        for reverse in [false, true] {
            let v = Tensor::range(n).cast(DType::F64) + 1.0;
            // Composition of affine maps: associative, not commutative.
            let compose = |a: &[Tensor], b: &[Tensor]| Ok(vec![&a[0] * &b[0], &a[1] * &b[0] + &b[1]]);
            let found = associative_scan(compose, &[&v * 0.5, v.clone()], reverse, 0)?;
            let values = v.to_vec::<f64>()?;
            let (mut at, mut expected) = ((1.0, 0.0), vec![0.0; n]);
            let order: Vec<usize> = if reverse { (0..n).rev().collect() } else { (0..n).collect() };
            for i in order {
                at = (at.0 * values[i] * 0.5, at.1 * values[i] * 0.5 + values[i]);
                expected[i] = at.1;
            }
            assert_eq!(found[1].to_vec::<f64>()?, expected, "{n} {reverse}");
        }
    }
    let g = |x: &[Tensor]| associative_scan(|a, b| Ok(vec![&a[0] * &b[0]]), x, true, 1);
    check(&g, &[rows()], true)
}

#[test]
fn bodies_that_do_not_fit_say_so() -> Result<()> {
    let types = [("p", Type::new(DType::Bool, [])), ("x", Type::new(DType::F32, [2]))];
    let fails = |f: &Function<'_>| trace("f", &types, f).err().map(|e| e.to_string()).unwrap_or_default();
    let e = fails(&|x| cond(&x[0], || Ok(vec![x[1].clone()]), || Ok(vec![x[1].sum(&[], false)])));
    assert!(e.contains("result of the second branch 0: expected float32[2], found float32[] [shape_mismatch]"), "{e}");
    let e = fails(&|x| cond(&x[1], || Ok(vec![]), || Ok(vec![])));
    assert!(e.contains("condition: expected one element, found shape [2]"), "{e}");
    let e = fails(&|x| while_loop(|_| Ok(x[0].clone()), |v| Ok(vec![v[0].greater(0)]), &x[1..], None));
    assert!(e.contains("variable that the body returns 0: expected float32[2], found bool[2] [dtype_mismatch]"), "{e}");
    let grows = |c: &[Tensor], _: &[Tensor]| Ok((vec![c[0].repeat(2, Some(0))], Vec::new()));
    let e = scan(grows, &[x()], &[rows()], ScanOptions::default()).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(e.contains("carry that the body returns 0: expected float64[3], found float64[6]"), "{e}");
    let e = scan(|_, _| Ok((vec![], vec![])), &[], &[], ScanOptions::default()).err();
    assert!(e.is_some_and(|e| e.code().word() == "invalid_argument"));
    Ok(())
}
