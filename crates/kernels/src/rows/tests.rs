use super::*;
use crate::random::{Key, fill_normal};

const WIDTHS: [usize; 9] = [1, 3, 10, 16, 17, 64, 100, 1000, 5000];

fn normal(seed: u64, n: usize) -> Vec<f32> {
    let mut x = vec![0f32; n];
    fill_normal(Key::new(seed), 0, 0.5, 3.0, &mut x);
    x
}

fn f64s(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// Rows of a width, few where they are wide.
fn rows_for(n: usize) -> usize {
    (4000 / n).clamp(3, 200)
}

fn assert_close(got: &[f32], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().fold(1e-3f64, |m, x| m.max(x.abs()));
    for i in 0..want.len() {
        let error = (f64::from(got[i]) - want[i]).abs();
        assert!(error <= tolerance * scale, "{what}[{i}] = {}, expected {}", got[i], want[i]);
    }
}

fn softmax_f64(x: &[f64]) -> (Vec<f64>, f64) {
    let m = x.iter().fold(f64::NEG_INFINITY, |m, &x| m.max(x));
    let sum: f64 = x.iter().map(|x| (x - m).exp()).sum();
    (x.iter().map(|x| (x - m).exp() / sum).collect(), m + sum.ln())
}

#[test]
fn softmaxes_follow_their_formulas_in_place_too() {
    for n in WIDTHS {
        let rows = rows_for(n);
        let x = normal(n as u64, rows * n);
        let (mut y, mut log, mut lse) = (vec![0f32; rows * n], vec![0f32; rows * n], vec![0f32; rows]);
        softmax(Some(&x), &mut y, n).expect("lengths");
        log_softmax(Some(&x), &mut log, n).expect("lengths");
        logsumexp(&x, &mut lse, n).expect("lengths");
        for r in 0..rows {
            let (want, l) = softmax_f64(&f64s(&x[r * n..(r + 1) * n]));
            for (i, want) in want.iter().enumerate() {
                let (got, got_log) = (f64::from(y[r * n + i]), f64::from(log[r * n + i]));
                assert!((got - want).abs() <= 4e-6 * want + 1e-37, "softmax {n} [{r}, {i}] = {got}, expected {want}");
                let want_log = f64::from(x[r * n + i]) - l;
                assert!((got_log - want_log).abs() <= 1e-6 * want_log.abs().max(1.0), "log {n}: {got_log} {want_log}");
            }
            assert!((f64::from(lse[r]) - l).abs() <= 1e-6 * l.abs().max(1.0), "logsumexp {n}");
        }
        let (mut in_place, mut log_in_place) = (x.clone(), x);
        softmax(None, &mut in_place, n).expect("lengths");
        log_softmax(None, &mut log_in_place, n).expect("lengths");
        assert_eq!((in_place, log_in_place), (y, log));
    }
}

#[test]
fn extreme_logits_stay_finite() {
    let x = [1000.0, 0.0, -1000.0, f32::NEG_INFINITY, 88.0, 1000.0];
    let mut y = [0f32; 6];
    softmax(Some(&x), &mut y, 6).expect("lengths");
    assert_eq!(y, [0.5, 0.0, 0.0, 0.0, 0.0, 0.5]);
    log_softmax(Some(&x), &mut y, 6).expect("lengths");
    assert_eq!(y[3], f32::NEG_INFINITY);
    assert!((y[0] + std::f32::consts::LN_2).abs() < 1e-6);
    let mut one = [0f32];
    logsumexp(&[f32::NEG_INFINITY; 3], &mut one, 3).expect("lengths");
    assert_eq!(one, [f32::NEG_INFINITY]);
    softmax(Some(&[0.0, f32::NAN, 1.0]), &mut y[..3], 3).expect("lengths");
    assert!(y[..3].iter().all(|y| y.is_nan()));
}

/// Central differences of `f` at `x`, weighted by `dy`.
fn numeric(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let step = 1e-5;
    let at = |i: usize, d: f64| {
        let mut moved = x.to_vec();
        moved[i] += d;
        f(&moved)
    };
    (0..x.len()).map(|i| (at(i, step) - at(i, -step)) / (2.0 * step)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn softmax_gradients_equal_differences() {
    for n in [1, 3, 10, 33, 100] {
        let (x, dy) = (normal(1, 2 * n), normal(2, 2 * n));
        let (mut y, mut dx) = (vec![0f32; 2 * n], dy.clone());
        softmax(Some(&x), &mut y, n).expect("lengths");
        softmax_grad(&y, None, &mut dx, n).expect("lengths");
        let (mut log, mut dlog) = (vec![0f32; 2 * n], vec![0f32; 2 * n]);
        log_softmax(Some(&x), &mut log, n).expect("lengths");
        log_softmax_grad(&log, Some(&dy), &mut dlog, n).expect("lengths");
        for r in 0..2 {
            let part = r * n..(r + 1) * n;
            let (x, dy) = (f64s(&x[part.clone()]), f64s(&dy[part.clone()]));
            assert_close(&dx[part.clone()], &numeric(&x, |x| dot(&softmax_f64(x).0, &dy)), 2e-5, "softmax_grad");
            let log = |x: &[f64]| softmax_f64(x).0.iter().map(|p| p.ln()).collect::<Vec<_>>();
            assert_close(&dlog[part], &numeric(&x, |x| dot(&log(x), &dy)), 2e-5, "log_softmax_grad");
        }
    }
}

fn layer_norm_f64(x: &[f64], gamma: &[f64], beta: &[f64]) -> Vec<f64> {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    (0..x.len()).map(|i| (x[i] - mean) / (variance + 1e-3).sqrt() * gamma[i] + beta[i]).collect()
}

#[test]
fn layer_norm_follows_its_formula_and_its_gradients_equal_differences() {
    for n in [1, 2, 10, 17, 64, 300] {
        let rows = 37;
        let (x, dy) = (normal(1, rows * n), normal(2, rows * n));
        let (gamma, beta) = (normal(3, n), normal(4, n));
        let norm = LayerNorm { epsilon: 1e-3, gamma: Some(&gamma), beta: Some(&beta) };
        let (mut y, mut mean, mut rstd) = (vec![0f32; rows * n], vec![0f32; rows], vec![0f32; rows]);
        layer_norm(&norm, Some(&x), &mut y, n, &mut mean, &mut rstd).expect("lengths");
        let moments = Moments { mean: &mean, rstd: &rstd };
        let mut dx = dy.clone();
        layer_norm_grad(&x, &moments, Some(&gamma), None, &mut dx, n).expect("lengths");
        let (mut dgamma, mut dbeta, mut scratch) = (vec![0f32; n], vec![0f32; n], Vec::new());
        layer_norm_parameter_grads(&x, &moments, &dy, &mut dgamma, &mut dbeta, &mut scratch).expect("lengths");
        let (gamma, beta) = (f64s(&gamma), f64s(&beta));
        let (mut want_gamma, mut want_beta) = (vec![0f64; n], vec![0f64; n]);
        for r in 0..rows {
            let part = r * n..(r + 1) * n;
            let (x, dy) = (f64s(&x[part.clone()]), f64s(&dy[part.clone()]));
            assert_close(&y[part.clone()], &layer_norm_f64(&x, &gamma, &beta), 4e-6, "layer_norm");
            let normal = layer_norm_f64(&x, &vec![1.0; n], &vec![0.0; n]);
            (0..n).for_each(|i| want_gamma[i] += dy[i] * normal[i]);
            (0..n).for_each(|i| want_beta[i] += dy[i]);
            if r < 3 {
                let want = numeric(&x, |x| dot(&layer_norm_f64(x, &gamma, &beta), &dy));
                // With few columns the exact gradient nearly cancels.
                let scale = f64::from(rstd[r]) * 30.0;
                for (i, want) in want.iter().enumerate() {
                    let got = f64::from(dx[r * n + i]);
                    assert!(
                        (got - want).abs() <= 2e-5 * want.abs().max(scale),
                        "dx {n} [{r}, {i}] = {got}, expected {want}"
                    );
                }
            }
        }
        assert_close(&dgamma, &want_gamma, 1e-5, "dgamma");
        assert_close(&dbeta, &want_beta, 1e-5, "dbeta");
    }
}

#[test]
fn cross_entropy_and_its_gradient_follow_their_formulas() {
    for n in [1, 2, 10, 16, 33, 1000] {
        let rows = rows_for(n);
        let x = normal(n as u64, rows * n);
        let labels: Vec<i64> = (0..rows).map(|r| (r * 7 % n) as i64).collect();
        let narrow: Vec<i32> = labels.iter().map(|&l| l as i32).collect();
        let mut dense = vec![0f32; rows * n];
        labels.iter().enumerate().for_each(|(r, &l)| dense[r * n + l as usize] = 1.0);
        let each = normal(9, rows);
        let targets =
            [Targets::Labels(Labels::I64(&labels)), Targets::Labels(Labels::I32(&narrow)), Targets::Dense(&dense)];
        for targets in targets {
            let (mut loss, mut dx) = (vec![0f32; rows], x.clone());
            cross_entropy(&x, &targets, &mut loss, n).expect("lengths");
            cross_entropy_grad(None, &targets, &Weights::Each(&each), &mut dx, n).expect("lengths");
            for r in 0..rows {
                let row = f64s(&x[r * n..(r + 1) * n]);
                let (p, l) = softmax_f64(&row);
                let label = labels[r] as usize;
                let (got, want) = (f64::from(loss[r]), l - row[label]);
                assert!((got - want).abs() <= 1e-6 * want.max(1.0), "loss {n} [{r}] = {got}, expected {want}");
                let up = f64::from(each[r]);
                for i in 0..n {
                    let (got, want) = (f64::from(dx[r * n + i]), (p[i] - f64::from(u8::from(i == label))) * up);
                    assert!((got - want).abs() <= 2e-6 * up.abs(), "gradient {n} [{r}, {i}] = {got}, expected {want}");
                }
            }
        }
    }
}

#[test]
fn the_same_bits_on_every_instruction_set_and_number_of_threads() {
    for n in [10, 100, 3000] {
        let rows = 60_000 / n;
        let x = normal(5, rows * n);
        let labels: Vec<i32> = (0..rows).map(|r| (r % n) as i32).collect();
        let run = |isa: Isa, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
            pool.install(|| {
                let mut all: Vec<Vec<f32>> =
                    vec![vec![0f32; rows * n], vec![0f32; rows], vec![0f32; rows], vec![0f32; rows]];
                let [y, mean, rstd, loss] = &mut all[..] else { unreachable!() };
                let norm = LayerNorm { epsilon: 1e-5, gamma: None, beta: None };
                layer_norm::layer_norm_with(isa, &norm, Some(&x), y, n, mean, rstd).expect("lengths");
                softmax::softmax_with(isa, false, None, y, n).expect("lengths");
                let targets = Targets::Labels(Labels::I32(&labels));
                cross_entropy::cross_entropy_with(isa, y, &targets, loss, n).expect("lengths");
                all.concat().into_iter().map(f32::to_bits).collect::<Vec<u32>>()
            })
        };
        let want = run(Isa::Portable, 1);
        for isa in Isa::all_available() {
            assert!((1..4).all(|threads| run(isa, threads) == want), "{isa} {n}");
        }
    }
}

#[test]
fn wrong_lengths_and_labels_are_refused() {
    let code = |r: Result<()>| r.expect_err("refused").code();
    let mut y = [0f32; 6];
    assert_eq!(code(softmax(None, &mut y, 4)), Code::ShapeMismatch);
    assert_eq!(code(softmax(None, &mut y, 0)), Code::ShapeMismatch);
    assert_eq!(code(softmax(Some(&[0.0; 5]), &mut y, 3)), Code::ShapeMismatch);
    softmax(None, &mut [], 0).expect("nothing");
    softmax(None, &mut [], 5).expect("no rows");
    let mut loss = [0f32; 2];
    for label in [-1, 3] {
        let targets = Targets::Labels(Labels::I32(&[0, label]));
        assert_eq!(code(cross_entropy(&y, &targets, &mut loss, 3)), Code::OutOfRange);
        assert_eq!(code(cross_entropy_grad(None, &targets, &Weights::Same(1.0), &mut y, 3)), Code::OutOfRange);
    }
}
