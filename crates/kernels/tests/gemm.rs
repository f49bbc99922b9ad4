//! Matrix products against sums in `f64`, on every instruction set of this CPU.

mod common;

use common::{Draw, bits, pool};
use cornet_kernels::gemm::{Epilogue, Gemm, gemm, gemm_batch, gemm_on, gemm_reference};
use cornet_kernels::isa::Isa;

fn length(rows: usize, cols: usize, [rs, cs]: [usize; 2]) -> usize {
    if rows == 0 || cols == 0 { 0 } else { (rows - 1) * rs + (cols - 1) * cs + 1 }
}

/// Row-major, column-major, or with gaps in both directions.
fn strides(draw: &mut Draw, rows: usize, cols: usize) -> [usize; 2] {
    match draw.among(0, 4) {
        0 | 1 => [cols + draw.pick(&[0, 0, 3]), 1],
        2 => [1, rows + draw.pick(&[0, 0, 5])],
        3 => [2 * cols + 1, 2],
        _ => [3, 3 * rows],
    }
}

fn shape(draw: &mut Draw) -> Gemm {
    let size = |draw: &mut Draw| match draw.among(0, 9) {
        0 => draw.among(0, 1),
        1..=5 => draw.among(1, 40),
        6..=8 => draw.among(40, 150),
        _ => draw.among(500, 600),
    };
    let (m, n, k) = (size(draw), size(draw), size(draw));
    let c = strides(draw, m, n);
    Gemm { m, n, k, a: strides(draw, m, k), b: strides(draw, k, n), c }
}

struct Case {
    g: Gemm,
    alpha: f32,
    beta: f32,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
    bias: Vec<f32>,
}

fn case(draw: &mut Draw) -> Case {
    let g = shape(draw);
    let (a, b) = (draw.f32s(length(g.m, g.k, g.a)), draw.f32s(length(g.k, g.n, g.b)));
    let mut c = draw.f32s(length(g.m, g.n, g.c) + 3);
    let (alpha, beta) = (draw.pick(&[1.0, 1.0, -0.5]), draw.pick(&[0.0, 0.0, 1.0, 0.25]));
    if beta == 0.0 {
        c.fill(f32::NAN); // never read
    }
    let bias = draw.f32s(g.n);
    Case { g, alpha, beta, a, b, c, bias }
}

/// Every element within `(k + 3) · ε · Σ|terms|` of the exact sum: the bound on `k` multiply-adds in any order, plus
/// the factor, the bias and the old value; elements between and past `C`'s are untouched.
fn check(case: &Case, y: &[f32], epilogue: &Epilogue<'_, f32>, what: &str) {
    let Case { g, alpha, beta, a, b, c, .. } = case;
    let mut inside = vec![false; c.len()];
    for i in 0..g.m {
        for j in 0..g.n {
            let at = i * g.c[0] + j * g.c[1];
            inside[at] = true;
            let (mut sum, mut size) = (0.0, 0.0);
            for l in 0..g.k {
                let term =
                    f64::from(*alpha) * f64::from(a[i * g.a[0] + l * g.a[1]]) * f64::from(b[l * g.b[0] + j * g.b[1]]);
                sum += term;
                size += term.abs();
            }
            let old = if *beta == 0.0 { 0.0 } else { f64::from(*beta) * f64::from(c[at]) };
            let bias = epilogue.bias().map_or(0.0, |bias| f64::from(bias[j]));
            let (mut want, size) = (sum + old + bias, size + old.abs() + bias.abs());
            if epilogue.relu() {
                want = want.max(0.0);
            }
            let slack = (g.k as f64 + 3.0) * f64::from(f32::EPSILON) * size;
            let got = f64::from(y[at]);
            assert!((got - want).abs() <= slack, "{what} {g:?} [{i}, {j}]: {got} is not {want} within {slack:e}");
        }
    }
    for (at, inside) in inside.into_iter().enumerate() {
        assert!(inside || y[at].to_bits() == c[at].to_bits(), "{what} {g:?}: element {at} outside of C was written");
    }
}

