//! Kernels bound to types and static arguments, ready to run on bytes.

mod conv;
mod copy;
mod matmul;
mod pointwise;
mod pool;
mod random;
mod reduce;
mod rows;

use cornet_error::{Result, err};
use cornet_kernels::pointwise::Input;
use cornet_ops::Call;
use cornet_tensor::{Array, Shape};

pub(crate) use conv::conv;
pub(crate) use copy::strided_copy;
pub(crate) use matmul::{Activation, MatMul, Side};
pub(crate) use pointwise::{Fused, Operation, element, operation};

/// What a kernel reads and writes.
pub(crate) struct Io<'a, 'b> {
    /// The inputs.
    pub inputs: &'a [Input<'b>],
    /// The outputs, dense.
    pub outputs: &'a mut [&'b mut [u8]],
    /// Memory of the size that the kernel asked for.
    pub scratch: &'a mut [u8],
}

impl<'b> Io<'_, 'b> {
    /// Input `i` as elements; never one that shares an output's memory.
    pub fn input<T: cornet_tensor::Element>(&self, i: usize) -> &'b [T] {
        match self.inputs[i] {
            Input::Bytes(bytes) => bytemuck::cast_slice(bytes),
            Input::At(bytes, start) => &bytemuck::cast_slice(bytes)[start..],
            Input::Output(_) => &[],
        }
    }
}

/// A computation on bytes whose types and shapes are settled.
pub(crate) trait Kernel: Send + Sync {
    /// Computes all outputs.
    fn run(&self, io: Io<'_, '_>) -> Result<()>;

    /// Bytes of scratch memory it needs.
    fn scratch(&self) -> usize {
        0
    }

    /// Whether input `i` may lie in output `o`'s memory.
    fn in_place(&self, _input: usize, _output: usize) -> bool {
        false
    }

    /// What it is, for people.
    fn describe(&self) -> String;
}

/// The kernel for one op on dense inputs, if there is one.
pub(crate) fn select(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    if call.inputs.iter().any(|t| t.dtype == cornet_tensor::DType::Str) {
        return None;
    }
    if call.op.is_pointwise() || call.op.name == "cast" {
        return pointwise::single(call);
    }
    match call.op.name {
        "matmul" => matmul::single(call),
        "conv" | "conv_input_gradient" | "conv_kernel_gradient" => conv::conv(call, Activation::default()),
        "max_pool" | "max_pool_gradient" | "avg_pool" | "avg_pool_gradient" => pool::pool(call),
        "sum" | "prod" | "max" | "min" | "any" | "all" => reduce::reduction(call),
        "softmax" | "softmax_gradient" | "log_softmax" => rows::rows(call),
        "softmax_cross_entropy" | "softmax_cross_entropy_gradient" => rows::rows(call),
        name if name.starts_with("random_") => random::random(call),
        "concat" => copy::concat(call),
        "pad" => copy::pad(call),
        "take" => copy::take(call),
        "scatter_nd" => copy::add_rows(call),
        "argmax" | "argmin" => reduce::arg_reduction(call),
        "broadcast_to" | "transpose" | "reshape" | "stop_gradient" | "slice" | "flip" => copy::single(call),
        _ => None,
    }
}

/// Runs a kernel on arrays, for eager execution.
pub(crate) fn run_eagerly(kernel: &dyn Kernel, call: &Call<'_>, inputs: &[Array]) -> Result<Vec<Array>> {
    let types = call.infer()?;
    let mut results = types.iter().map(|ty| Array::try_zeros(ty.dtype, &ty.shape)).collect::<Result<Vec<_>>>()?;
    let inputs: Vec<Input<'_>> = inputs.iter().map(|a| Input::Bytes(a.bytes())).collect();
    let scratch = cornet_tensor::Buffer::try_zeroed(kernel.scratch());
    let mut scratch = scratch.ok_or_else(|| err!(LimitExceeded, "no scratch memory of {} bytes", kernel.scratch()))?;
    let mut outputs: Vec<&mut [u8]> = results.iter_mut().map(Array::bytes_mut).collect();
    kernel.run(Io { inputs: &inputs, outputs: &mut outputs, scratch: scratch.bytes_mut() })?;
    Ok(results)
}

/// How elements of a root value are read: by strides from an offset, in elements.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub shape: Shape,
    pub strides: Vec<isize>,
    pub offset: usize,
}

impl Layout {
    /// Row-major without gaps.
    pub fn dense(shape: &Shape) -> Self {
        let strides = shape.strides().iter().map(|&s| s as isize).collect();
        Self { shape: shape.clone(), strides, offset: 0 }
    }

    /// Whether elements lie in row-major order without gaps, from the start.
    pub fn is_dense(&self) -> bool {
        let dense = self.shape.strides();
        let fits = |(i, &d): (usize, &usize)| d == 1 || self.strides[i] == dense[i] as isize;
        self.offset == 0 && (self.shape.elements() == 0 || self.shape.iter().enumerate().all(fits))
    }

    /// The same elements stretched to another shape.
    pub fn broadcast_to(&self, to: &[usize]) -> Vec<isize> {
        let lead = to.len() - self.shape.rank();
        let stretched = |i: usize| i < lead || self.shape[i - lead] == 1 && to[i] != 1;
        (0..to.len()).map(|i| if stretched(i) { 0 } else { self.strides[i - lead] }).collect()
    }
}
