//! Convolutions and their gradients.

use cornet_error::Result;
use cornet_kernels::Float;
use cornet_kernels::conv::{
    ConvGeometry, filter_gradient, filter_gradient_scratch_len, forward, forward_scratch_len, input_gradient,
    input_gradient_scratch_len,
};
use cornet_kernels::gemm::Epilogue;
use cornet_ops::Call;
use cornet_tensor::{DType, Element};

use super::{Activation, Io, Kernel};

/// Which of the three passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Forward,
    InputGradient,
    KernelGradient,
}

struct Conv {
    pass: Pass,
    geometry: ConvGeometry,
    dtype: DType,
    activation: Activation,
}

/// The kernel of `conv`, `conv_input_gradient` or `conv_kernel_gradient` over up to three axes, float32 or float64.
pub(crate) fn conv(call: &Call<'_>, activation: Activation) -> Option<Box<dyn Kernel>> {
    let pass = match call.op.name {
        "conv" => Pass::Forward,
        "conv_input_gradient" => Pass::InputGradient,
        "conv_kernel_gradient" => Pass::KernelGradient,
        _ => return None,
    };
    let result = call.infer().ok()?.swap_remove(0).shape;
    let (input, kernel) = match pass {
        Pass::Forward => (call.shape(0), call.shape(1)),
        Pass::InputGradient => (&result, call.shape(1)),
        Pass::KernelGradient => (call.shape(0), &result),
    };
    let axes = input.rank().checked_sub(2).filter(|&n| (1..=3).contains(&n))?;
    let dtype = call.dtype(0);
    if !matches!(dtype, DType::F32 | DType::F64) || result.elements() == 0 || kernel.elements() == 0 {
        return None;
    }
    let last = |values: &[usize], fill: usize| -> [usize; 3] {
        std::array::from_fn(|i| if i + axes < 3 { fill } else { values[i + axes - 3] })
    };
    let padding = call.attrs.sizes("padding").ok()?;
    let pads = std::array::from_fn(|i| {
        if i + axes < 3 { [0, 0] } else { [padding[2 * (i + axes - 3)], padding[2 * (i + axes - 3) + 1]] }
    });
    let geometry = ConvGeometry {
        batch: input[0],
        input: last(&input[1..=axes], 1),
        in_channels: input[axes + 1],
        kernel: last(&kernel[..axes], 1),
        out_channels: kernel[axes + 1],
        strides: last(&call.attrs.sizes("strides").ok()?, 1),
        dilations: last(&call.attrs.sizes("dilation").ok()?, 1),
        pads,
        groups: call.attrs.size("groups").ok()?,
    };
    Some(Box::new(Conv { pass, geometry, dtype, activation }))
}

impl Conv {
    fn scratch_elements(&self) -> usize {
        match self.pass {
            Pass::Forward => forward_scratch_len(&self.geometry),
            Pass::InputGradient => input_gradient_scratch_len(&self.geometry),
            Pass::KernelGradient => filter_gradient_scratch_len(&self.geometry),
        }
    }

    fn run_as<T: Element + Float>(&self, io: Io<'_, '_>) {
        let g = &self.geometry;
        let (a, b) = (io.input::<T>(0), io.input::<T>(1));
        let epilogue = match (self.activation.bias, self.activation.relu) {
            (false, false) => Epilogue::None,
            (true, false) => Epilogue::Bias(io.input::<T>(2)),
            (false, true) => Epilogue::Relu,
            (true, true) => Epilogue::BiasRelu(io.input::<T>(2)),
        };
        let scratch: &mut [T] = bytemuck::cast_slice_mut(&mut io.scratch[..self.scratch()]);
        let out: &mut [T] = bytemuck::cast_slice_mut(io.outputs[0]);
        match self.pass {
            Pass::Forward => forward(g, a, b, out, epilogue, scratch),
            Pass::InputGradient => input_gradient(g, a, b, out, Epilogue::None, scratch),
            Pass::KernelGradient => filter_gradient(g, a, b, out, scratch),
        }
    }
}

impl Kernel for Conv {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        match self.dtype {
            DType::F64 => self.run_as::<f64>(io),
            _ => self.run_as::<f32>(io),
        }
        Ok(())
    }

    fn scratch(&self) -> usize {
        self.scratch_elements() * self.dtype.size()
    }

    fn describe(&self) -> String {
        let g = &self.geometry;
        let Activation { bias, relu } = self.activation;
        let suffix = format!("{}{}", if bias { " +bias" } else { "" }, if relu { " +relu" } else { "" });
        format!(
            "conv {:?} {}x{:?}x{} * {:?}x{} {}{suffix}",
            self.pass, g.batch, g.input, g.in_channels, g.kernel, g.out_channels, self.dtype
        )
    }
}
