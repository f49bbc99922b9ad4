//! Copies between strided layouts: transposes, slices, concatenation, padding, broadcasting; rows picked by index.

#![allow(unsafe_code)]

mod gather;
mod strided;
#[cfg(test)]
mod tests;

pub use gather::{Indices, gather_rows, scatter_add_rows};
pub use strided::{StridedCopy, dense_strides, fill};
