//! What an optimizer keeps for each weight.

use cornet_error::Result;
use cornet_ops::{Tensor, Variable};
use cornet_tensor::{Array, DType, Shape};
use smallvec::SmallVec;

use crate::layers::Weight;

/// The kinds of state that are made together: weight by weight, and for each weight kind by kind.
pub type SlotGroup = SmallVec<[Slot; 3]>;

/// One kind of state of a weight: a variable of the weight's shape and dtype that starts with zeros, if not said
/// otherwise.
#[derive(Clone, Debug)]
pub struct Slot {
    kind: &'static str,
    shape: Option<Shape>,
    dtype: Option<DType>,
    start: Start,
}

#[derive(Clone, Copy, Debug)]
enum Start {
    Value(f64),
    Weight,
}

impl Slot {
    /// State of this kind, such as `momentum`.
    pub fn new(kind: &'static str) -> Self {
        Self { kind, shape: None, dtype: None, start: Start::Value(0.0) }
    }

    /// Several kinds.
    pub fn each<const N: usize>(kinds: [&'static str; N]) -> SlotGroup {
        kinds.into_iter().map(Self::new).collect()
    }

    /// That starts with this value everywhere.
    #[must_use]
    pub fn from_value(mut self, value: f64) -> Self {
        self.start = Start::Value(value);
        self
    }

    /// That starts as the weight is.
    #[must_use]
    pub fn from_weight(mut self) -> Self {
        self.start = Start::Weight;
        self
    }

    /// Of a shape of its own.
    #[must_use]
    pub fn shape(mut self, shape: impl Into<Shape>) -> Self {
        self.shape = Some(shape.into());
        self
    }

    /// Of a dtype of its own.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// The variable, named as Keras names it: `adam/sequential_dense_kernel_momentum`.
    pub(super) fn make(&self, optimizer: &str, weight: &Weight) -> Result<Variable> {
        let name = match &self.shape {
            // What has another shape than its weight bears the weight's bare name.
            Some(_) => format!("{optimizer}/{}", weight.name),
            None => format!("{optimizer}/{}_{}", weight.path().replace('/', "_"), self.kind),
        };
        let variable = &weight.variable;
        let (dtype, shape) = (self.dtype.unwrap_or(variable.dtype()), self.shape.as_ref().unwrap_or(variable.shape()));
        let value = match self.start {
            Start::Value(value) => Array::full(dtype, shape, value)?,
            Start::Weight => variable.value()?,
        };
        Variable::non_trainable(name, value)
    }
}

/// A variable that a step changes; in steps that do not count, as those that only gather gradients, it stays as it is.
#[derive(Clone, Copy)]
pub struct State<'a> {
    variable: &'a Variable,
    gate: Option<&'a Tensor>,
}

impl<'a> State<'a> {
    /// The state of a variable; with a gate, assignments count where that scalar of bool is true.
    pub fn new(variable: &'a Variable, gate: Option<&'a Tensor>) -> Self {
        Self { variable, gate }
    }

    /// The variable.
    pub fn variable(self) -> &'a Variable {
        self.variable
    }

    /// The value as of this point of the step.
    #[track_caller]
    pub fn read(self) -> Tensor {
        self.variable.read()
    }

    /// Replaces the value, if the step counts.
    ///
    /// # Errors
    /// Failures that the value carries.
    pub fn assign(self, value: &Tensor) -> Result<()> {
        let value = value.cast(self.variable.dtype());
        match self.gate {
            Some(gate) => self.variable.assign(&gate.where_(value, self.variable.read())),
            None => self.variable.assign(&value),
        }
    }

    /// Adds to the value, if the step counts.
    ///
    /// # Errors
    /// As [`State::assign`].
    pub fn assign_add(self, delta: &Tensor) -> Result<()> {
        self.assign(&(self.read() + delta))
    }

    /// Subtracts from the value, if the step counts.
    ///
    /// # Errors
    /// As [`State::assign`].
    pub fn assign_sub(self, delta: &Tensor) -> Result<()> {
        self.assign(&(self.read() - delta))
    }
}
