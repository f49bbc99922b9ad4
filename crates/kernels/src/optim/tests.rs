use super::*;

fn data(seed: u32, n: usize) -> Vec<f32> {
    let mut x = vec![0f32; n];
    crate::random::fill_normal(crate::random::Key::new(u64::from(seed)), 0, 0.0, 1.0, &mut x);
    x
}

fn assert_close(got: &[f32], want: &[f64], what: &str) {
    for i in 0..want.len() {
        let error = (f64::from(got[i]) - want[i]).abs();
        assert!(error <= 4e-6 * want[i].abs().max(1.0), "{what}[{i}] = {}, expected {}", got[i], want[i]);
    }
}

const SIZES: [usize; 5] = [0, 1, 17, 1000, 50_000];

#[test]
fn sgd_follows_its_formulas() {
    for n in SIZES {
        let sgd = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: false };
        let (g, mut w) = (data(1, n), data(2, n));
        let want: Vec<f64> = (0..n).map(|i| f64::from(w[i]) - 0.1 * f64::from(g[i])).collect();
        sgd.step(&g, &mut w).expect("lengths");
        assert_close(&w, &want, "plain");
        for nesterov in [false, true] {
            let sgd = Sgd { nesterov, ..sgd };
            let (mut w, mut m) = (data(2, n), data(3, n));
            let (mut w64, mut m64) = (to_f64(&w), to_f64(&m));
            for step in 0..3 {
                let g = data(10 + step, n);
                for i in 0..n {
                    let g = f64::from(g[i]);
                    m64[i] = 0.9 * m64[i] - 0.1 * g;
                    w64[i] += if nesterov { 0.9 * m64[i] - 0.1 * g } else { m64[i] };
                }
                sgd.step_momentum(&g, &mut w, &mut m).expect("lengths");
            }
            assert_close(&w, &w64, "w");
            assert_close(&m, &m64, "m");
        }
    }
}

fn to_f64(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

#[test]
fn adam_follows_keras_formula() {
    for (n, weight_decay) in SIZES.into_iter().flat_map(|n| [(n, 0.0), (n, 0.01)]) {
        let adam = Adam { learning_rate: 0.01, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, weight_decay };
        for amsgrad in [false, true] {
            let (mut w, mut m, mut v, mut largest) = (data(1, n), vec![0f32; n], vec![0f32; n], vec![0f32; n]);
            let (mut w64, mut m64, mut v64, mut l64) = (to_f64(&w), vec![0f64; n], vec![0f64; n], vec![0f64; n]);
            for t in 1..=4u64 {
                let g = data(t as u32 * 7, n);
                let alpha = 0.01 * (1.0 - 0.999f64.powi(t as i32)).sqrt() / (1.0 - 0.9f64.powi(t as i32));
                for i in 0..n {
                    let g = f64::from(g[i]);
                    w64[i] -= 0.01 * f64::from(weight_decay) * w64[i];
                    m64[i] += (g - m64[i]) * 0.1;
                    v64[i] += (g * g - v64[i]) * 0.001;
                    l64[i] = l64[i].max(v64[i]);
                    w64[i] -= m64[i] * alpha / ((if amsgrad { l64[i] } else { v64[i] }).sqrt() + 1e-7);
                }
                if amsgrad {
                    adam.step_amsgrad(t, &g, &mut w, &mut m, &mut v, &mut largest).expect("lengths");
                } else {
                    adam.step(t, &g, &mut w, &mut m, &mut v).expect("lengths");
                }
            }
            assert_close(&w, &w64, "w");
            assert_close(&m, &m64, "m");
            assert_close(&v, &v64, "v");
        }
    }
}

#[test]
fn every_instruction_set_and_thread_count_gives_the_same_bits() {
    let n = 70_001;
    let g = data(1, n);
    let adam = Adam { learning_rate: 0.01, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, weight_decay: 0.1 };
    let run = |isa: Isa, threads: usize| {
        let (mut w, mut m, mut v, mut largest) = (data(2, n), data(3, n), vec![0.5f32; n], vec![0.1f32; n]);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        let update = Moments { adam, alpha: adam.alpha(3) };
        pool.install(|| apply(isa, update, &g, [&mut w, &mut m, &mut v, &mut largest])).expect("lengths");
        w.into_iter().chain(m).chain(v).chain(largest).map(f32::to_bits).collect::<Vec<u32>>()
    };
    let first = run(Isa::Portable, 1);
    for isa in Isa::all_available() {
        assert!((1..4).all(|threads| run(isa, threads) == first), "{isa}");
    }
}

#[test]
fn different_lengths_are_refused() {
    let sgd = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: false };
    let error = sgd.step_momentum(&[1.0], &mut [1.0], &mut []).expect_err("lengths differ");
    assert_eq!(error.code(), Code::ShapeMismatch);
}
