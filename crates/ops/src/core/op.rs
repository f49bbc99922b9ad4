//! What an op is: its name, rules, reference and gradient.

use cornet_tensor::{Array, DType, Result, Shape, err};
use smallvec::SmallVec;

use super::attrs::Attrs;
use super::grad::Gradient;
use super::point::PointRef;
use super::samples::Cases;

/// Dtype and shape of a value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Type {
    /// The dtype.
    pub dtype: DType,
    /// The shape.
    pub shape: Shape,
}

impl Type {
    /// The type with this dtype and shape.
    pub fn new(dtype: DType, shape: impl Into<Shape>) -> Self {
        Self { dtype, shape: shape.into() }
    }

    /// The type of an array.
    pub fn of(array: &Array) -> Self {
        Self::new(array.dtype(), array.shape())
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}

impl std::fmt::Debug for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// The types of an op's results.
pub type Types = SmallVec<[Type; 1]>;

/// An op applied to values of known types: what every rule sees.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The op.
    pub op: &'static Op,
    /// The types of the inputs.
    pub inputs: &'a [Type],
    /// The static arguments.
    pub attrs: &'a Attrs,
}

impl Call<'_> {
    /// The results' types, after the checks common to all ops: count of inputs and dtype of the first one.
    ///
    /// # Errors
    /// Whatever the op's own rule refuses, with the operands added.
    pub fn infer(&self) -> Result<Types> {
        self.check().and_then(|()| (self.op.infer)(self)).map_err(|e| {
            self.inputs
                .iter()
                .enumerate()
                .fold(e, |e, (i, ty)| e.operand(format!("input {i}"), ty))
                .within(self.op.name)
        })
    }

    fn check(&self) -> Result<()> {
        let (least, most) = self.op.arity;
        if self.inputs.len() < least || self.inputs.len() > most {
            let expected = if least == most { format!("{least}") } else { format!("at least {least}") };
            return Err(err!(InvalidArgument, "inputs: expected {expected}, found {}", self.inputs.len()));
        }
        match self.inputs.first() {
            Some(first) if !self.op.dtypes.admit(first.dtype) => {
                Err(err!(DtypeMismatch, "dtype: expected {}, found {}", self.op.dtypes, first.dtype))
            }
            _ => Ok(()),
        }
    }

    /// The shape of input `i`.
    pub fn shape(&self, i: usize) -> &Shape {
        &self.inputs[i].shape
    }

    /// The dtype of input `i`.
    pub fn dtype(&self, i: usize) -> DType {
        self.inputs[i].dtype
    }
}

/// A set of dtypes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DTypes {
    /// Every dtype, strings too.
    Any,
    /// Every dtype but string.
    Plain,
    /// Integers, floats and complex; not bool.
    Numeric,
    /// Integers and floats: what has an order.
    Real,
    /// Real and bool: what compares.
    Ordered,
    /// Floats.
    Float,
    /// Floats and complex.
    Inexact,
    /// Integers.
    Int,
    /// Integers and bool.
    Bits,
    /// bool.
    Bool,
    /// complex64.
    Complex,
    /// Strings.
    Str,
    /// float32 and float64.
    Wide,
    /// float32, float64 and complex64.
    WideOrComplex,
}

impl DTypes {
    /// Whether `dtype` is in the set.
    pub fn admit(self, dtype: DType) -> bool {
        match self {
            DTypes::Any => true,
            DTypes::Plain => dtype != DType::Str,
            DTypes::Numeric => dtype.is_int() || dtype.is_inexact(),
            DTypes::Real => dtype.is_int() || dtype.is_float(),
            DTypes::Ordered => dtype.is_int() || dtype.is_float() || dtype == DType::Bool,
            DTypes::Float => dtype.is_float(),
            DTypes::Inexact => dtype.is_inexact(),
            DTypes::Int => dtype.is_int(),
            DTypes::Bits => dtype.is_int() || dtype == DType::Bool,
            DTypes::Bool => dtype == DType::Bool,
            DTypes::Complex => dtype.is_complex(),
            DTypes::Str => dtype == DType::Str,
            DTypes::Wide => matches!(dtype, DType::F32 | DType::F64),
            DTypes::WideOrComplex => matches!(dtype, DType::F32 | DType::F64 | DType::C64),
        }
    }

