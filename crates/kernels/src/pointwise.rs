//! Element-wise programs: a chain of operations fused into one pass over memory.
//!
//! A [`Program`] is a straight line of operations on typed values. [`Program::plan`] binds it to an output shape and to
//! the strides of its inputs; the [`Plan`] then runs any number of times without allocating. A plan walks its outputs
//! in tiles that fit the first-level cache, in parallel over fixed ranges, so neither the fusion nor the number of
//! threads changes a bit of the result: `f16` and `bf16` values are computed in `f32` and rounded after every
//! operation, integers wrap.
//!
//! ```
//! use cornet_kernels::element::Element;
//! use cornet_kernels::pointwise::{Input, Op, Program};
//!
//! // relu(x * scale + bias), x [2, 3], bias [3]
//! let mut program = Program::new();
//! let x = program.input(Element::F32);
//! let bias = program.input(Element::F32);
//! let scale = program.constant(Element::F32, 2.0);
//! let scaled = program.push(Op::Mul, &[x, scale])?;
//! let shifted = program.push(Op::Add, &[scaled, bias])?;
//! let y = program.push(Op::Relu, &[shifted])?;
//! program.output(y);
//! let plan = program.plan(&[2, 3], &[&[3, 1], &[0, 1]])?;
//!
//! let x: Vec<u8> = [1f32, 2., 3., -1., -2., -3.].iter().flat_map(|x| x.to_ne_bytes()).collect();
//! let bias: Vec<u8> = [1f32, 1., 5.].iter().flat_map(|x| x.to_ne_bytes()).collect();
//! let mut y = vec![0u8; 24];
//! plan.run(&[Input::Bytes(&x), Input::Bytes(&bias)], &mut [&mut y])?;
//! let y: Vec<f32> = y.chunks_exact(4).map(|b| f32::from_ne_bytes(b.try_into().unwrap())).collect();
//! assert_eq!(y, [3., 5., 11., 0., 0., 0.]);
//! # Ok::<(), cornet_error::Error>(())
//! ```

mod cast;
mod chain;
mod f32_ops;
mod layout;
mod op;
mod plan;
mod program;
mod run;
mod scalar_ops;
mod scalar_types;
#[cfg(test)]
mod tests;

pub(crate) use cast::{bits_of_f64, kernel as convert};
pub(crate) use f32_ops::{kernel as f32_kernel, max_nan, min_nan};
pub use op::{Kind, Op};
pub use plan::Plan;
pub use program::{Instr, Program, Value};
pub use run::{Bytes, Input, bytes, bytes_mut};

/// A kernel over one tile: destination, up to three sources, elements.
///
/// # Safety
/// Each pointer that the operation uses is valid for that many elements of the operation's types, at any alignment. The
/// destination may equal a source whose element size is the same, and does not otherwise overlap the sources. The CPU
/// runs the instruction set that the function was compiled for.
pub(crate) type TileFn = unsafe fn(*mut u8, *const u8, *const u8, *const u8, usize);
