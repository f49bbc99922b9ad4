//! Times of pooling, and the bytes read and written a second beside those of a plain copy.
//!
//! `cargo run --release -p cornet-kernels --example pool_speed [THREADS ...]`

use cornet_kernels::peak::Copy;
use cornet_kernels::pool::{self as pooling, Divisor, PoolGeometry};
use std::time::{Duration, Instant};

fn shapes() -> Vec<(&'static str, PoolGeometry)> {
    let pool = PoolGeometry::pool2d;
    vec![
        ("cnn pool1 26x26x32   ", pool(32, [26, 26], 32, [2, 2])),
        ("cnn pool2 11x11x64   ", pool(32, [11, 11], 64, [2, 2])),
        ("2x2 56x56x64         ", pool(16, [56, 56], 64, [2, 2])),
        ("3x3 s2 same 112x112x64", pool(4, [112, 112], 64, [3, 3]).strides([1, 2, 2]).same()),
        ("global 7x7x512       ", pool(16, [7, 7], 512, [7, 7])),
        ("2x2 28x28x3          ", pool(32, [28, 28], 3, [2, 2])),
        ("2x2 28x28x20         ", pool(32, [28, 28], 20, [2, 2])),
    ]
}

fn best(mut work: impl FnMut()) -> f64 {
    let (start, mut best) = (Instant::now(), f64::MAX);
    while start.elapsed() < Duration::from_millis(60) {
        let round = Instant::now();
        work();
        best = best.min(round.elapsed().as_secs_f64());
    }
    best
}

fn measure(name: &str, g: &PoolGeometry) {
    let x: Vec<f32> = (0..g.input_len()).map(|i| (i * 7919 % 1013) as f32).collect();
    let (mut y, mut dx) = (vec![0.0; g.output_len()], vec![0.0; g.input_len()]);
    let (input, output) = (4e-9 * g.input_len() as f64, 4e-9 * g.output_len() as f64);
    let print = |bytes: f64, seconds: f64| print!("  {:7.3} ms {:5.1} GB/s", seconds * 1e3, bytes / seconds);
    print!("{name:22}");
    print(input + output, best(|| pooling::max_forward(g, &x, &mut y, f32::NEG_INFINITY)));
    print(2.0 * input + output, best(|| pooling::max_gradient(g, &x, &y, &mut dx)));
    print(input + output, best(|| pooling::average_forward(g, &x, &mut y, Divisor::Inside)));
    print(input + output, best(|| pooling::average_gradient(g, &y, &mut dx, Divisor::Inside)));
    println!();
}

fn main() {
    let mut counts: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    if counts.is_empty() {
        counts = vec![1, 2];
    }
    for threads in counts {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let copy = pool.install(|| Copy::new(64 << 20).gb_per_s());
        println!("{threads} thread(s), copy {copy:.1} GB/s: maximum, its gradient, average, its gradient");
        for (name, g) in shapes() {
            pool.install(|| measure(name, &g));
        }
    }
}
