//! Random numbers: of TensorFlow's distributions, with other draws.

use cornet_error::{Code, Result, fail};
use cornet_ops::{Tensor, random};
use cornet_tensor::{Array, DType};

use super::{Family, many, one};
use crate::interpret::{Call, sizes};
use crate::value::{Value, not_traced};

pub(super) static OPS: Family = &[
    ("Multinomial", |c| categorical(c, key(c)?)),
    ("RandomGamma", |c| {
        let (shape, alpha) = (c.sizes(0)?, c.x(1)?);
        let shape: Vec<usize> = shape.into_iter().chain(alpha.shape()?.iter().copied()).collect();
        one(random::gamma(shape, &alpha, alpha.dtype()?, key(c)?))
    }),
    ("RandomShuffle", |c| one(random::shuffle(&c.x(0)?, 0, key(c)?))),
    ("RandomStandardNormal", |c| normal(c, key(c)?)),
    ("RandomUniform", |c| uniform(c, key(c)?)),
    ("RandomUniformInt", |c| integers(c, 0, c.int(1)?, c.int(2)?, key(c)?)),
    ("StatelessMultinomial", |c| categorical(c, seed(c, 2)?)),
    ("StatelessRandomGammaV2", |c| gamma(c, seed(c, 1)?, 2)),
    ("StatelessRandomGammaV3", |c| gamma(c, seed(c, 1)?, 4)),
    ("StatelessRandomGetAlg", |_| one(Array::scalar(1_i32).into())),
    ("StatelessRandomGetKeyCounter", |c| key_counter(c)),
    ("StatelessRandomGetKeyCounterAlg", |c| {
        let mut found = key_counter(c)?;
        found.push(Tensor::from(Array::scalar(1_i32)).into());
        Ok(found)
    }),
    ("StatelessRandomNormal", |c| normal(c, seed(c, 1)?)),
    ("StatelessRandomNormalV2", |c| normal(c, seed(c, 1)?)),
    ("StatelessRandomUniform", |c| uniform(c, seed(c, 1)?)),
    ("StatelessRandomUniformInt", |c| integers(c, 0, c.int(2)?, c.int(3)?, seed(c, 1)?)),
    ("StatelessRandomUniformIntV2", |c| integers(c, 0, c.int(4)?, c.int(5)?, seed(c, 1)?)),
    ("StatelessRandomUniformV2", |c| uniform(c, seed(c, 1)?)),
    ("StatelessShuffle", |c| one(random::shuffle(&c.x(0)?, 0, seed(c, 1)?))),
    ("StatelessTruncatedNormal", |c| truncated(c, seed(c, 1)?)),
    ("StatelessTruncatedNormalV2", |c| truncated(c, seed(c, 1)?)),
    ("TruncatedNormal", |c| truncated(c, key(c)?)),
];

/// A key that no other call gets.
fn key(call: &Call<'_, '_>) -> Result<Tensor> {
    let key = call.run.machine.seeds.next_key();
    match key.error() {
        Some(error) if error.code() == Code::Unsupported => {
            Err(not_traced("random numbers are drawn in a branch or a loop"))
        }
        Some(error) => Err(error.clone()),
        None => Ok(key),
    }
}

/// The key of a seed of one or two numbers.
fn seed(call: &Call<'_, '_>, i: usize) -> Result<Tensor> {
    let x = call.x(i)?;
    let n = x.shape()?.elements();
    let x = x.reshape([n]);
    let words = x.cast(DType::U32);
    Ok(match n {
        0 => fail!(InvalidArgument, "expected a seed of two numbers, found none"),
        1 => Tensor::concat(&[&words, &x.right_shift(32).cast(DType::U32)], 0),
        _ => words.slice(&[0], &[2]),
    })
}

fn key_counter(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let x = call.x(0)?.cast(DType::U64);
    let whole = &x.slice(&[0], &[1]) + x.slice(&[1], &[1]).left_shift(32);
    many([whole, Array::try_zeros(DType::U64, [2])?.into()])
}

fn uniform(call: &Call<'_, '_>, key: Tensor) -> Result<Vec<Value>> {
    one(random::uniform(call.sizes(0)?, 0.0, 1.0, call.attr_dtype_or("dtype", DType::F32)?, key))
}

fn normal(call: &Call<'_, '_>, key: Tensor) -> Result<Vec<Value>> {
    one(random::normal(call.sizes(0)?, 0.0, 1.0, call.attr_dtype_or("dtype", DType::F32)?, key))
}

fn truncated(call: &Call<'_, '_>, key: Tensor) -> Result<Vec<Value>> {
    one(random::truncated_normal(call.sizes(0)?, 0.0, 1.0, call.attr_dtype_or("dtype", DType::F32)?, key))
}

/// Of the whole shape, which ends in that of alpha.
fn gamma(call: &Call<'_, '_>, key: Tensor, alpha: usize) -> Result<Vec<Value>> {
    let alpha = call.x(alpha)?;
    one(random::gamma(call.sizes(0)?, &alpha, alpha.dtype()?, key))
}

fn integers(call: &Call<'_, '_>, shape: usize, low: i64, high: i64, key: Tensor) -> Result<Vec<Value>> {
    let dtype = match call.attr_dtype("Tout") {
        Ok(dtype) => dtype,
        Err(_) => call.attr_dtype_or("dtype", DType::I32)?,
    };
    one(random::randint(call.sizes(shape)?, low, high, dtype, key))
}

fn categorical(call: &Call<'_, '_>, key: Tensor) -> Result<Vec<Value>> {
    let count = sizes(&[call.int(1)?])?[0];
    one(random::categorical(&call.x(0)?, count, call.attr_dtype_or("output_dtype", DType::I64)?, key))
}
