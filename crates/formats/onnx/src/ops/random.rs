//! Random numbers: the same for the same seed; others for each node and each run where none is stated.

use std::sync::atomic::{AtomicI64, Ordering};

use cornet_error::{Result, fail};
use cornet_ops::Tensor;
use cornet_ops::random as draw;
use cornet_tensor::{Array, DType, Shape};

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

/// The seed that a node states.
fn stated(call: &Call<'_>) -> Option<i64> {
    match call.attribute("seed") {
        Some(crate::proto::Attribute::Int(seed)) => Some(*seed),
        Some(crate::proto::Attribute::Float(seed)) if seed.fract() == 0.0 => Some(*seed as i64),
        Some(crate::proto::Attribute::Float(seed)) => Some(i64::from(seed.to_bits())),
        _ => None,
    }
}

/// The seed of a node, or one of its own for this run. A graph would draw the same numbers in every run.
fn seed(call: &Call<'_>) -> Result<i64> {
    static DRAWS: AtomicI64 = AtomicI64::new(0);
    match stated(call) {
        Some(seed) => Ok(seed),
        None if cornet_ops::is_tracing() => fail!(NotTraced, "random numbers without a seed differ from run to run"),
        None => Ok(DRAWS.fetch_add(1, Ordering::Relaxed) | 1 << 40),
    }
}

/// Numbers from `low` to `high`.
fn uniform(call: &Call<'_>, shape: &Shape, low: f64, high: f64, dtype: DType) -> Result<Tensor> {
    Ok(draw::uniform(shape, low, high, dtype, seed(call)?))
}

/// Which elements dropout keeps: with a seed those that the format's reference keeps, whose numbers are NumPy's.
pub(super) fn kept(call: &Call<'_>, shape: &Shape, ratio: f64) -> Result<Tensor> {
    match stated(call).and_then(|seed| u32::try_from(seed).ok()) {
        Some(seed) => {
            call.admit(shape, DType::F64)?;
            let mut numbers = Mersenne::new(seed);
            let kept: Vec<bool> = (0..shape.elements()).map(|_| numbers.uniform() >= ratio).collect();
            Ok(Array::from_vec(kept, shape)?.into())
        }
        None => Ok(uniform(call, shape, 0.0, 1.0, DType::F32)?.greater_equal(ratio)),
    }
}

/// MT19937: Matsumoto and Nishimura, 1998, with the seeding of 2002.
struct Mersenne {
    state: Vec<u32>,
    at: usize,
}

impl Mersenne {
    const SIZE: usize = 624;

    fn new(seed: u32) -> Self {
        let mut state = vec![seed];
        for i in 1..Self::SIZE {
            let last = state[i - 1];
            state.push(1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32));
        }
        Self { state, at: Self::SIZE }
    }

    fn next(&mut self) -> u32 {
        if self.at == Self::SIZE {
            for i in 0..Self::SIZE {
                let joined = self.state[i] & 0x8000_0000 | self.state[(i + 1) % Self::SIZE] & 0x7fff_ffff;
                let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + 397) % Self::SIZE] ^ (joined >> 1) ^ odd;
            }
            self.at = 0;
        }
        let mut x = self.state[self.at];
        self.at += 1;
        x ^= x >> 11;
        x ^= x << 7 & 0x9d2c_5680;
        x ^= x << 15 & 0xefc6_0000;
        x ^ (x >> 18)
    }

    /// A number of 53 bits from 0 to 1.
    fn uniform(&mut self) -> f64 {
        let (high, low) = (self.next() >> 5, self.next() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_numbers_are_those_of_the_reference() {
        // numpy.random.RandomState(5489).randint's source: the first output of mt19937ar.c is 3499211612.
        assert_eq!(Mersenne::new(5489).next(), 3_499_211_612);
        // numpy.random.RandomState(0).uniform() is 0.5488135039273248.
        assert_eq!(Mersenne::new(0).uniform(), 0.548_813_503_927_324_8);
    }
}
