//! Programs: typed values in the order of their definition.

use super::{Op, Plan};
use crate::element::Element;
use crate::isa::Isa;
use cornet_error::{Code, Error, Result};

/// A value of a program: an input, a constant or the result of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value(pub(super) u32);

/// How a value is defined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instr {
    /// The `n`-th input.
    Input(usize),
    /// A number: its bits as the element stores them, in the low bytes.
    Constant(u64),
    /// An operation; operands beyond its arity are the first one.
    Apply(Op, [Value; 3]),
    /// A change of element. Integers wrap, floats round to nearest, a float to an integer truncates and saturates
    /// (NaN gives 0), anything but zero is true.
    Cast(Value),
}

/// A straight line of element-wise operations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    pub(super) values: Vec<(Element, Instr)>,
    pub(super) inputs: Vec<Value>,
    pub(super) outputs: Vec<Value>,
}

impl Program {
    /// An empty program.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input.
    pub fn input(&mut self, element: Element) -> Value {
        let value = self.define(element, Instr::Input(self.inputs.len()));
        self.inputs.push(value);
        value
    }

    /// A constant, rounded to its element (integers: truncated and saturated, bool: not zero).
    pub fn constant(&mut self, element: Element, x: f64) -> Value {
        let bits = super::cast::bits_of_f64(element, x);
        self.define(element, Instr::Constant(bits))
    }

    /// A constant by the bits that its element stores, in the low bytes: exact for every 64-bit integer.
    pub fn constant_bits(&mut self, element: Element, bits: u64) -> Value {
        self.define(element, Instr::Constant(bits))
    }

    /// Applies an operation.
    ///
    /// # Errors
    /// `dtype_mismatch` when the operation does not admit these operands; `invalid_argument` for a wrong number of
    /// operands or a value of another program.
    pub fn push(&mut self, op: Op, operands: &[Value]) -> Result<Value> {
        if operands.len() != op.arity() {
            let message = format!("{}: expected {} operands, found {}", op.name(), op.arity(), operands.len());
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let elements = operands.iter().map(|&v| self.element(v)).collect::<Result<Vec<_>>>()?;
        let Some(element) = op.result(&elements) else {
            let found: Vec<_> = elements.iter().map(|e| e.name()).collect();
            let message = format!("{}: operands ({}) are not admitted", op.name(), found.join(", "));
            return Err(Error::new(Code::DtypeMismatch, message).help("cast the operands to one type first"));
        };
        let operand = |i: usize| operands.get(i).copied().unwrap_or(operands[0]);
        Ok(self.define(element, Instr::Apply(op, [operand(0), operand(1), operand(2)])))
    }

    /// Changes the element of a value; the value itself where it has that element already.
    ///
    /// # Errors
    /// `invalid_argument` for a value of another program.
    pub fn cast(&mut self, value: Value, element: Element) -> Result<Value> {
        if self.element(value)? == element {
            return Ok(value);
        }
        Ok(self.define(element, Instr::Cast(value)))
    }

    /// Adds an output.
    pub fn output(&mut self, value: Value) {
        self.outputs.push(value);
    }

    /// The element of a value.
    ///
    /// # Errors
    /// `invalid_argument` for a value of another program.
    pub fn element(&self, value: Value) -> Result<Element> {
        let found = self.values.get(value.0 as usize).map(|&(element, _)| element);
        found.ok_or_else(|| Error::new(Code::InvalidArgument, "a value that this program does not define"))
    }

    /// The elements of the inputs, in order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = Element> + '_ {
        self.inputs.iter().map(|v| self.values[v.0 as usize].0)
    }

    /// The elements of the outputs, in order.
    ///
    /// # Errors
    /// `invalid_argument` when an output is a value of another program.
    pub fn outputs(&self) -> Result<Vec<Element>> {
        self.outputs.iter().map(|&v| self.element(v)).collect()
    }

    /// Binds the program to a shape. `strides` holds, for each input, the distance in elements between neighbours
    /// along each axis of `shape` (0 along a broadcast axis; negative strides count from the given start). Outputs
    /// are dense in row-major order.
    ///
    /// # Errors
    /// `rank_mismatch` when a stride list has not the rank of the shape; `invalid_argument` without outputs or with a
    /// wrong number of stride lists; `limit_exceeded` when the shape or the program is too large.
    pub fn plan(&self, shape: &[usize], strides: &[&[isize]]) -> Result<Plan> {
        Plan::new(self, shape, strides, Isa::detect())
    }

    /// [`plan`](Program::plan) for a given instruction set (or the nearest lesser one this CPU runs).
    ///
    /// # Errors
    /// As [`plan`](Program::plan).
    pub fn plan_for(&self, isa: Isa, shape: &[usize], strides: &[&[isize]]) -> Result<Plan> {
        Plan::new(self, shape, strides, isa)
    }

    fn define(&mut self, element: Element, instr: Instr) -> Value {
        let value = Value(self.values.len() as u32);
        self.values.push((element, instr));
        value
    }
}
