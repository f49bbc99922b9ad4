//! Element-wise ops.

use cornet_error::{Error, Result, err};
use cornet_ops::Tensor;
use cornet_ops::string::LookupTable;
use cornet_tensor::{Array, DType};

use super::{Family, one};
use crate::interpret::Call;
use crate::value::Value;

fn apply(call: &Call<'_, '_>, f: impl Fn(&Tensor) -> Tensor) -> Result<Tensor> {
    Ok(f(&call.x(0)?))
}

macro_rules! ops {
    (unary { $($u:literal $f:expr;)+ } binary { $($b:literal $g:expr;)+ } other { $($o:literal $h:expr;)+ }) => {
        pub(super) static OPS: Family = &[
            $(($u, |c| one(apply(c, $f)?)),)+
            $(($b, |c| one(pair(c, $g)?)),)+
            $(($o, $h),)+
        ];
    };
}

fn pair(call: &Call<'_, '_>, f: impl Fn(&Tensor, &Tensor) -> Tensor) -> Result<Tensor> {
    Ok(f(&call.x(0)?, &call.x(1)?))
}

ops! {
    unary {
        "Abs" Tensor::abs;
        "ComplexAbs" Tensor::abs;
        "Acos" Tensor::arccos;
        "Acosh" Tensor::arccosh;
        "Angle" Tensor::angle;
        "Asin" Tensor::arcsin;
        "Asinh" Tensor::arcsinh;
        "Atan" Tensor::arctan;
        "Atanh" Tensor::arctanh;
        "BesselI0" Tensor::i0;
        "BesselI0e" |x| x.i0() * (-x.abs()).exp();
        "BesselI1" Tensor::i1;
        "BesselI1e" |x| x.i1() * (-x.abs()).exp();
        "Ceil" Tensor::ceil;
        "Conj" Tensor::conj;
        "Cos" Tensor::cos;
        "Cosh" Tensor::cosh;
        "Digamma" Tensor::digamma;
        "Erf" Tensor::erf;
        "Erfc" Tensor::erfc;
        "Erfinv" Tensor::erfinv;
        "Exp" Tensor::exp;
        "Expm1" Tensor::expm1;
        "Floor" Tensor::floor;
        "Imag" Tensor::imag;
        "Inv" Tensor::reciprocal;
        "Invert" Tensor::bitwise_not;
        "IsFinite" Tensor::isfinite;
        "IsInf" Tensor::isinf;
        "IsNan" Tensor::isnan;
        "Lgamma" Tensor::lgamma;
        "Log" Tensor::log;
        "Log1p" Tensor::log1p;
        "LogicalNot" Tensor::logical_not;
        "Ndtri" |x| (x * 2.0 - 1.0).erfinv() * std::f64::consts::SQRT_2;
        "Neg" Tensor::negative;
        "Real" Tensor::real;
        "Reciprocal" Tensor::reciprocal;
        "Rint" Tensor::round;
        "Round" Tensor::round;
        "Rsqrt" Tensor::rsqrt;
        "Sigmoid" Tensor::sigmoid;
        "Sign" Tensor::sign;
        "Sin" Tensor::sin;
        "Sinh" Tensor::sinh;
        "Sqrt" Tensor::sqrt;
        "Square" Tensor::square;
        "Tan" Tensor::tan;
        "Tanh" Tensor::tanh;
        "Elu" |x| x.elu(1.0);
        "Relu" Tensor::relu;
        "Relu6" Tensor::relu6;
        "Selu" Tensor::selu;
        "Softplus" Tensor::softplus;
        "Softsign" Tensor::softsign;
    }
    binary {
        "Add" |a, b| if a.dtype().is_ok_and(|d| d == DType::Str) { Tensor::string_join(&[a, b], "") } else { a + b };
        "AddV2" |a, b| a + b;
        "Atan2" |a, b| a.arctan2(b);
        "BitwiseAnd" |a, b| a.bitwise_and(b);
        "BitwiseOr" |a, b| a.bitwise_or(b);
        "BitwiseXor" |a, b| a.bitwise_xor(b);
        "Complex" |a, b| a.complex(b);
        "Div" divide;
        "DivNoNan" |a, b| a.divide_no_nan(b);
        "FloorDiv" |a, b| a.floor_divide(b);
        "FloorMod" |a, b| a.mod_(b);
        "Greater" |a, b| a.greater(b);
        "GreaterEqual" |a, b| a.greater_equal(b);
        "LeftShift" |a, b| a.left_shift(b);
        "Less" |a, b| a.less(b);
        "LessEqual" |a, b| a.less_equal(b);
        "LogicalAnd" |a, b| a.logical_and(b);
        "LogicalOr" |a, b| a.logical_or(b);
        "Maximum" |a, b| a.maximum(b);
        "Minimum" |a, b| a.minimum(b);
        "Mod" |a, b| a.fmod(b);
        "Mul" |a, b| a * b;
        "MulNoNan" |a, b| b.equal(0).where_(0, a * b).cast_like(a);
        "NextAfter" |a, b| a.nextafter(b);
        "Pow" |a, b| a.power(b);
        "RealDiv" |a, b| a / b;
        "RightShift" |a, b| a.right_shift(b);
        "SquaredDifference" |a, b| (a - b).square();
        "Sub" |a, b| a - b;
        "TruncateDiv" divide;
        "TruncateMod" |a, b| a.fmod(b);
        "Xdivy" |a, b| a.equal(0).where_(0, a / b).cast_like(a);
        "Xlog1py" |a, b| a.equal(0).where_(0, a * b.log1p()).cast_like(a);
        "Xlogy" |a, b| a.equal(0).where_(0, a * b.log()).cast_like(a);
    }
    other {
        "AccumulateNV2" sum_of_all;
        "AddN" sum_of_all;
        "ApproximateEqual" |c| {
            let most = c.attr_float("tolerance", 1e-5);
            one((c.x(0)? - c.x(1)?).abs().less(most))
        };
        "Bitcast" |c| one(c.x(0)?.view(c.attr_dtype("type")?));
        "Cast" cast;
        "ClipByValue" |c| one(c.x(0)?.clip(c.x(1)?, c.x(2)?));
        "Equal" |c| equal(c, Tensor::equal);
        "NotEqual" |c| equal(c, Tensor::not_equal);
        "LeakyRelu" |c| one(c.x(0)?.leaky_relu(c.attr_float("alpha", 0.2)));
        "Igamma" |_| Err(err!(Unsupported, "the incomplete gamma function is not supported"));
    }
}

