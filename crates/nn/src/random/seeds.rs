//! Where seeds come from that nobody gave.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Key;

/// A source of seeds. Clones draw from the same source.
#[derive(Clone, Debug)]
pub struct Seeds(Arc<Mutex<(Key, u64)>>);

/// The source of objects that have none of their own.
static COMMON: Mutex<Option<Seeds>> = Mutex::new(None);

fn common() -> MutexGuard<'static, Option<Seeds>> {
    COMMON.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes everything random that is made from here on repeatable: Keras's `keras.utils.set_random_seed`. A model can
/// have a seed of its own instead, which other models do not disturb.
pub fn set_random_seed(seed: u64) {
    *common() = Some(Seeds::new(seed));
}

impl Seeds {
    /// A source that gives the same seeds again for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new((Key::new(seed), 0))))
    }

    /// The source of the process: repeatable after [`set_random_seed`], otherwise different in every process.
    pub fn common() -> Self {
        common().get_or_insert_with(|| Self::new(RandomState::new().hash_one("seed"))).clone()
    }

    /// The next seed.
    pub fn draw(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 += 1;
        // Below 2³¹, so that a seed survives every format.
        u64::from(state.0.block(state.1)[0] >> 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_repeats_its_seeds_and_no_seed_within() {
        let draw = |seed: u64| -> Vec<u64> {
            let seeds = Seeds::new(seed);
            (0..100).map(|_| seeds.draw()).collect()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let mut drawn = draw(3);
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 100);
    }
}
