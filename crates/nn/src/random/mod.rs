//! Seeds, and random orders. Random tensors are `cornet_ops::random`'s.
//!
//! Numbers are counter-based: element `i` of a stream depends on its key and on `i` alone.

mod order;
mod seeds;

pub use order::{Key, permutation};
pub use seeds::{Seeds, set_random_seed};
