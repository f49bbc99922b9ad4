//! Rates of matrix products, in GFLOP/s and as a share of the multiply-add peak measured around each round.
//!
//! `cargo run --release -p cornet-kernels --example gemm_speed [THREADS ...]`

use cornet_kernels::gemm::{Epilogue, Gemm, gemm};
use cornet_kernels::peak::{Share, fma_gflops};
use std::convert::Infallible;
use std::time::Duration;

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

fn measure(g: &Gemm) -> Share {
    let values = |len: usize| -> Vec<f32> { (0..len + 16).map(|i| (i % 7) as f32 * 0.25 - 0.75).collect() };
    let (a, b, mut c) = (values(g.m * g.k), values(g.k * g.n), values(g.m * g.n));
    let start = |v: &[f32]| v.as_ptr().align_offset(64).min(16);
    let (a, b) = (&a[start(&a)..], &b[start(&b)..]);
    let at = start(&c);
    let c = &mut c[at..];
    let work = || -> Result<(), Infallible> {
        gemm(g, 1.0, a, b, 0.0, c, Epilogue::None);
        Ok(())
    };
    let Ok(share) = Share::of(g.flops(), TIME_A_FIGURE, fma_gflops, work);
    share
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
            print!("{m:5} {n:5} {k:5}");
            for g in [Gemm::row_major(m, n, k), Gemm::transposed_a(m, n, k), Gemm::transposed_b(m, n, k)] {
                let share = pool.install(|| measure(&g));
                print!("  {:7.1} {:4.0}%", g.flops() / share.seconds / 1e9, 100.0 * share.of_ceiling);
            }
            println!();
        }
    }
}
