//! Shapes and moves: nothing here computes, except on indices.

mod axes;
mod combine;
mod create;
mod divide;
mod matrices;
mod repeat;
mod sequences;

family! {
    broadcast_to
    cast
    concat
    dynamic_slice
    dynamic_update_slice
    flip
    iota
    pad
    reshape
    slice
    stop_gradient
    transpose
}

pub use divide::Sections;
pub use pad::PadMode;
pub use sequences::Spacing;

use cornet_tensor::{Array, DType, Result, Shape};

use crate::core::point::for_each_index;

/// The array of shape `to` whose element at each index is `x`'s element at the flat position that `from` answers:
/// the reference of everything that only moves elements.
pub(crate) fn pick(x: &Array, to: &Shape, mut from: impl FnMut(&[usize]) -> usize) -> Result<Array> {
    if x.dtype() == DType::Str {
        let source = x.strings()?;
        let mut out = Vec::with_capacity(to.elements());
        for_each_index(to, |index| out.push(source[from(index)].clone()));
        return Array::from_strings(out, to);
    }
    let (size, source) = (x.dtype().size(), x.bytes());
    let mut out = Vec::with_capacity(to.elements() * size);
    for_each_index(to, |index| {
        let at = from(index) * size;
        out.extend_from_slice(&source[at..at + size]);
    });
    Array::from_bytes(x.dtype(), to, &out)
}
