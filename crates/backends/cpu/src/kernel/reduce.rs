//! Reductions over axes.

use cornet_error::Result;
use cornet_kernels::element::Element;
use cornet_kernels::reduce::{Extents, Reduction, arg_reduce, reduce};
use cornet_ops::Call;
use cornet_tensor::DType;

use super::{Io, Kernel, element};

/// Reductions over neighbouring axes, one after the other: axes apart from each other take one stage each.
struct Reduce {
    reduction: Reduction,
    element: Element,
    stages: Vec<Extents>,
    name: &'static str,
}

/// The kernel of a reduction with attributes `axes` and `keepdims`.
pub(super) fn reduction(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let reduction = match call.op.name {
        "sum" => Reduction::Sum,
        "prod" => Reduction::Prod,
        "max" => Reduction::Max,
        "min" => Reduction::Min,
        "any" => Reduction::Any,
        "all" => Reduction::All,
        _ => return None,
    };
    let element = element(call.dtype(0))?;
    let axes = call.attrs.sizes("axes").ok()?;
    // Half precision is rounded once, after the last stage; several stages would round more often.
    let stages = stages(call.shape(0), &axes);
    if !reduction.admits(element) || stages.is_empty() || stages.len() > 1 && element.is_half() {
        return None;
    }
    Some(Box::new(Reduce { reduction, element, stages, name: call.op.name }))
}

/// One stage for each run of neighbouring axes, the last run first.
fn stages(shape: &[usize], axes: &[usize]) -> Vec<Extents> {
    let mut sizes = shape.to_vec();
    let mut stages = Vec::new();
    let mut axis = shape.len();
    while axis > 0 {
        if !axes.contains(&(axis - 1)) {
            axis -= 1;
            continue;
        }
        let end = axis;
        while axis > 0 && axes.contains(&(axis - 1)) {
            axis -= 1;
        }
        let product = |part: &[usize]| part.iter().product();
        stages.push(Extents {
            outer: product(&sizes[..axis]),
            reduced: product(&sizes[axis..end]),
            inner: product(&sizes[end..]),
        });
        sizes[axis..end].fill(1);
    }
    stages
}

impl Reduce {
    /// Bytes of the result of stage `i`.
    fn stage_bytes(&self, i: usize) -> usize {
        (self.stages[i].outer * self.stages[i].inner * self.element.size()).next_multiple_of(64)
    }
}

impl Kernel for Reduce {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        let x = io.input::<u8>(0);
        let last = self.stages.len() - 1;
        if last == 0 {
            return reduce(self.reduction, self.element, self.stages[0], x, io.outputs[0]);
        }
        let (mut from, mut rest) = io.scratch.split_at_mut(self.stage_bytes(0));
        reduce(self.reduction, self.element, self.stages[0], x, from)?;
        for i in 1..last {
            let (to, after) = rest.split_at_mut(self.stage_bytes(i));
            reduce(self.reduction, self.element, self.stages[i], from, to)?;
            (from, rest) = (to, after);
        }
        reduce(self.reduction, self.element, self.stages[last], from, io.outputs[0])
    }

    fn scratch(&self) -> usize {
        (0..self.stages.len() - 1).map(|i| self.stage_bytes(i)).sum()
    }

    fn describe(&self) -> String {
        let first = self.stages[0];
        format!("{} {} [{}, {}, {}]", self.name, self.element, first.outer, first.reduced, first.inner)
    }
}

/// The position of the greatest or least element.
struct ArgReduce {
    largest: bool,
    element: Element,
    index: Element,
    extents: Extents,
}

/// The kernel of `argmax` and `argmin`, with attribute `axis`.
pub(super) fn arg_reduction(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let element = element(call.dtype(0)).filter(|&e| e != Element::Bool)?;
    let result = call.infer().ok()?.swap_remove(0);
    let index = match result.dtype {
        DType::I32 => Element::I32,
        DType::I64 => Element::I64,
        _ => return None,
    };
    let axis = call.attrs.size("axis").ok()?;
    let shape = call.shape(0);
    let extents = Extents {
        outer: shape[..axis].iter().product(),
        reduced: shape[axis],
        inner: shape[axis + 1..].iter().product(),
    };
    Some(Box::new(ArgReduce { largest: call.op.name == "argmax", element, index, extents }))
}

impl Kernel for ArgReduce {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        arg_reduce(self.largest, self.element, self.extents, self.index, io.input::<u8>(0), io.outputs[0])
    }

    fn describe(&self) -> String {
        format!("{} {}", if self.largest { "argmax" } else { "argmin" }, self.element)
    }
}
