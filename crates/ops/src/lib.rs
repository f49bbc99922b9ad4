//! Ops: what each computes, its types, its derivative and its slow reference; and the [`Tensor`] that applies them.
//!
//! An op is one file and one line: the file states the [`Op`] and the tensor's method, the line enters it in its
//! family's list. Few ops are primitive; most functions are composites, written with `Tensor`'s methods alone.

#[macro_use]
mod family;
mod arithmetic;
pub mod core;

pub mod bits;
pub mod compare;
pub mod control;
pub mod fft;
pub mod image;
pub mod index;
pub mod linalg;
pub mod logic;
pub mod math;
pub mod nn;
pub mod random;
pub mod reduce;
pub mod shape;
pub mod sort;
pub mod string;
pub mod suite;

pub use arithmetic::Arg;
pub use core::attrs::{Attr, Attrs};
pub use core::backend::{
    Backend, Executable, ReferenceBackend, Registered, backend, backends, run_reference, with_backend,
};
pub use core::dispatch::{call, call_n, call1};
pub use core::grad::{Cotangents, Grad, Gradient};
pub use core::graph::{Graph, Input, Node, Output, Update, ValueId};
pub use core::op::{Call, DTypes, Op, Reference, Type, Types};
pub use core::samples::{Case, Cases, Sample};
pub use core::tape::{CustomRule, GradientTape, Source, custom_gradient, is_recorded, is_recording, without_tapes};
pub use core::tensor::Tensor;
pub use core::trace::{OpenGraph, Traced, current_scope, is_tracing, scope, trace};
pub use core::variable::Variable;
pub use index::{Ellipsis, Index, NewAxis, ScatterMode, Slot};
pub use shape::{PadMode, Sections, Spacing};
pub use sort::Unique;

/// Every op, by family.
pub static FAMILIES: &[(&str, &[&Op])] = &[
    ("core", &[&core::constant::OP]),
    ("bits", bits::OPS),
    ("compare", compare::OPS),
    ("fft", fft::OPS),
    ("control", control::OPS),
    ("index", index::OPS),
    ("linalg", linalg::OPS),
    ("logic", logic::OPS),
    ("math", math::OPS),
    ("nn", nn::OPS),
    ("random", random::OPS),
    ("reduce", reduce::OPS),
    ("shape", shape::OPS),
    ("sort", sort::OPS),
    ("string", string::OPS),
];

/// Every op.
pub fn all() -> impl Iterator<Item = &'static Op> {
    FAMILIES.iter().flat_map(|(_, ops)| ops.iter().copied())
}

/// The op of that name.
pub fn find(name: &str) -> Option<&'static Op> {
    all().find(|op| op.name == name)
}
