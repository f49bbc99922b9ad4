//! Rates of the three passes of convolutions, in GFLOP/s and as a share of the multiply-add peak measured around each round.
//!
//! `cargo run --release -p cornet-kernels --example conv_speed [THREADS ...] [only=TEXT]`

use cornet_kernels::conv::{self, ConvGeometry};
use cornet_kernels::gemm::Epilogue;
use cornet_kernels::peak::{Share, fma_gflops};
use std::convert::Infallible;
use std::time::Duration;

/// Each figure is the best of the rounds that fit this time.
const TIME_A_FIGURE: Duration = Duration::from_millis(150);

fn shapes() -> Vec<(&'static str, ConvGeometry)> {
    let conv = ConvGeometry::conv2d;
    vec![
        ("cnn conv1     ", conv(32, [28, 28], 1, [3, 3], 32)),
        ("cnn conv2     ", conv(32, [13, 13], 32, [3, 3], 64)),
        ("cnn conv3     ", conv(32, [5, 5], 64, [3, 3], 64)),
        ("rgb same      ", conv(32, [32, 32], 3, [3, 3], 32).same()),
        ("rgb 7x7 s2    ", conv(8, [224, 224], 3, [7, 7], 64).strides([1, 2, 2]).same()),
        ("32 same       ", conv(32, [28, 28], 32, [3, 3], 32).same()),
        ("64 valid 56   ", conv(16, [56, 56], 64, [3, 3], 64)),
        ("64 same 56    ", conv(16, [56, 56], 64, [3, 3], 64).same()),
        ("128 same 28   ", conv(16, [28, 28], 128, [3, 3], 128).same()),
        ("256 same 14   ", conv(16, [14, 14], 256, [3, 3], 256).same()),
        ("64 valid 11   ", conv(128, [11, 11], 64, [3, 3], 64)),
        ("128 same 28 s2", conv(16, [28, 28], 128, [3, 3], 128).strides([1, 2, 2]).same()),
        ("64 dilated    ", conv(16, [28, 28], 64, [3, 3], 64).dilations([1, 2, 2]).same()),
        ("1x1 64 -> 256 ", conv(16, [28, 28], 64, [1, 1], 256)),
        ("1x1 256 -> 64 ", conv(16, [28, 28], 256, [1, 1], 64)),
        ("5x5 48        ", conv(16, [28, 28], 48, [5, 5], 48).same()),
        ("depthwise 128 ", conv(16, [28, 28], 128, [3, 3], 128).groups(128).same()),
        ("1d 64         ", ConvGeometry::conv1d(16, 1000, 64, 5, 64).same()),
        ("3d 32         ", ConvGeometry::conv3d(4, [16, 16, 16], 32, [3, 3, 3], 32).same()),
        ("1 image 14 256", conv(1, [14, 14], 256, [3, 3], 256).same()),
    ]
}

fn rate(g: &ConvGeometry, mut work: impl FnMut()) {
    let work = || -> Result<(), Infallible> {
        work();
        Ok(())
    };
    let Ok(share) = Share::of(g.flops(), TIME_A_FIGURE, fma_gflops, work);
    let rate = g.flops() / share.seconds / 1e9;
    print!("  {:8.3} ms {rate:6.1} {:4.0}%", share.seconds * 1e3, 100.0 * share.of_ceiling);
}

/// Numbers on a cache line of their own, as an arena would hand them out.
struct Aligned(Vec<f32>, usize);

impl Aligned {
    fn new(len: usize) -> Aligned {
        let values: Vec<f32> = (0..len + 16).map(|i| (i % 7) as f32 * 0.25 - 0.75).collect();
        let start = values.as_ptr().align_offset(64).min(16);
        Aligned(values, start)
    }

    fn get(&mut self, len: usize) -> &mut [f32] {
        &mut self.0[self.1..self.1 + len]
    }
}

fn measure(name: &str, g: &ConvGeometry) {
    let (x, w, y) =
        (&mut Aligned::new(g.input_len()), &mut Aligned::new(g.filter_len()), &mut Aligned::new(g.output_len()));
    let (x, w, y) = (x.get(g.input_len()), w.get(g.filter_len()), y.get(g.output_len()));
    let bias = vec![0.5; g.out_channels];
    let lens =
        [conv::forward_scratch_len(g), conv::input_gradient_scratch_len(g), conv::filter_gradient_scratch_len(g)];
    let mut scratch = vec![0.0; lens.into_iter().max().unwrap_or(0)];
    print!("{name} {:7.1} MFLOP", g.flops() / 1e6);
    rate(g, || conv::forward(g, x, w, y, Epilogue::BiasRelu(&bias), &mut scratch));
    rate(g, || conv::input_gradient(g, y, w, x, Epilogue::None, &mut scratch));
    rate(g, || conv::filter_gradient(g, x, y, w, &mut scratch));
    println!();
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only = arguments.iter().find_map(|a| a.strip_prefix("only=")).unwrap_or("");
    let mut counts: Vec<usize> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    if counts.is_empty() {
        counts = vec![1, 2];
    }
    for threads in counts {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        println!("{threads} thread(s): forward, input gradient, filter gradient: time, GFLOP/s, share of the peak");
        for (name, g) in shapes().into_iter().filter(|(name, _)| name.contains(only)) {
            pool.install(|| measure(name, &g));
        }
    }
}
