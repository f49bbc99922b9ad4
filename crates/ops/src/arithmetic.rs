//! Operands of two-sided ops: promotion, bare scalars, and Rust's operators.

use cornet_tensor::{Array, DType, Operand, Result, result_type};

use crate::core::prelude::*;
use crate::math;

/// An operand: a tensor, or a bare scalar that takes the dtype of what it meets.
#[derive(Clone)]
pub enum Arg {
    /// A tensor.
    Tensor(Tensor),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A truth value.
    Bool(bool),
}

macro_rules! arg {
    ($($t:ty => |$x:ident| $arg:expr;)+) => { $(impl From<$t> for Arg {
        fn from($x: $t) -> Arg { $arg }
    })+ };
}

arg! {
    Tensor => |x| Arg::Tensor(x);
    &Tensor => |x| Arg::Tensor(x.clone());
    f64 => |x| Arg::Float(x);
    f32 => |x| Arg::Float(x.into());
    i64 => |x| Arg::Int(x);
    i32 => |x| Arg::Int(x.into());
    u8 => |x| Arg::Int(x.into());
    usize => |x| Arg::Int(x as i64);
    bool => |x| Arg::Bool(x);
}

impl Arg {
    fn operand(&self) -> Result<Operand> {
        Ok(match self {
            Arg::Tensor(t) => t.type_ref()?.dtype.into(),
            Arg::Int(_) => Operand::WeakInt,
            Arg::Float(_) => Operand::WeakFloat,
            Arg::Bool(_) => DType::Bool.into(),
        })
    }

    /// The operand in a dtype.
    pub(crate) fn to(&self, dtype: DType) -> Result<Tensor> {
        Ok(match self {
            Arg::Tensor(t) => t.cast(dtype),
            Arg::Int(x) => Array::from_i64(dtype, [], &[*x])?.into(),
            Arg::Float(x) => Array::from_f64(dtype, [], &[*x])?.into(),
            Arg::Bool(x) => Array::from_i64(dtype, [], &[i64::from(*x)])?.into(),
        })
    }

    /// The operand in its own dtype: int32 and float32 for bare scalars.
    pub(crate) fn tensor(&self) -> Result<Tensor> {
        self.to(result_type([self.operand()?])?)
    }
}

/// The dtype in which operands meet.
///
/// # Errors
/// `dtype_mismatch` where they do not; the failure of an operand.
pub fn common_dtype(args: &[Arg]) -> Result<DType> {
    result_type(args.iter().map(Arg::operand).collect::<Result<Vec<_>>>()?)
}

/// Applies an op to two operands promoted to their common dtype.
#[track_caller]
pub(crate) fn binary(op: &'static Op, a: impl Into<Arg>, b: impl Into<Arg>) -> Tensor {
    let (a, b) = (a.into(), b.into());
    let promoted = (|| {
        let dtype = common_dtype(&[a.clone(), b.clone()])?;
        Ok((a.to(dtype)?, b.to(dtype)?))
    })();
    match promoted {
        Ok((a, b)) => call1(op, &[&a, &b], Attrs::default()),
        Err(error) => Tensor::failed(error),
    }
}

/// The same where integers and bools meet in float32, as for division.
#[track_caller]
pub(crate) fn float_binary(op: &'static Op, a: impl Into<Arg>, b: impl Into<Arg>) -> Tensor {
    let (a, b) = (a.into(), b.into());
    let promoted = (|| {
        let dtype = match common_dtype(&[a.clone(), b.clone()])? {
            d if d.is_inexact() || d == DType::Str => d,
            _ => DType::F32,
        };
        Ok((a.to(dtype)?, b.to(dtype)?))
    })();
    match promoted {
        Ok((a, b)) => call1(op, &[&a, &b], Attrs::default()),
        Err(error) => Tensor::failed(error),
    }
}

/// Two operands in their common dtype, integers and bools in float32.
pub(crate) fn float_pair(a: &Tensor, b: Arg) -> Result<(Tensor, Tensor)> {
    let dtype = match common_dtype(&[a.into(), b.clone()])? {
        d if d.is_inexact() || d == DType::Str => d,
        _ => DType::F32,
    };
    Ok((a.cast(dtype), b.to(dtype)?))
}

/// Applies an op to two operands promoted to their common dtype, bools as int32.
#[track_caller]
pub(crate) fn count_bools(op: &'static Op, a: &Tensor, b: impl Into<Arg>) -> Tensor {
    let b = b.into();
    Tensor::lift(|| {
        let dtype = match common_dtype(&[a.into(), b.clone()])? {
            DType::Bool => DType::I32,
            dtype => dtype,
        };
        Ok(call1(op, &[&a.cast(dtype), &b.to(dtype)?], Attrs::default()))
    })
}

/// Applies a float op; integers and bools become float32 first, as Keras's ops do.
#[track_caller]
pub(crate) fn float_unary(op: &'static Op, x: &Tensor) -> Tensor {
    match x.dtype() {
        Ok(d) if d.is_int() || d == DType::Bool => call1(op, &[&x.cast(DType::F32)], Attrs::default()),
        _ => call1(op, &[x], Attrs::default()),
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $apply:ident $op:path;)+) => { $(
        impl<R: Into<Arg>> std::ops::$trait<R> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: R) -> Tensor { $apply(&$op, self, other) }
        }
        impl<R: Into<Arg>> std::ops::$trait<R> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: R) -> Tensor { $apply(&$op, self, other) }
        }
        operators!(@scalar $trait $method $apply $op; f64 i32);
    )+ };
    (@scalar $trait:ident $method:ident $apply:ident $op:path; $($t:ty)+) => { $(
        impl std::ops::$trait<&Tensor> for $t {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor { $apply(&$op, self, other) }
        }
        impl std::ops::$trait<Tensor> for $t {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor { $apply(&$op, self, other) }
        }
    )+ };
}

operators! {
    Add add binary math::add::OP;
    Sub sub binary math::subtract::OP;
    Mul mul binary math::multiply::OP;
    Div div float_binary math::divide::OP;
}

impl std::ops::Neg for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        self.negative()
    }
}

impl std::ops::Neg for Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        self.negative()
    }
}
