//! SIMD kernels over slices and strides.

pub mod gemm;
pub mod isa;
mod pack;
pub mod parallel;
pub mod peak;
mod simd;
mod tile;

pub use tile::Float;
