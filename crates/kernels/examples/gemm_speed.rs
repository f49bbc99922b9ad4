//! Rates of matrix products, in GFLOP/s and as a share of the multiply-add peak measured just before.
//!
//! `cargo run --release -p cornet-kernels --example gemm_speed [THREADS ...]`

use cornet_kernels::gemm::{Epilogue, Gemm, gemm};
use cornet_kernels::peak::fma_peak_gflops;
use std::time::{Duration, Instant};

/// Each figure is the best of the rounds that fit this time.
const TIME_A_FIGURE: Duration = Duration::from_millis(100);

const SHAPES: [(usize, usize, usize); 13] = [
    (1024, 1024, 1024),
    (1000, 1000, 1000),
    (512, 512, 512),
    (256, 256, 256),
    (128, 128, 128),
    (32, 128, 784),
    (32, 10, 128),
    (32, 784, 128),
    (784, 128, 32),
    (128, 10, 32),
    (64, 1024, 1024),
    (4096, 64, 64),
    (1, 1024, 1024),
];

fn best(g: &Gemm) -> f64 {
    let values = |len: usize| -> Vec<f32> { (0..len + 16).map(|i| (i % 7) as f32 * 0.25 - 0.75).collect() };
    let (a, b, mut c) = (values(g.m * g.k), values(g.k * g.n), values(g.m * g.n));
    let start = |v: &[f32]| v.as_ptr().align_offset(64).min(16);
    let (a, b) = (&a[start(&a)..], &b[start(&b)..]);
    let at = start(&c);
    let c = &mut c[at..];
    let rounds = (2e6 / g.flops()).ceil() as usize;
    let (begin, mut best) = (Instant::now(), f64::MAX);
    while begin.elapsed() < TIME_A_FIGURE {
        let round = Instant::now();
        for _ in 0..rounds {
            gemm(g, 1.0, a, b, 0.0, c, Epilogue::None);
        }
        best = best.min(round.elapsed().as_secs_f64() / rounds as f64);
    }
    best
}

fn main() {
    let mut counts: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    if counts.is_empty() {
        counts = vec![1, 2];
    }
    for threads in counts {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        println!("{threads} thread(s), m n k: A·B, Aᵀ·B, A·Bᵀ: GFLOP/s, share of the peak");
        for (m, n, k) in SHAPES {
            let peak = fma_peak_gflops(threads);
            print!("{m:5} {n:5} {k:5}");
            for g in [Gemm::row_major(m, n, k), Gemm::transposed_a(m, n, k), Gemm::transposed_b(m, n, k)] {
                let rate = g.flops() / pool.install(|| best(&g)) / 1e9;
                print!("  {rate:7.1} {:4.0}%", 100.0 * rate / peak);
            }
            println!();
        }
    }
}
