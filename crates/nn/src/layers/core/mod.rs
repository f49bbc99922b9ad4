//! The layers that others are made of.

mod closure;
mod dense;
mod einsum_dense;
mod einsum_spec;
mod embedding;
mod identity;
mod input_layer;
mod masking;
mod reversible_embedding;
mod wrapper;

pub use closure::Closure;
pub use dense::Dense;
pub use einsum_dense::EinsumDense;
pub use embedding::Embedding;
pub use identity::Identity;
pub use input_layer::{Input, InputLayer};
pub use masking::Masking;
pub use reversible_embedding::ReversibleEmbedding;
pub use wrapper::Wrapper;
