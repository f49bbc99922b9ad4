//! Matrix products.

use cornet_cpu::with_threads;
use cornet_error::Result;
use cornet_kernels::peak::fma_gflops;
use cornet_ops::Type;
use cornet_runtime::Concrete;
use cornet_tensor::DType;

use crate::timer::{measured, values};
use crate::{Line, Sink, thread_counts};

/// `[m, k] x [k, n]`: squares, and the products of `mlp_mnist`'s step.
const SHAPES: [[usize; 3]; 6] =
    [[1024, 1024, 1024], [512, 512, 512], [256, 256, 256], [32, 784, 128], [784, 32, 128], [4096, 64, 64]];

pub fn run(threads: &[usize], sink: Sink<'_>) -> Result<()> {
    for threads in thread_counts(threads) {
        for shape in SHAPES {
            sink(&measure(shape, threads)?)?;
        }
    }
    Ok(())
}

fn measure([m, k, n]: [usize; 3], threads: usize) -> Result<Line> {
    let types = [Type::new(DType::F32, [m, k]), Type::new(DType::F32, [k, n])];
    let product = Concrete::trace("product", &types, |x| Ok(vec![x[0].matmul(&x[1])]))?;
    let (a, b) = (values(&[m, k])?, values(&[k, n])?);
    let flops = 2.0 * (m * k * n) as f64;
    let share = with_threads(threads, || measured(&product, &[&a, &b], flops, fma_gflops))?;
    let name = if m == k && k == n { format!("gemm_{m}") } else { format!("gemm_{m}x{k}x{n}") };
    let gflops = flops / share.seconds / 1e9;
    Ok(Line::of_step(name, threads, share.seconds, 1).beside(gflops, "GFLOP/s", share.of_ceiling))
}
