//! SIMD kernels over slices and strides.

pub mod conv;
pub mod copy;
pub mod denormals;
pub mod element;
pub mod gemm;
pub mod isa;
pub mod lanes;
pub mod optim;
mod pack;
pub mod parallel;
pub mod peak;
pub mod pointwise;
pub mod pool;
mod simd;
mod special;
mod tile;
pub mod vmath;

pub use tile::Float;
pub mod random;
pub mod reduce;
pub mod rows;
mod shared;
