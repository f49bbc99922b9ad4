//! Reductions over one axis of `[outer, reduced, inner]` arrays: any set of neighbouring axes collapses to that.
//!
//! Sums add in a fixed order that depends on the shape alone: sixteen lanes, blocks of them, then a balanced tree. So
//! the result has the same bits with any number of threads and on any instruction set, and an error that grows with
//! the logarithm of the length. `f16` and `bf16` accumulate in `f32`, integers wrap.

#![allow(unsafe_code)]

mod arg;
mod fold;
#[cfg(test)]
mod tests;
mod walk;

pub use arg::arg_reduce;

use crate::element::Element;
use crate::isa::Isa;
use cornet_error::{Code, Error, Result};

/// What is computed of the reduced elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Sum; 0 of nothing.
    Sum,
    /// Sum divided by the number of elements, floats only; NaN of nothing.
    Mean,
    /// Sum of squares.
    SumSquares,
    /// Product; 1 of nothing.
    Prod,
    /// Largest element, NaN if one is; the least value of the type of nothing.
    Max,
    /// Smallest element, NaN if one is; the largest value of the type of nothing.
    Min,
    /// Whether any is true, bool only.
    Any,
    /// Whether all are true, bool only.
    All,
}

impl Reduction {
    /// Every reduction.
    pub const ALL: [Reduction; 8] = [
        Reduction::Sum,
        Reduction::Mean,
        Reduction::SumSquares,
        Reduction::Prod,
        Reduction::Max,
        Reduction::Min,
        Reduction::Any,
        Reduction::All,
    ];

    /// Whether the reduction takes (and gives) this element.
    #[must_use]
    pub const fn admits(self, element: Element) -> bool {
        match self {
            Reduction::Any | Reduction::All => matches!(element, Element::Bool),
            Reduction::Mean => element.is_float(),
            _ => !matches!(element, Element::Bool),
        }
    }

    /// The lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Reduction::Sum => "sum",
            Reduction::Mean => "mean",
            Reduction::SumSquares => "sum_squares",
            Reduction::Prod => "prod",
            Reduction::Max => "max",
            Reduction::Min => "min",
            Reduction::Any => "any",
            Reduction::All => "all",
        }
    }
}

/// Sizes of an array `[outer, reduced, inner]`, dense in row-major order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extents {
    /// Product of the axes before the reduced ones.
    pub outer: usize,
    /// Product of the reduced axes.
    pub reduced: usize,
    /// Product of the axes after the reduced ones.
    pub inner: usize,
}

impl Extents {
    /// Elements of the input, unless that overflows.
    #[must_use]
    pub fn input_len(&self) -> Option<usize> {
        self.outer.checked_mul(self.reduced)?.checked_mul(self.inner).filter(|&n| n <= isize::MAX as usize / 16)
    }

    /// Elements of the output, unless that overflows.
    #[must_use]
    pub fn output_len(&self) -> Option<usize> {
        self.outer.checked_mul(self.inner).filter(|&n| n <= isize::MAX as usize / 16)
    }
}

/// `y[o, i] = reduction over r of x[o, r, i]`, both as bytes of `element` at any alignment.
///
/// # Errors
/// `dtype_mismatch` when the reduction does not admit the element; `out_of_range` when a slice is too short;
/// `limit_exceeded` when a size overflows.
pub fn reduce(reduction: Reduction, element: Element, extents: Extents, x: &[u8], y: &mut [u8]) -> Result<()> {
    reduce_with(Isa::detect(), reduction, element, extents, x, y)
}

fn reduce_with(isa: Isa, op: Reduction, element: Element, extents: Extents, x: &[u8], y: &mut [u8]) -> Result<()> {
    if !op.admits(element) {
        let message = format!("{}: element {element} is not admitted", op.name());
        return Err(Error::new(Code::DtypeMismatch, message).help("cast the operand first"));
    }
    check(op.name(), &extents, element.size(), element.size(), x, y)?;
    fold::reduce(isa, op, element, extents, x, y);
    Ok(())
}

fn check(what: &str, extents: &Extents, from: usize, to: usize, x: &[u8], y: &[u8]) -> Result<()> {
    let (Some(input), Some(output)) = (extents.input_len(), extents.output_len()) else {
        return Err(Error::new(Code::LimitExceeded, format!("{what}: {extents:?} has too many elements")));
    };
    for (name, have, need) in [("input", x.len(), input * from), ("output", y.len(), output * to)] {
        if have < need {
            let message = format!("{what}: expected at least {need} bytes of {name}, found {have}");
            return Err(Error::new(Code::OutOfRange, message));
        }
    }
    Ok(())
}
