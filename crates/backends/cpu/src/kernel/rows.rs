//! Kernels over the rows of the last axis: softmax and crossentropy.

use cornet_error::Result;
use cornet_kernels::pointwise::Input;
use cornet_kernels::rows::{
    Labels, Targets, Weights, cross_entropy, cross_entropy_grad, log_softmax, softmax, softmax_grad,
};
use cornet_ops::Call;
use cornet_tensor::DType;

use super::{Io, Kernel};

#[derive(Clone, Copy, Debug)]
enum Pass {
    Softmax,
    SoftmaxGradient,
    LogSoftmax,
    CrossEntropy(DType),
    CrossEntropyGradient(DType),
}

struct Rows {
    pass: Pass,
    /// Elements of a row.
    n: usize,
}

/// The kernel of an op over the last axis, in float32.
pub(super) fn rows(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let shape = call.shape(0);
    let last = || call.attrs.int("axis").ok() == Some(shape.rank() as i64 - 1);
    let labels = || Some(call.dtype(1)).filter(|d| matches!(d, DType::I32 | DType::I64));
    let pass = match call.op.name {
        "softmax" if last() => Pass::Softmax,
        "softmax_gradient" if last() => Pass::SoftmaxGradient,
        "log_softmax" if last() => Pass::LogSoftmax,
        "softmax_cross_entropy" => Pass::CrossEntropy(labels()?),
        "softmax_cross_entropy_gradient" => Pass::CrossEntropyGradient(labels()?),
        _ => return None,
    };
    let n = shape.last().copied().filter(|&n| n > 0)?;
    (call.dtype(0) == DType::F32).then(|| Box::new(Rows { pass, n }) as Box<dyn Kernel>)
}

fn targets<'a>(io: &Io<'_, 'a>, dtype: DType) -> Targets<'a> {
    Targets::Labels(match dtype {
        DType::I64 => Labels::I64(io.input(1)),
        _ => Labels::I32(io.input(1)),
    })
}

impl Kernel for Rows {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0);
        // Kernels take no input where it lies in the output's memory.
        let own = |i: usize| (!matches!(io.inputs[i], Input::Output(_))).then(|| io.input::<f32>(i));
        match self.pass {
            Pass::Softmax => softmax(own(0), bytemuck::cast_slice_mut(io.outputs[0]), self.n),
            Pass::LogSoftmax => log_softmax(own(0), bytemuck::cast_slice_mut(io.outputs[0]), self.n),
            Pass::SoftmaxGradient => softmax_grad(x, own(1), bytemuck::cast_slice_mut(io.outputs[0]), self.n),
            Pass::CrossEntropy(dtype) => {
                let targets = targets(&io, dtype);
                cross_entropy(x, &targets, bytemuck::cast_slice_mut(io.outputs[0]), self.n)
            }
            Pass::CrossEntropyGradient(dtype) => {
                let (targets, weights) = (targets(&io, dtype), Weights::Each(io.input(2)));
                cross_entropy_grad(Some(x), &targets, &weights, bytemuck::cast_slice_mut(io.outputs[0]), self.n)
            }
        }
    }

    fn in_place(&self, input: usize, _output: usize) -> bool {
        match self.pass {
            Pass::Softmax | Pass::LogSoftmax => input == 0,
            Pass::SoftmaxGradient => input == 1,
            Pass::CrossEntropy(_) | Pass::CrossEntropyGradient(_) => false,
        }
    }

    fn describe(&self) -> String {
        format!("rows {:?} of {}", self.pass, self.n)
    }
}
