//! Element-wise programs, reductions, row kernels and copies against one copy of the same bytes.
//!
//! `cargo run --release -p cornet-kernels --example pointwise_speed [threads]`

use cornet_kernels::copy::StridedCopy;
use cornet_kernels::element::Element;
use cornet_kernels::isa::Isa;
use cornet_kernels::optim::Adam;
use cornet_kernels::pointwise::{Input, Op, Program, bytes, bytes_mut};
use cornet_kernels::random::{Key, dropout, fill_normal, fill_uniform};
use cornet_kernels::reduce::{Extents, Reduction, reduce};
use cornet_kernels::rows::{LayerNorm, layer_norm, softmax};
use std::time::Instant;

const N: usize = 10_000_000;

/// The fastest of several runs, in seconds.
fn best(mut f: impl FnMut()) -> f64 {
    f();
    let time = |f: &mut dyn FnMut()| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64()
    };
    (0..15).map(|_| time(&mut f)).fold(f64::INFINITY, f64::min)
}

fn report(name: &str, seconds: f64, copy: f64) {
    println!("{name:<44} {:8.3} ms  {:5.2} copies", seconds * 1e3, seconds / copy);
}

/// A chain of `ops` on one input of `N` elements (and a bias of `columns`, where asked for).
fn chain(ops: &[Op], columns: Option<usize>) -> cornet_error::Result<cornet_kernels::pointwise::Plan> {
    let mut program = Program::new();
    let x = program.input(Element::F32);
    let mut value = x;
    let bias = columns.map(|_| program.input(Element::F32));
    for &op in ops {
        let constant = program.constant(Element::F32, 0.75);
        value = match (op.arity(), bias) {
            (1, _) => program.push(op, &[value])?,
            (2, Some(bias)) if op == Op::Add => program.push(op, &[value, bias])?,
            (2, _) => program.push(op, &[value, constant])?,
            _ => program.push(op, &[value, constant, x])?,
        };
    }
    program.output(value);
    match columns {
        Some(c) => program.plan(&[N / c, c], &[&[c as isize, 1], &[0, 1]]),
        None => program.plan(&[N], &[&[1]]),
    }
}

fn programs(x: &[f32], y: &mut [f32], copy: f64) -> cornet_error::Result<()> {
    use Op::{Abs, Add, Exp, Gelu, Log, Max, Min, Mul, MulAdd, Neg, Relu, Sigmoid, Sin, Square, Sub, Tanh};
    let cheap = [Mul, Add, Relu, MulAdd, Min, Sub, Square, Neg];
    let mixed = [Mul, Add, Tanh, Mul, Max, Sub, Relu, Abs];
    let cases: [(&str, &[Op], Option<usize>); 12] = [
        ("relu", &[Relu], None),
        ("8 cheap operations", &cheap, None),
        ("8 operations, one a tanh", &mixed, None),
        ("bias [C = 1000], relu", &[Add, Relu], Some(1000)),
        ("bias [C = 10], relu", &[Add, Relu], Some(10)),
        ("exp", &[Exp], None),
        ("log", &[Log], None),
        ("tanh", &[Tanh], None),
        ("sigmoid", &[Sigmoid], None),
        ("gelu", &[Gelu], None),
        ("sin", &[Sin], None),
        ("tanh tanh tanh tanh", &[Tanh; 4], None),
    ];
    for (name, ops, columns) in cases {
        let plan = chain(ops, columns)?;
        let bias = vec![0.5f32; columns.unwrap_or(0)];
        let inputs = [Input::of(x), Input::of(&bias)];
        let inputs = if columns.is_some() { &inputs[..] } else { &inputs[..1] };
        let mut failed = None;
        let time = best(|| failed = plan.run(inputs, &mut [bytes_mut(y)]).err());
        failed.map_or(Ok(()), Err)?;
        report(name, time, copy);
    }
    let plan = chain(&[Mul, Add, Relu, MulAdd, Min, Sub, Square, Neg], None)?;
    let mut failed = None;
    let time = best(|| failed = plan.run(&[Input::Output(0)], &mut [bytes_mut(y)]).err());
    report("8 cheap operations in place", time, copy);
    let small = {
        let mut program = Program::new();
        let x = program.input(Element::F32);
        let y = program.push(Op::Relu, &[x])?;
        program.output(y);
        program.plan(&[1000], &[&[1]])?
    };
    let time = best(|| {
        for _ in 0..1000 {
            failed = small.run(&[Input::of(&x[..1000])], &mut [bytes_mut(&mut y[..1000])]).err();
        }
    });
    println!("{:<44} {:8.1} ns", "relu of 1000 elements, a call", time * 1e6);
    Ok(())
}

