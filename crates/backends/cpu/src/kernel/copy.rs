//! Copies through strides.

use cornet_error::Result;
use cornet_kernels::element::Element;
use cornet_kernels::pointwise::{Input, Program};
use cornet_ops::Call;
use cornet_tensor::Shape;

use super::{Fused, Io, Kernel, Layout};
use crate::lower::view;

/// A copy of what `layout` reads, of elements of `size` bytes, to a dense output.
pub(crate) fn strided_copy(layout: &Layout, size: usize) -> Result<Box<dyn Kernel>> {
    if layout.is_dense() {
        return Ok(Box::new(Move));
    }
    // Bits are moved, whatever they mean: two-byte elements as u16 and so on; 16 bytes do not occur.
    let element = match size {
        1 => Element::U8,
        2 => Element::U16,
        4 => Element::U32,
        _ => Element::U64,
    };
    let mut program = Program::new();
    let x = program.input(element);
    program.output(x);
    let shape: Shape = layout.shape.clone();
    let copy = Fused::new(&program, &shape, std::slice::from_ref(layout), "copy".into())?;
    Ok(Box::new(Strided { copy, offset: layout.offset }))
}

/// A copy through strides from an offset.
struct Strided {
    copy: Fused,
    offset: usize,
}

impl Kernel for Strided {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        let from = [Input::At(io.input::<u8>(0), self.offset)];
        self.copy.run(Io { inputs: &from, outputs: io.outputs, scratch: io.scratch })
    }

    fn describe(&self) -> String {
        self.copy.describe()
    }
}

/// The op as a copy of a view of its dense input.
pub(super) fn single(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let size = call.inputs[0].dtype.size();
    let layout = view(call, &Layout::dense(call.shape(0)))?;
    (size > 0).then(|| strided_copy(&layout, size).ok())?
}

/// A plain copy of bytes.
struct Move;

impl Kernel for Move {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        let (from, to) = (io.input::<u8>(0), &mut io.outputs[0]);
        if from.len() >= to.len() {
            let n = to.len();
            to.copy_from_slice(&from[..n]);
        }
        Ok(())
    }

    fn in_place(&self, _: usize, _: usize) -> bool {
        false
    }

    fn describe(&self) -> String {
        "move".into()
    }
}
