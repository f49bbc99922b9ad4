//! Merging layers as functions of symbols: `add([&a, &b])` is `Add::new().on([&a, &b])`.

use super::{Add, Average, Concatenate, Dot, DotAxes, Maximum, Minimum, Multiply, Subtract};
use crate::models::{Symbol, Symbolic, Symbols};

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $class:ident)+) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(inputs: impl Into<Symbols>) -> Symbol {
            $class::new().on(inputs)
        }
    )+};
}

functions! {
    /// The sum of the inputs: [`Add`].
    add = Add
    /// The mean of the inputs: [`Average`].
    average = Average
    /// The greatest of the inputs: [`Maximum`].
    maximum = Maximum
    /// The least of the inputs: [`Minimum`].
    minimum = Minimum
    /// The product of the inputs: [`Multiply`].
    multiply = Multiply
    /// The first input less the second: [`Subtract`].
    subtract = Subtract
}

/// The inputs behind each other along an axis: [`Concatenate`].
#[track_caller]
pub fn concatenate(inputs: impl Into<Symbols>, axis: isize) -> Symbol {
    Concatenate::new().axis(axis).on(inputs)
}

/// The products of two inputs, summed over an axis of each: [`Dot`].
///
/// ```
/// use cornet_nn::layers::{Input, add, concatenate, dot};
/// let (a, b) = (Input::new([4]).symbol(), Input::new([4]).symbol());
/// assert_eq!(dot([&a, &b], -1).shape()?.to_string(), "(None, 1)");
/// assert_eq!(concatenate([&add([&a, &b]), &b], -1).shape()?.to_string(), "(None, 8)");
/// # Ok::<(), cornet_error::Error>(())
/// ```
#[track_caller]
pub fn dot(inputs: impl Into<Symbols>, axes: impl Into<DotAxes>) -> Symbol {
    Dot::new(axes).on(inputs)
}
