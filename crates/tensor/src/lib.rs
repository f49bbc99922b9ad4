//! Dtypes, shapes and host arrays: what a value is, before any operation on it.
//!
//! An [`Array`] is a dense row-major block of one [`DType`] with a [`Shape`]; cloning it shares the data.
//!
//! ```
//! use cornet_tensor::{Array, DType};
//! let a = Array::from_literal([[1_i32, 2, 3], [4, 5, 6]])?;
//! assert_eq!(a.shape().as_slice(), [2, 3]);
//! assert_eq!(a.dtype(), DType::I32);
//! assert_eq!(a.to_vec::<i32>()?, [1, 2, 3, 4, 5, 6]);
//! # Ok::<(), cornet_tensor::Error>(())
//! ```
//!
//! Arrays print as NumPy prints them (`Display` is `str`, `Debug` is `repr`), are read from and written to NumPy's
//! `.npy` and `.npz` files, and, with the feature `ndarray`, are made from and seen as that crate's arrays.

mod array;
mod buffer;
mod convert;
mod dtype;
mod element;
mod literal;
#[cfg(feature = "ndarray")]
mod ndarray;
mod npy;
mod npz;
mod print;
mod promote;
mod shape;

pub use array::Array;
pub use buffer::Buffer;
pub use cornet_error::{Code, Error, Limits, Result, err, fail};
pub use dtype::DType;
pub use element::{Element, Item};
pub use half::{bf16, f16};
pub use literal::Literal;
pub use num_complex::Complex32;
pub use promote::{Operand, result_type};
pub use shape::{Dims, Shape, strides_of};