#[test]
fn every_instruction_set_is_within_the_bound() {
    let mut draw = Draw::new(1);
    for round in 0..200 {
        let case = case(&mut draw);
        let epilogue = match round % 4 {
            0 | 1 => Epilogue::None,
            2 => Epilogue::BiasRelu(&case.bias),
            _ => draw.pick(&[Epilogue::Relu, Epilogue::Bias(&case.bias)]),
        };
        for isa in Isa::all_available() {
            let mut y = case.c.clone();
            gemm_on(isa, &case.g, case.alpha, &case.a, &case.b, case.beta, &mut y, epilogue);
            check(&case, &y, &epilogue, isa.name());
        }
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let mut draw = Draw::new(2);
    let pools: Vec<_> = (1..=4).map(pool).collect();
    let mut shapes: Vec<Gemm> = (0..40).map(|_| shape(&mut draw)).collect();
    shapes.extend([
        Gemm::row_major(300, 310, 1100),
        Gemm::transposed_a(784, 128, 32),
        Gemm::transposed_b(32, 784, 128),
    ]);
    for g in shapes {
        let (a, b) = (draw.f32s(length(g.m, g.k, g.a)), draw.f32s(length(g.k, g.n, g.b)));
        let run = |pool: &rayon::ThreadPool| {
            let mut c = vec![0.5; length(g.m, g.n, g.c)];
            pool.install(|| gemm(&g, 1.5, &a, &b, 0.5, &mut c, Epilogue::Relu));
            bits(&c)
        };
        let alone = run(&pools[0]);
        for pool in &pools[1..] {
            assert!(run(pool) == alone, "{g:?} on {} threads", pool.current_num_threads());
        }
    }
}

#[test]
fn a_batch_is_its_products() {
    let mut draw = Draw::new(3);
    for (batch, m, n, k) in [(0, 3, 4, 5), (1, 7, 9, 3), (5, 17, 33, 20), (16, 64, 64, 32), (3, 0, 2, 2)] {
        let g = Gemm::transposed_b(m, n, k);
        let (a, b) = (draw.f32s(batch * m * k), draw.f32s(n * k));
        let mut c = vec![0.0; batch * m * n];
        pool(3).install(|| {
            gemm_batch(batch, &g, 1.0, &a, &b, 0.0, &mut c, Epilogue::None, |i| [i * m * k, 0, i * m * n]);
        });
        for i in 0..batch {
            let mut one = vec![0.0; m * n];
            gemm(&g, 1.0, &a[i * m * k..][..m * k], &b, 0.0, &mut one, Epilogue::None);
            assert_eq!(bits(&one), bits(&c[i * m * n..][..m * n]));
        }
    }
}

#[test]
fn f64_and_integers_agree_with_the_reference() {
    let mut draw = Draw::new(4);
    for _ in 0..40 {
        let g = shape(&mut draw);
        let a: Vec<f64> = (0..length(g.m, g.k, g.a)).map(|_| draw.f64()).collect();
        let b: Vec<f64> = (0..length(g.k, g.n, g.b)).map(|_| draw.f64()).collect();
        let mut want = vec![1.0; length(g.m, g.n, g.c)];
        let start = want.clone();
        gemm_reference(&g, 2.0, &a, &b, 0.5, &mut want);
        for isa in Isa::all_available() {
            let mut got = start.clone();
            gemm_on(isa, &g, 2.0, &a, &b, 0.5, &mut got, Epilogue::None);
            for (x, y) in got.iter().zip(&want) {
                let slack = 4.0 * (g.k as f64 + 3.0) * f64::EPSILON * (g.k as f64 + 1.0);
                assert!((x - y).abs() <= slack, "{isa} {g:?}: {x} is not {y}");
            }
        }
    }
    let mut c = [10i64, 20, 30, 40];
    gemm_reference(&Gemm::row_major(2, 2, 3), 1, &[1, 2, 3, 4, 5, 6], &[1, 0, 0, 1, 2, 2], 1, &mut c);
    assert_eq!(c, [10 + 7, 20 + 8, 30 + 16, 40 + 17]);
}

#[test]
fn relu_keeps_nan_and_clears_negative_zero_sums() {
    for isa in Isa::all_available() {
        let mut c = [0.0f32; 3];
        gemm_on(isa, &Gemm::row_major(1, 3, 1), 1.0, &[1.0], &[f32::NAN, -2.0, 3.0], 0.0, &mut c, Epilogue::Relu);
        assert!(c[0].is_nan() && c[1] == 0.0 && c[2] == 3.0, "{isa}: {c:?}");
    }
}

#[test]
#[should_panic(expected = "overlaps itself")]
fn an_output_that_overlaps_itself_is_refused() {
    let g = Gemm { c: [1, 1], ..Gemm::row_major(2, 2, 2) };
    gemm(&g, 1.0, &[0.0; 4], &[0.0; 4], 0.0, &mut [0.0; 4], Epilogue::None);
}

#[test]
#[should_panic(expected = "needs more")]
fn a_short_operand_is_refused() {
    gemm(&Gemm::row_major(2, 2, 2), 1.0, &[0.0; 3], &[0.0; 4], 0.0, &mut [0.0; 4], Epilogue::None);
}
