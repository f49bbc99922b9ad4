//! Random numbers: pure functions of a key.
//!
//! A key is a uint32 tensor `[2]`. Element `i` of what a key gives is Threefry-2x32 with 20 rounds (Salmon, Moraes,
//! Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011) of the key and the counter `i`, and of nothing
//! else: the same key gives the same numbers, bit for bit, on any number of threads, on any instruction set, eagerly
//! and traced. [`uniform`] gives the numbers of `jax.random.uniform`, and so of `keras.random.uniform` on JAX.
//!
//! A key is used for one draw. Further keys come from a [`SeedGenerator`], whose state is a variable that every draw
//! advances, or from [`fold_in`].
//!
//! ```
//! use cornet_ops::random;
//! use cornet_tensor::DType;
//! let x = random::uniform([2, 3], 0.0, 1.0, DType::F32, 42);
//! assert_eq!(x.to_vec::<f32>()?, random::uniform([2, 3], 0.0, 1.0, DType::F32, 42).to_vec::<f32>()?);
//! # Ok::<(), cornet_tensor::Error>(())
//! ```

mod discrete;
mod functions;
mod seed_generator;
pub(crate) mod threefry;

family! {
    random_binomial
    random_bits
    random_dropout
    random_fold_in
    random_gamma
    random_integers
    random_normal
    random_permutation
    random_truncated_normal
    random_uniform
}

use cornet_tensor::{Array, DType, Result, Shape, fail};
use smallvec::smallvec;

use crate::attrs;
use crate::core::op::{Call, Type, Types};
use crate::core::samples::{Case, Sample, exactly};

pub use discrete::{bernoulli, binomial, categorical, permutation, shuffle};
pub use functions::{beta, dropout, fold_in, gamma, normal, randint, truncated_normal, uniform};
pub use seed_generator::{Seed, SeedGenerator};

/// Fails unless input `i` is a key.
fn expect_key(call: &Call<'_>, i: usize) -> Result<()> {
    let found = &call.inputs[i];
    if *found != Type::new(DType::U32, [2]) {
        fail!(DtypeMismatch, "key: expected uint32[2], found {found}");
    }
    Ok(())
}

/// The key's words.
fn key(array: &Array) -> Result<[u32; 2]> {
    match *array.as_slice::<u32>()? {
        [a, b] => Ok([a, b]),
        _ => fail!(ShapeMismatch, "key: expected uint32[2], found {}{}", array.dtype(), array.shape()),
    }
}

/// The type of a draw: the attribute `shape` of a dtype.
fn draw_type(call: &Call<'_>, dtype: DType) -> Result<Types> {
    expect_key(call, 0)?;
    let shape = call.attrs.shape("shape")?;
    Ok(smallvec![Type::new(dtype, Shape::checked(&shape, dtype.size())?)])
}

/// float32 elements `draw(key, i)` under the attribute `shape`.
fn draw(call: &Call<'_>, x: &[Array], mut draw: impl FnMut([u32; 2], usize) -> f32) -> Result<Vec<Array>> {
    let (key, shape) = (key(&x[0])?, call.attrs.shape("shape")?);
    let values: Vec<f32> = (0..shape.elements()).map(|i| draw(key, i)).collect();
    Ok(vec![Array::from_slice(&values, shape)?])
}

/// A key, for cases.
fn a_key() -> Sample {
    exactly(Array::from_slice(&[0x1319_8a2e_u32, 7], [2]).unwrap_or_else(|_| Array::zeros(DType::U32, [2])))
}

/// Cases of draws with two parameters.
fn cases(first: (&'static str, f64), second: (&'static str, f64)) -> Vec<Case> {
    [&[] as &[usize], &[5], &[3, 70], &[40_003], &[0, 2]]
        .map(|shape| Case::new([a_key()], attrs! { shape: shape }.with(first.0, first.1).with(second.0, second.1)))
        .to_vec()
}