/// Of integers towards zero.
fn divide(a: &Tensor, b: &Tensor) -> Tensor {
    match a.dtype() {
        Ok(d) if d.is_int() => (a - a.fmod(b)).floor_divide(b),
        _ => a / b,
    }
}

fn sum_of_all(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let all = call.all(0)?;
    let mut all = all.into_iter();
    let first = all.next().ok_or_else(|| err!(Corrupt, "expected inputs, found none"))?;
    one(all.fold(first, |sum, x| sum + x))
}

fn equal(call: &mut Call<'_, '_>, f: fn(&Tensor, Tensor) -> Tensor) -> Result<Vec<Value>> {
    let (a, b) = (call.x(0)?, call.x(1)?);
    if !call.attr_bool("incompatible_shape_error", true) && a.shape()?.broadcast(&b.shape()?).is_err() {
        return one(Tensor::from(Array::scalar(call.node.op == "NotEqual")));
    }
    if a.dtype()? == DType::Str {
        let same = equal_texts(&a, &b)?;
        return one(if call.node.op == "NotEqual" { same.logical_not() } else { same });
    }
    one(f(&a, b))
}

/// Whether strings are equal; of those that are not known, to one that is.
fn equal_texts(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.is_traced() != b.is_traced() {
        let (traced, known) = if a.is_traced() { (a, b) } else { (b, a) };
        if known.shape()?.elements() == 1 {
            let bools =
                |b: bool, shape: &[usize]| Ok::<_, Error>(Tensor::from(Array::full(DType::Bool, shape, f64::from(b))?));
            return Ok(LookupTable::new(&known.reshape([1]), &bools(true, &[1])?, &bools(false, &[])?)?.lookup(traced));
        }
    }
    let shape = a.shape()?.broadcast(&b.shape()?)?;
    let (a, b) = (a.broadcast_to(&shape).array()?, b.broadcast_to(&shape).array()?);
    let same: Vec<bool> = a.strings()?.iter().zip(b.strings()?).map(|(a, b)| a == b).collect();
    Ok(Array::from_vec(same, shape)?.into())
}

fn cast(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, to) = (call.x(0)?, call.attr_dtype("DstT")?);
    let from = x.dtype()?;
    // Complex numbers lose their imaginary part.
    one(if from.is_complex() && !to.is_complex() { x.real().cast(to) } else { x.cast(to) })
}
