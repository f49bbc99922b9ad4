//! SIMD kernels over slices and strides.