    /// The members.
    pub fn list(self) -> impl Iterator<Item = DType> {
        DType::ALL.iter().copied().filter(move |&d| self.admit(d))
    }
}

impl std::fmt::Display for DTypes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DTypes::Any => "any dtype",
            DTypes::Plain => "a number or bool",
            DTypes::Numeric => "a number",
            DTypes::Real => "an integer or float",
            DTypes::Ordered => "an integer, float or bool",
            DTypes::Float => "a float",
            DTypes::Inexact => "a float or complex",
            DTypes::Int => "an integer",
            DTypes::Bits => "an integer or bool",
            DTypes::Bool => "bool",
            DTypes::Complex => "complex64",
            DTypes::Str => "string",
            DTypes::Wide => "float32 or float64",
            DTypes::WideOrComplex => "float32, float64 or complex64",
        })
    }
}

/// The slow, obvious meaning of an op, which every kernel is tested against.
#[derive(Clone, Copy)]
pub enum Reference {
    /// One function of corresponding elements, inputs broadcast against each other.
    Point(PointRef),
    /// A function of whole arrays.
    Whole(fn(&Call<'_>, &[Array]) -> Result<Vec<Array>>),
}

/// An op, defined once: eager execution, graphs and gradients all use this.
pub struct Op {
    /// snake_case, the same everywhere.
    pub name: &'static str,
    /// Formula, special values, what is refused.
    pub doc: &'static str,
    /// Where the meaning comes from.
    pub source: &'static str,
    /// Least and most inputs.
    pub arity: (usize, usize),
    /// Names of the static arguments, in order.
    pub attrs: &'static [&'static str],
    /// What the first input may be. `infer` checks the others.
    pub dtypes: DTypes,
    /// The types of the results.
    pub infer: fn(&Call<'_>) -> Result<Types>,
    /// The meaning.
    pub reference: Reference,
    /// The derivative.
    pub gradient: Gradient,
    /// What the op suite samples.
    pub cases: Cases,
    /// Allowed error of a float32 kernel against the reference, relative to the largest magnitude involved; other
    /// float dtypes scale it by their own epsilon.
    pub max_rel_err_f32: f64,
    /// Same inputs, same results, and nothing else: may be folded, merged and dropped.
    pub pure: bool,
}

/// Most inputs of an op that takes any number.
pub const MANY: usize = 4096;

impl Op {
    /// The defaults of an op without a rule: start from this and set what the op needs.
    pub const BASE: Op = Op {
        name: "",
        doc: "",
        source: "",
        arity: (1, 1),
        attrs: &[],
        dtypes: DTypes::Any,
        infer: super::infer::same,
        reference: Reference::Point(PointRef::NONE),
        gradient: Gradient::None("it has no derivative"),
        cases: Cases::None,
        max_rel_err_f32: 0.0,
        pure: true,
    };

    /// An element-wise function of one float.
    pub const UNARY: Op = Op {
        dtypes: DTypes::Float,
        max_rel_err_f32: 4.0 * f32::EPSILON as f64,
        cases: Cases::Point(&[(-3.0, 3.0)]),
        ..Op::BASE
    };

    /// An element-wise function of two numbers of one dtype, which broadcast.
    pub const BINARY: Op = Op {
        arity: (2, 2),
        dtypes: DTypes::Numeric,
        infer: super::infer::broadcast,
        max_rel_err_f32: f32::EPSILON as f64,
        cases: Cases::Point(&[(-3.0, 3.0), (-3.0, 3.0)]),
        ..Op::BASE
    };

    /// An element-wise comparison: bool, without gradient.
    pub const COMPARISON: Op =
        Op { dtypes: DTypes::Ordered, infer: super::infer::comparison, gradient: Gradient::Zero, ..Op::BINARY };

    /// Whether the op acts on corresponding elements.
    pub fn is_pointwise(&self) -> bool {
        matches!(self.reference, Reference::Point(_))
    }
}

impl PartialEq for Op {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
