//! Shapes and moves: nothing here computes, except on indices.

mod axes;
mod combine;
mod create;
mod divide;
mod matrices;
mod rearrange;
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
pub(crate) fn pick(x: &Array, to: &Shape, from: impl FnMut(&[usize]) -> usize) -> Result<Array> {
    pick_runs(x, to, to.rank(), from)
}

/// The same in runs of neighbours: `from` answers, for each index of the first `outer` axes of `to`, where in `x` the
/// elements of the other axes begin, which lie there one after the other.
pub(crate) fn pick_runs(x: &Array, to: &Shape, outer: usize, mut from: impl FnMut(&[usize]) -> usize) -> Result<Array> {
    let run: usize = to[outer..].iter().product();
    if to.elements() == 0 {
        return Ok(Array::zeros(x.dtype(), to));
    }
    if x.dtype() == DType::Str {
        let source = x.strings()?;
        let mut out = Vec::with_capacity(to.elements());
        for_each_index(&to[..outer], |index| out.extend_from_slice(&source[from(index)..][..run]));
        return Array::from_strings(out, to);
    }
    let (size, source) = (x.dtype().size(), x.bytes());
    let mut out = Vec::with_capacity(to.elements() * size);
    for_each_index(&to[..outer], |index| out.extend_from_slice(&source[from(index) * size..][..run * size]));
    Array::from_bytes(x.dtype(), to, &out)
}

/// How many axes stand before those that a run may cover: the last axes, each taken whole but for the first of them,
/// which may be a part; `whole(a)` says whether axis `a` is whole, `part(a)` whether it is a run at least.
pub(crate) fn run_axes(rank: usize, whole: impl Fn(usize) -> bool, part: impl Fn(usize) -> bool) -> usize {
    let mut outer = rank;
    while outer > 0 && part(outer - 1) {
        outer -= 1;
        if !whole(outer) {
            break;
        }
    }
    outer
}
