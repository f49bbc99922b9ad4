//! Attention.

#[allow(clippy::module_inception)]
mod attention;
mod grouped_query_attention;
mod heads;
mod multi_head_attention;

pub use attention::{AdditiveAttention, Attention, ScoreMode};
pub use grouped_query_attention::GroupQueryAttention;
pub use multi_head_attention::MultiHeadAttention;
