//! Where keys come from: seeds, keys themselves, and generators that never give the same one twice.

use crate::core::prelude::*;
use crate::core::variable::Variable;

/// What a draw depends on: a key, a fixed number, or a generator that is advanced.
#[derive(Clone)]
pub struct Seed(Tensor);

impl Seed {
    /// The key.
    pub fn key(&self) -> &Tensor {
        &self.0
    }
}

macro_rules! seeds {
    ($($t:ty)+) => { $(impl From<$t> for Seed {
        /// The key `[seed, 0]`, from the seed's lower 32 bits, as `keras.random` makes it.
        fn from(seed: $t) -> Seed {
            Seed(Tensor::of([seed as u32, 0]))
        }
    })+ };
}
seeds!(i32 u32 i64 u64);

impl From<&Tensor> for Seed {
    /// The tensor is the key.
    fn from(key: &Tensor) -> Seed {
        Seed(key.clone())
    }
}

impl From<Tensor> for Seed {
    /// The tensor is the key.
    fn from(key: Tensor) -> Seed {
        Seed(key)
    }
}

impl From<&SeedGenerator> for Seed {
    /// The generator's next key.
    #[track_caller]
    fn from(generator: &SeedGenerator) -> Seed {
        Seed(generator.next_key())
    }
}

/// Gives another key at every draw: its state is a variable `[seed, count]` whose count is incremented, in traced
/// functions too, where each run then draws anew.
///
/// # Source
/// Keras 3 `keras.random.SeedGenerator`, whose variable and numbers of keys these are.
///
/// ```
/// use cornet_ops::random::{self, SeedGenerator};
/// use cornet_tensor::DType;
/// let seeds = SeedGenerator::new(1337)?;
/// let a = random::normal([3], 0.0, 1.0, DType::F32, &seeds);
/// let b = random::normal([3], 0.0, 1.0, DType::F32, &seeds);
/// assert_ne!(a.to_vec::<f32>()?, b.to_vec::<f32>()?);
/// assert_eq!(seeds.state().read().to_vec::<u32>()?, [1337, 2]);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SeedGenerator {
    seed: i64,
    state: Variable,
}

impl SeedGenerator {
    /// A generator whose state starts at `[seed, 0]`, of the seed's lower 32 bits.
    ///
    /// # Errors
    /// `not_traced` inside a traced function, where no variable can be made.
    pub fn new(seed: i64) -> Result<Self> {
        let start = Array::from_slice(&[seed as u32, 0], [2])?;
        Ok(Self { seed, state: Variable::non_trainable("seed_generator_state", start)? })
    }

    /// A generator of a seed that differs from run to run.
    ///
    /// # Errors
    /// As [`SeedGenerator::new`].
    pub fn from_entropy() -> Result<Self> {
        use std::hash::{BuildHasher, Hasher};
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        Self::new(1 + (random % 1_000_000_000) as i64)
    }

    /// The seed it was made with.
    pub fn seed(&self) -> i64 {
        self.seed
    }

    /// The variable `[seed, count]`, uint32.
    pub fn state(&self) -> &Variable {
        &self.state
    }

    /// The key that is the state now; the count is then incremented.
    #[track_caller]
    pub fn next_key(&self) -> Tensor {
        Tensor::lift(|| {
            let key = self.state.read();
            self.state.assign(&(&key + Tensor::of([0_u32, 1])))?;
            Ok(key)
        })
    }
}
