//! 3x3 convolutions with padding `same`.

use cornet_cpu::with_threads;
use cornet_error::Result;
use cornet_kernels::peak::fma_gflops;
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::Padding;
use cornet_ops::{GradientTape, Tensor, Type};
use cornet_runtime::Concrete;
use cornet_tensor::DType;

use crate::timer::{measured, values};
use crate::{Line, Sink, thread_counts};

/// Batch, rows and columns, channels in and out.
const SHAPES: [[usize; 3]; 5] = [[128, 28, 32], [16, 56, 64], [128, 14, 64], [16, 28, 128], [16, 14, 256]];

/// What is computed from the image, the kernel and the gradient of the result.
#[derive(Clone, Copy)]
enum Pass {
    Forward,
    InputGradient,
    KernelGradient,
}

const PASSES: [(Pass, &str); 3] =
    [(Pass::Forward, "forward"), (Pass::InputGradient, "input_grad"), (Pass::KernelGradient, "kernel_grad")];

pub fn run(threads: &[usize], sink: Sink<'_>) -> Result<()> {
    for threads in thread_counts(threads) {
        for shape in SHAPES {
            for (pass, name) in PASSES {
                sink(&measure(shape, pass, name, threads)?)?;
            }
        }
    }
    Ok(())
}

fn convolve(x: &Tensor, kernel: &Tensor) -> Tensor {
    x.conv(kernel, &ConvOptions { padding: Padding::Same, ..ConvOptions::default() })
}

fn body(pass: Pass, x: &[Tensor]) -> Result<Vec<Tensor>> {
    let [image, kernel, dy] = x else { return Ok(Vec::new()) };
    let source = match pass {
        Pass::Forward => return Ok(vec![convolve(image, kernel)]),
        Pass::InputGradient => image,
        Pass::KernelGradient => kernel,
    };
    let tape = GradientTape::new();
    tape.watch(source);
    let y = convolve(image, kernel);
    tape.gradient_with(&[(&y, Some(dy.clone()))], &[source])
}

fn measure([batch, size, channels]: [usize; 3], pass: Pass, pass_name: &str, threads: usize) -> Result<Line> {
    let image = vec![batch, size, size, channels];
    let shapes = [image.clone(), vec![3, 3, channels, channels], image];
    let types: Vec<Type> = shapes.iter().map(|s| Type::new(DType::F32, s.as_slice())).collect();
    let function = Concrete::trace("convolution", &types, |x| body(pass, x))?;
    let arrays = shapes.iter().map(|s| values(s)).collect::<Result<Vec<_>>>()?;
    let arguments: Vec<_> = arrays.iter().collect();
    let flops = flops(batch, size, channels);
    let share = with_threads(threads, || measured(&function, &arguments, flops, fma_gflops))?;
    let gflops = flops / share.seconds / 1e9;
    let name = format!("conv_{pass_name}_b{batch}_{size}x{size}_c{channels}");
    Ok(Line::of_step(name, threads, share.seconds, batch).beside(gflops, "GFLOP/s", share.of_ceiling))
}

/// Two for each multiply-add that meets the image: those on padding are not counted.
fn flops(batch: usize, size: usize, channels: usize) -> f64 {
    let taps_of_an_axis = 3 * size - 2;
    2.0 * (batch * taps_of_an_axis * taps_of_an_axis * channels * channels) as f64
}
