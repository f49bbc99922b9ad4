//! Random numbers: the same for the same seed, others for each node that states none.

use cornet_error::Result;
use cornet_ops::Tensor;
use cornet_ops::random as draw;
use cornet_tensor::{DType, Shape};

use super::{Entry, one};
use crate::call::Call;
use crate::element::Element;

pub(super) const OPS: &[Entry] = &[
    one("Bernoulli", bernoulli).since(15),
    one("Multinomial", multinomial),
    one("RandomNormal", |c| sized(c, normal)),
    one("RandomNormalLike", |c| like(c, normal)),
    one("RandomUniform", |c| sized(c, between)),
    one("RandomUniformLike", |c| like(c, between)),
];

/// The seed of a node: what its attribute says, else one of its own.
fn seed(call: &Call<'_>) -> Result<i64> {
    Ok(match call.attribute("seed") {
        Some(crate::proto::Attribute::Int(seed)) => *seed,
        Some(crate::proto::Attribute::Float(seed)) => i64::from(seed.to_bits()),
        _ => i64::from(call.context.draw()) | 1 << 40,
    })
}

/// Numbers from `low` to `high`.
pub(super) fn uniform(call: &Call<'_>, shape: &Shape, low: f64, high: f64, dtype: DType) -> Result<Tensor> {
    Ok(draw::uniform(shape, low, high, dtype, seed(call)?))
}

type Draw = fn(&Call<'_>, &Shape, DType) -> Result<Tensor>;

fn normal(call: &Call<'_>, shape: &Shape, dtype: DType) -> Result<Tensor> {
    Ok(draw::normal(shape, call.float_or("mean", 0.0)?, call.float_or("scale", 1.0)?, dtype, seed(call)?))
}

fn between(call: &Call<'_>, shape: &Shape, dtype: DType) -> Result<Tensor> {
    uniform(call, shape, call.float_or("low", 0.0)?, call.float_or("high", 1.0)?, dtype)
}

fn sized(call: &Call<'_>, draw: Draw) -> Result<Tensor> {
    let dtype = Element::of(call.int_or("dtype", 1)?).dtype()?;
    let shape = call.admit_ints(call.ints("shape")?.unwrap_or_default(), dtype)?;
    draw(call, &shape, dtype)
}

fn like(call: &Call<'_>, draw: Draw) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let stated = call.int("dtype")?.map(|code| Element::of(code).dtype()).transpose()?;
    let own = x.dtype()?;
    let dtype = stated.unwrap_or(if own.is_float() { own } else { DType::F32 });
    draw(call, &x.shape()?, dtype)
}

fn bernoulli(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let dtype = call.int("dtype")?.map_or(x.dtype(), |code| Element::of(code).dtype())?;
    let draws = uniform(call, &x.shape()?, 0.0, 1.0, DType::F64)?;
    Ok(draws.less(x.cast(DType::F64)).cast(dtype))
}

fn multinomial(call: &Call<'_>) -> Result<Tensor> {
    let samples = usize::try_from(call.int_or("sample_size", 1)?).unwrap_or(0);
    let dtype = Element::of(call.int_or("dtype", 6)?).dtype()?;
    let logits = call.tensor(0)?;
    call.admit(&[logits.shape()?.first().copied().unwrap_or(1), samples], dtype)?;
    Ok(draw::categorical(logits, samples, dtype, seed(call)?))
}