fn others(x: &mut [f32], y: &mut [f32], copy: f64) -> cornet_error::Result<()> {
    let mut out = vec![0f32; N];
    for (name, [outer, reduced, inner]) in [
        ("sum of all", [1, N, 1]),
        ("sum of rows of 1000", [N / 1000, 1000, 1]),
        ("sum of rows of 10", [N / 10, 10, 1]),
        ("sum of columns [10000, 1000]", [1, 10_000, 1000]),
        ("sum of columns [100000, 100]", [1, 100_000, 100]),
        ("sum of columns [1000000, 10]", [1, 1_000_000, 10]),
    ] {
        let extents = Extents { outer, reduced, inner };
        let mut run = || reduce(Reduction::Sum, Element::F32, extents, bytes(x), bytes_mut(&mut out));
        run()?;
        report(name, best(|| drop(run())), copy);
    }
    for n in [10, 100, 1000] {
        softmax(Some(x), y, n)?;
        report(&format!("softmax of rows of {n}"), best(|| drop(softmax(Some(x), y, n))), copy);
    }
    let norm = LayerNorm { epsilon: 1e-5, gamma: None, beta: None };
    let (mut mean, mut rstd) = (vec![0f32; N / 500], vec![0f32; N / 500]);
    layer_norm(&norm, Some(x), y, 500, &mut mean, &mut rstd)?;
    let time = best(|| drop(layer_norm(&norm, Some(x), y, 500, &mut mean, &mut rstd)));
    report("layer_norm of rows of 500", time, copy);
    for (name, shape, permutation) in [
        ("transpose [2500, 4000]", vec![2500, 4000], vec![1, 0]),
        ("transpose [100, 64, 1562] to channels last", vec![100, 64, 1562], vec![0, 2, 1]),
        ("transpose [10, 100, 100, 100] to 0, 2, 1, 3", vec![10, 100, 100, 100], vec![0, 2, 1, 3]),
    ] {
        let plan = StridedCopy::transpose(4, &shape, &permutation)?;
        report(name, best(|| drop(plan.run(bytes(x), 0, bytes_mut(y), 0))), copy);
    }
    report("uniform", best(|| fill_uniform(Key::new(1), 0, 0.0, 1.0, y)), copy);
    report("normal", best(|| fill_normal(Key::new(1), 0, 0.0, 1.0, y)), copy);
    report("dropout", best(|| dropout(Key::new(1), 0, 0.5, Some(x), y)), copy);
    let adam = Adam { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, weight_decay: 0.0 };
    let (mut m, mut v) = (vec![0f32; N], vec![0f32; N]);
    report("adam (7 streams of N)", best(|| drop(adam.step(1, x, y, &mut m, &mut v))), copy);
    Ok(())
}

fn run() -> cornet_error::Result<()> {
    let (mut x, mut y) = (vec![0f32; N], vec![0f32; N]);
    fill_uniform(Key::new(0), 0, -2.0, 2.0, &mut x);
    let plan = StridedCopy::new(4, &[N], &[1], &[1])?;
    let copy = best(|| drop(plan.run(bytes(&x), 0, bytes_mut(&mut y), 0)));
    println!("{} threads, {}, {N} elements", rayon::current_num_threads(), Isa::detect());
    println!("{:<44} {:8.3} ms  {:5.1} GB/s", "copy", copy * 1e3, 8.0 * N as f64 / copy / 1e9);
    programs(&x, &mut y, copy)?;
    others(&mut x, &mut y, copy)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = std::env::args().nth(1).map_or(Ok(2), |n| n.parse())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    Ok(pool.install(run)?)
}
