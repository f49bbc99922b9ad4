//! SIMD kernels over slices and strides.

pub mod isa;
pub mod parallel;
