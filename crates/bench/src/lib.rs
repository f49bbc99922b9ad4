//! The workloads that `cornet bench` times, each beside the machine's ceilings where it has one.
//!
//! Ceilings ([`cornet_kernels::peak`]) are measured before and after each round of the figure they stand beside, on the
//! same threads: a share of the peak says something on a busy machine too, and where the clock rises and falls.

mod convolution;
mod elementwise;
mod line;
mod product;
mod timer;
mod training;

pub use line::Line;

use cornet_error::Result;

/// Takes the lines of a workload as they come.
pub type Sink<'a> = &'a mut dyn FnMut(&Line) -> Result<()>;

/// Something to time.
pub struct Workload {
    /// The name on the command line.
    pub name: &'static str,
    /// What is timed, in one sentence.
    pub about: &'static str,
    run: fn(&[usize], Sink<'_>) -> Result<()>,
}

impl Workload {
    /// Times it with each of these numbers of threads; with its own choice if there are none.
    ///
    /// # Errors
    /// What the engine fails with, and what `sink` does.
    pub fn run(&self, threads: &[usize], sink: Sink<'_>) -> Result<()> {
        (self.run)(threads, sink)
    }
}

/// Every workload.
pub fn workloads() -> &'static [Workload] {
    &WORKLOADS
}

static WORKLOADS: [Workload; 8] = [
    Workload {
        name: "gemm",
        about: "matrix products of float32, as a share of the multiply-add peak",
        run: product::run,
    },
    Workload {
        name: "conv",
        about: "3x3 convolutions, forward and both gradients, as a share of the multiply-add peak",
        run: convolution::run,
    },
    Workload {
        name: "elementwise",
        about: "fused chains of 8 ops over 10 million float32, as a share of the copy bandwidth",
        run: elementwise::run,
    },
    Workload {
        name: "mlp_mnist",
        about: "fit: 784-128-10, batch 32, 400 steps an epoch",
        run: |threads, sink| training::run(&training::MLP_MNIST, threads, sink),
    },
    Workload {
        name: "mlp_fashion",
        about: "fit: 784-128-1000-10 with dropout, batch 32, 300 steps an epoch",
        run: |threads, sink| training::run(&training::MLP_FASHION, threads, sink),
    },
    Workload {
        name: "cnn_fashion",
        about: "fit: convolutions 32-64-64 on 28x28x1, batch 32, 150 steps an epoch",
        run: |threads, sink| training::run(&training::CNN_FASHION, threads, sink),
    },
    Workload {
        name: "cnn_cifar",
        about: "fit: convolutions 32-64-64 on 32x32x3, batch 32, 120 steps an epoch",
        run: |threads, sink| training::run(&training::CNN_CIFAR, threads, sink),
    },
    Workload {
        name: "cnn_catsdogs",
        about: "fit: three convolutions of 64 on 64x64x3, batch 128, 12 steps an epoch",
        run: |threads, sink| training::run(&training::CNN_CATSDOGS, threads, sink),
    },
];

/// The numbers of threads to measure kernels with: those asked for, or one and all.
fn thread_counts(asked: &[usize]) -> Vec<usize> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    let all = cornet_cpu::num_threads();
    if all > 1 { vec![1, all] } else { vec![1] }
}
