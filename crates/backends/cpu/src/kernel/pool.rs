//! Pooling and its gradients.

use cornet_error::Result;
use cornet_kernels::pool::{Divisor, PoolGeometry, average_forward, average_gradient, max_forward, max_gradient};
use cornet_ops::Call;
use cornet_tensor::DType;

use super::{Io, Kernel};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Max,
    MaxGradient,
    Average,
    AverageGradient,
}

struct Pool {
    pass: Pass,
    geometry: PoolGeometry,
}

/// The kernel of a pooling op over up to three axes, in float32.
pub(super) fn pool(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let pass = match call.op.name {
        "max_pool" => Pass::Max,
        "max_pool_gradient" => Pass::MaxGradient,
        "avg_pool" => Pass::Average,
        "avg_pool_gradient" => Pass::AverageGradient,
        _ => return None,
    };
    let result = call.infer().ok()?.swap_remove(0).shape;
    let input = if pass == Pass::AverageGradient { &result } else { call.shape(0) };
    let axes = input.rank().checked_sub(2).filter(|&n| (1..=3).contains(&n))?;
    if call.dtype(0) != DType::F32 || input.elements() == 0 || result.elements() == 0 {
        return None;
    }
    let last = |values: &[usize]| -> [usize; 3] {
        std::array::from_fn(|i| if i + axes < 3 { 1 } else { values[i + axes - 3] })
    };
    let padding = call.attrs.sizes("padding").ok()?;
    let pads = std::array::from_fn(|i| {
        if i + axes < 3 { [0, 0] } else { [padding[2 * (i + axes - 3)], padding[2 * (i + axes - 3) + 1]] }
    });
    let geometry = PoolGeometry {
        batch: input[0],
        input: last(&input[1..=axes]),
        channels: input[axes + 1],
        window: last(&call.attrs.sizes("size").ok()?),
        strides: last(&call.attrs.sizes("strides").ok()?),
        pads,
    };
    Some(Box::new(Pool { pass, geometry }))
}

impl Kernel for Pool {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        let (g, x) = (&self.geometry, io.input::<f32>(0));
        let dy: &[f32] = if self.pass == Pass::MaxGradient { io.input(1) } else { &[] };
        let out: &mut [f32] = bytemuck::cast_slice_mut(io.outputs[0]);
        match self.pass {
            Pass::Max => max_forward(g, x, out, f32::NEG_INFINITY),
            Pass::MaxGradient => max_gradient(g, x, dy, out),
            Pass::Average => average_forward(g, x, out, Divisor::Inside),
            Pass::AverageGradient => average_gradient(g, x, out, Divisor::Inside),
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let g = &self.geometry;
        format!("pool {:?} {}x{:?}x{} window {:?}", self.pass, g.batch, g.input, g.channels, g.window)
    }
}
