//! Random numbers from keys.

use cornet_error::Result;
use cornet_kernels::random::{
    Key, dropout, fill_bits, fill_integers, fill_normal, fill_truncated_normal, fill_uniform,
};
use cornet_ops::Call;
use cornet_tensor::DType;

use super::{Io, Kernel};

enum Draw {
    Bits,
    Uniform(f32, f32),
    Normal(f32, f32),
    TruncatedNormal(f32, f32),
    Integers(i64, i64),
    Dropout(f32),
}

struct Random {
    draw: Draw,
    name: &'static str,
}

/// The kernel of a draw.
pub(super) fn random(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let float = |name: &str| Some(call.attrs.float(name).ok()? as f32);
    let draw = match call.op.name {
        "random_bits" => Draw::Bits,
        "random_uniform" => Draw::Uniform(float("low")?, float("high")?),
        "random_normal" => Draw::Normal(float("mean")?, float("stddev")?),
        "random_truncated_normal" => Draw::TruncatedNormal(float("mean")?, float("stddev")?),
        "random_integers" => Draw::Integers(call.attrs.int("low").ok()?, call.attrs.int("high").ok()?),
        "random_dropout" if call.dtype(0) == DType::F32 => Draw::Dropout(float("rate")?),
        _ => return None,
    };
    Some(Box::new(Random { draw, name: call.op.name }))
}

impl Kernel for Random {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        let at = usize::from(matches!(self.draw, Draw::Dropout(_)));
        let key = io.input::<u32>(at);
        let key = Key([key[0], key[1]]);
        match self.draw {
            Draw::Bits => fill_bits(key, 0, bytemuck::cast_slice_mut(io.outputs[0])),
            Draw::Uniform(low, high) => fill_uniform(key, 0, low, high, bytemuck::cast_slice_mut(io.outputs[0])),
            Draw::Normal(mean, dev) => fill_normal(key, 0, mean, dev, bytemuck::cast_slice_mut(io.outputs[0])),
            Draw::TruncatedNormal(mean, dev) => {
                fill_truncated_normal(key, 0, mean, dev, bytemuck::cast_slice_mut(io.outputs[0]));
            }
            Draw::Integers(low, high) => fill_integers(key, 0, low, high, bytemuck::cast_slice_mut(io.outputs[0])),
            Draw::Dropout(rate) => {
                let x = io.input::<f32>(0);
                dropout(key, 0, rate, Some(x), bytemuck::cast_slice_mut(io.outputs[0]));
            }
        }
        Ok(())
    }

    fn describe(&self) -> String {
        self.name.to_string()
    }
}
