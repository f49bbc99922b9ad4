//! The layers that others are made of.

mod dense;
mod einsum_dense;
mod einsum_spec;
mod embedding;
mod input_layer;
mod reversible_embedding;

pub use dense::Dense;
pub use einsum_dense::EinsumDense;
pub use embedding::Embedding;
pub use input_layer::{Input, InputLayer};
pub use reversible_embedding::ReversibleEmbedding;
