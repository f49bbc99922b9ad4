//! What the op suite samples: shapes, domains and static arguments.

use cornet_tensor::{Array, DType};

use super::attrs::Attrs;

/// How an op's inputs are sampled.
#[derive(Clone, Copy)]
pub enum Cases {
    /// Not sampled by the suite; another test covers the op, and `doc` of the suite's exception list says which.
    None,
    /// An element-wise op: each input's domain. Shapes are the suite's: scalar, vector, matrix, empty, and broadcast
    /// against each other.
    Point(&'static [(f64, f64)]),
    /// Cases of its own.
    Of(fn() -> Vec<Case>),
}

/// Inputs and static arguments of one call.
#[derive(Clone)]
pub struct Case {
    /// The inputs.
    pub inputs: Vec<Sample>,
    /// The static arguments.
    pub attrs: Attrs,
    /// Whether the gradient is compared with central differences here.
    pub differentiable: bool,
}

/// One sampled input.
#[derive(Clone)]
pub enum Sample {
    /// Of the dtype under test, uniform between the bounds.
    Any {
        /// The shape.
        shape: Vec<usize>,
        /// Least value.
        low: f64,
        /// Greatest value.
        high: f64,
    },
    /// Of the dtype under test, all values different by at least 0.1 or so (for sorting and maxima).
    Distinct {
        /// The shape.
        shape: Vec<usize>,
    },
    /// Of the dtype under test: a well-conditioned symmetric positive definite matrix, batched.
    Definite {
        /// The shape; the last two axes are equal.
        shape: Vec<usize>,
    },
    /// Integers of one dtype, from `low` to below `high`.
    Ints {
        /// The dtype.
        dtype: DType,
        /// The shape.
        shape: Vec<usize>,
        /// Least value.
        low: i64,
        /// One past the greatest value.
        high: i64,
    },
    /// Exactly this.
    Exactly(Array),
}

impl Case {
    /// A case whose gradient is checked too, if the op has one.
    pub fn new(inputs: impl Into<Vec<Sample>>, attrs: Attrs) -> Self {
        Self { inputs: inputs.into(), attrs, differentiable: true }
    }

    /// The same without a check of the gradient (a kink, or a shape of no elements).
    #[must_use]
    pub fn without_gradient(mut self) -> Self {
        self.differentiable = false;
        self
    }
}

/// Values of the dtype under test between -2 and 2.
pub fn any(shape: &[usize]) -> Sample {
    between(shape, -2.0, 2.0)
}

/// Values of the dtype under test between bounds.
pub fn between(shape: &[usize], low: f64, high: f64) -> Sample {
    Sample::Any { shape: shape.to_vec(), low, high }
}

/// Distinct values of the dtype under test.
pub fn distinct(shape: &[usize]) -> Sample {
    Sample::Distinct { shape: shape.to_vec() }
}

/// Symmetric positive definite matrices of the dtype under test.
pub fn definite(shape: &[usize]) -> Sample {
    Sample::Definite { shape: shape.to_vec() }
}

/// int32 values from `low` to below `high`.
pub fn ints(shape: &[usize], low: i64, high: i64) -> Sample {
    Sample::Ints { dtype: DType::I32, shape: shape.to_vec(), low, high }
}

/// Exactly `array`.
pub fn exactly(array: Array) -> Sample {
    Sample::Exactly(array)
}
