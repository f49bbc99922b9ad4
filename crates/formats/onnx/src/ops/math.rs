//! Element-wise arithmetic, comparisons, logic and activations.

use cornet_error::{Result, fail};
use cornet_ops::{Tensor, nn};
use cornet_tensor::{Array, DType};

use super::{Entry, axis_of, one, unary};
use crate::call::Call;

pub(super) const OPS: &[Entry] = &[
    unary("Abs", Tensor::absolute),
    unary("Acos", Tensor::arccos),
    unary("Acosh", Tensor::arccosh).since(9),
    unary("Asin", Tensor::arcsin),
    unary("Asinh", Tensor::arcsinh).since(9),
    unary("Atan", Tensor::arctan),
    unary("Atanh", Tensor::arctanh).since(9),
    unary("BitwiseNot", Tensor::bitwise_not).since(18),
    unary("Ceil", Tensor::ceil),
    unary("Cos", Tensor::cos),
    unary("Cosh", Tensor::cosh).since(9),
    unary("Erf", Tensor::erf).since(9),
    unary("Exp", Tensor::exp),
    unary("Floor", Tensor::floor),
    unary("IsNaN", Tensor::isnan).since(9),
    unary("Log", Tensor::log),
    unary("Mish", Tensor::mish).since(18),
    unary("Neg", Tensor::negative),
    unary("Not", Tensor::logical_not),
    unary("Reciprocal", Tensor::reciprocal),
    unary("Relu", Tensor::relu),
    unary("Round", Tensor::round).since(11),
    unary("Sigmoid", Tensor::sigmoid),
    unary("Sign", Tensor::sign).since(9),
    unary("Sin", Tensor::sin),
    unary("Sinh", Tensor::sinh).since(9),
    unary("Softplus", Tensor::softplus),
    unary("Softsign", Tensor::softsign),
    unary("Sqrt", Tensor::sqrt),
    unary("Tan", Tensor::tan),
    unary("Tanh", Tensor::tanh),
    one("Add", |c| pair(c, |a, b| a.add(b))),
    one("And", |c| pair(c, |a, b| a.logical_and(b))),
    one("BitShift", bit_shift).since(11),
    one("BitwiseAnd", |c| pair(c, |a, b| a.bitwise_and(b))).since(18),
    one("BitwiseOr", |c| pair(c, |a, b| a.bitwise_or(b))).since(18),
    one("BitwiseXor", |c| pair(c, |a, b| a.bitwise_xor(b))).since(18),
    one("Celu", |c| Ok(c.tensor(0)?.celu(c.float_or("alpha", 1.0)?))).since(12),
    one("Clip", clip),
    one("Div", |c| pair(c, quotient)),
    one("Elu", |c| Ok(c.tensor(0)?.elu(c.float_or("alpha", 1.0)?))),
    one("Equal", equal),
    one("Gelu", |c| Ok(c.tensor(0)?.gelu(c.text_or("approximate", "none")? == "tanh"))).since(20),
    one("Greater", |c| pair(c, |a, b| a.greater(b))),
    one("GreaterOrEqual", |c| pair(c, |a, b| a.greater_equal(b))).since(12),
    one("HardSigmoid", |c| hard_sigmoid(c.tensor(0)?, c.float_or("alpha", 0.2)?, c.float_or("beta", 0.5)?)),
    one("HardSwish", |c| Ok(c.tensor(0)? * hard_sigmoid(c.tensor(0)?, 1.0 / 6.0, 0.5)?)).since(14),
    one("Hardmax", hardmax),
    one("IsInf", is_inf).since(10),
    one("LeakyRelu", |c| Ok(c.tensor(0)?.leaky_relu(c.float_or("alpha", 0.01)?))),
    one("Less", |c| pair(c, |a, b| a.less(b))),
    one("LessOrEqual", |c| pair(c, |a, b| a.less_equal(b))).since(12),
    one("LogSoftmax", |c| softmax(c, |x, axes| x.log_softmax_over(axes))),
    one("Max", |c| fold(c, |a, b| a.maximum(b))),
    one("Mean", |c| Ok(fold(c, |a, b| a.add(b))? / c.inputs.len() as f64)),
    one("Min", |c| fold(c, |a, b| a.minimum(b))),
    one("Mod", remainder).since(10),
    one("Mul", |c| pair(c, |a, b| a.multiply(b))),
    one("Or", |c| pair(c, |a, b| a.logical_or(b))),
    one("PRelu", p_relu),
    one("Pow", power),
    one("Selu", selu),
    one("Shrink", shrink).since(9),
    one("Softmax", |c| softmax(c, |x, axes| x.softmax_over(axes))),
    one("Sub", |c| pair(c, |a, b| a.subtract(b))),
    one("Sum", |c| fold(c, |a, b| a.add(b))),
    one("SwiGLU", swi_glu).since(27),
    one("Swish", |c| swish(c.tensor(0)?, c.float_or("alpha", 1.0)?)).since(24),
    one("ThresholdedRelu", thresholded_relu).since(10),
    one("Where", |c| Ok(c.tensor(0)?.where_(c.tensor(1)?, c.tensor(2)?))).since(9),
    one("Xor", |c| pair(c, |a, b| a.logical_xor(b))),
];

fn pair(call: &Call<'_>, f: impl Fn(&Tensor, &Tensor) -> Tensor) -> Result<Tensor> {
    let (a, b) = (call.tensor(0)?, call.tensor(1)?);
    if call.opset() < 7 && call.flag("broadcast")? {
        return Ok(f(a, &aligned(a, b, call.int("axis")?)?));
    }
    Ok(f(a, b))
}

/// The second operand as versions before 7 lay it against the first: from an axis on, or at the last axes.
fn aligned(a: &Tensor, b: &Tensor, axis: Option<i64>) -> Result<Tensor> {
    let (whole, own) = (a.shape()?, b.shape()?);
    let Some(axis) = axis.filter(|&axis| axis >= 0) else { return Ok(b.clone()) };
    let behind = usize::try_from(axis).ok().and_then(|axis| whole.rank().checked_sub(axis)?.checked_sub(own.rank()));
    let Some(behind) = behind else { fail!(OutOfRange, "axis: {own} does not fit {whole} from axis {axis} on") };
    Ok(b.reshape(own.iter().copied().chain(std::iter::repeat_n(1, behind)).collect::<Vec<_>>()))
}

fn equal(call: &Call<'_>) -> Result<Tensor> {
    let (a, b) = (call.tensor(0)?, call.tensor(1)?);
    if a.dtype()? != DType::Str || b.dtype()? != DType::Str {
        return pair(call, |a, b| a.equal(b));
    }
    let shape = a.shape()?.broadcast(&b.shape()?)?;
    let (a, b) = (a.broadcast_to(&shape).array()?, b.broadcast_to(&shape).array()?);
    let same = a.strings()?.iter().zip(b.strings()?).map(|(a, b)| a == b).collect::<Vec<_>>();
    Ok(Array::from_vec(same, shape)?.into())
}

fn fold(call: &Call<'_>, f: impl Fn(&Tensor, &Tensor) -> Tensor) -> Result<Tensor> {
    let all = call.tensors()?;
    let Some((first, rest)) = all.split_first() else {
        fail!(InvalidArgument, "expected at least 1 input, found none")
    };
    Ok(rest.iter().fold((*first).clone(), |a, b| f(&a, b)))
}

/// Division; of whole numbers towards zero.
fn quotient(a: &Tensor, b: &Tensor) -> Tensor {
    Tensor::lift(|| {
        let dtype = a.dtype()?;
        if dtype.is_unsigned_int() {
            return Ok(a.floor_divide(b));
        }
        if !dtype.is_signed_int() {
            return Ok(a.divide(b));
        }
        let floor = a.floor_divide(b);
        let rest = a - &(&floor * b);
        let below = rest.not_equal(0).logical_and(a.less(0).not_equal(b.less(0)));
        Ok(floor + below.cast(dtype))
    })
}

fn remainder(call: &Call<'_>) -> Result<Tensor> {
    let (a, b) = (call.tensor(0)?, call.tensor(1)?);
    Ok(if call.flag("fmod")? { a.fmod(b) } else { a.mod_(b) })
}

fn power(call: &Call<'_>) -> Result<Tensor> {
    let (x, exponent) = (call.tensor(0)?, call.tensor(1)?);
    let (dtype, other) = (x.dtype()?, exponent.dtype()?);
    if dtype == other {
        return Ok(x.power(exponent));
    }
    let wide = match (dtype.is_float(), other.is_float()) {
        (false, false) => DType::I64,
        (true, _) => dtype.accumulator(),
        (false, true) => DType::F64,
    };
    Ok(x.cast(wide).power(exponent.cast(wide)).cast(dtype))
}

fn bit_shift(call: &Call<'_>) -> Result<Tensor> {
    match call.text_or("direction", "")? {
        "LEFT" => pair(call, |a, b| a.left_shift(b)),
        "RIGHT" => pair(call, |a, b| a.right_shift(b)),
        other => fail!(InvalidArgument, "direction: expected LEFT or RIGHT, found '{other}'"),
    }
}

fn clip(call: &Call<'_>) -> Result<Tensor> {
    let mut y = call.tensor(0)?.clone();
    let dtype = y.dtype()?;
    match call.maybe_tensor(1)? {
        Some(low) => y = y.maximum(low.cast(dtype)),
        None => {
            if let Some(low) = call.float("min")? {
                y = y.maximum(low);
            }
        }
    }
    match call.maybe_tensor(2)? {
        Some(high) => y = y.minimum(high.cast(dtype)),
        None => {
            if let Some(high) = call.float("max")? {
                y = y.minimum(high);
            }
        }
    }
    Ok(y)
}

fn hard_sigmoid(x: &Tensor, alpha: f64, beta: f64) -> Result<Tensor> {
    Ok((x * alpha + beta).clip(0.0, 1.0))
}

fn is_inf(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    Ok(match (call.int_or("detect_negative", 1)? != 0, call.int_or("detect_positive", 1)? != 0) {
        (true, true) => x.isinf(),
        (true, false) => x.isneginf(),
        (false, true) => x.isposinf(),
        (false, false) => x.isinf().logical_and(false),
    })
}

fn p_relu(call: &Call<'_>) -> Result<Tensor> {
    let (x, slope) = (call.tensor(0)?, call.tensor(1)?);
    let (shape, own) = (x.shape()?, slope.shape()?);
    // Before version 7 one slope a channel.
    let channels = call.opset() < 7 && own.rank() == 1 && own[0] > 1 && shape.rank() > 2;
    let slope = if channels { aligned(x, slope, Some(1))? } else { slope.clone() };
    Ok(x.less(0).where_(x * &slope, x))
}

fn selu(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let alpha = call.float_or("alpha", 1.673_263_192_176_818_8)?;
    let gamma = call.float_or("gamma", 1.050_701_022_148_132_3)?;
    Ok(x.greater(0).where_(x * gamma, (x.minimum(0.0).expm1()) * (alpha * gamma)))
}

fn shrink(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let (bias, lambd) = (call.float_or("bias", 0.0)?, call.float_or("lambd", 0.5)?);
    let zero = Tensor::zeros_like(x);
    Ok(x.less(-lambd).where_(x + bias, x.greater(lambd).where_(x - bias, zero)).cast(x.dtype()?))
}

fn swi_glu(call: &Call<'_>) -> Result<Tensor> {
    let (x, gate) = (call.tensor(0)?, call.tensor(1)?);
    Ok(swish(x, call.float_or("alpha", 1.0)?)? * gate)
}

fn swish(x: &Tensor, alpha: f64) -> Result<Tensor> {
    Ok(x * (x * alpha).sigmoid())
}

fn thresholded_relu(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    Ok(x.greater(call.float_or("alpha", 1.0)?).where_(x, Tensor::zeros_like(x)))
}

/// The axes that softmax goes over: one since opset 13, before it all from one on.
fn softmax_axes(call: &Call<'_>, rank: usize) -> Result<Vec<isize>> {
    if rank == 0 {
        return Ok(Vec::new());
    }
    if call.opset() >= 13 {
        return Ok(vec![axis_of(call.int_or("axis", -1)?, rank)? as isize]);
    }
    let axis = call.int_or("axis", 1)?;
    let first = if axis == rank as i64 { rank } else { axis_of(axis, rank)? };
    Ok((first as isize..rank as isize).collect())
}

fn softmax(call: &Call<'_>, f: fn(&Tensor, &[isize]) -> Tensor) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let shape = x.shape()?;
    let axes = softmax_axes(call, shape.rank())?;
    if axes.is_empty() || shape.elements() == 0 {
        return Ok(f(&x.expand_dims(&[-1]), &[-1]).reshape(shape));
    }
    Ok(f(x, &axes))
}

fn hardmax(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let shape = x.shape()?;
    let axes = softmax_axes(call, shape.rank())?;
    match axes.as_slice() {
        [axis] => Ok(x.argmax(Some(*axis), false).one_hot(shape[*axis as usize], *axis, x.dtype()?)),
        [] => Ok(Tensor::ones_like(x)),
        [first, ..] => {
            let rows: usize = shape[..*first as usize].iter().product();
            let width: usize = shape[*first as usize..].iter().product();
            let flat = x.reshape([rows, width]);
            Ok(flat.argmax(Some(1), false).one_hot(width, 1, x.dtype()?).reshape(shape))
        }
    }
}

/// The activation of that name, as recurrent operators and fused ones name them.
pub(super) fn activation(name: &str, alpha: Option<f64>, beta: Option<f64>) -> Result<Box<dyn Fn(&Tensor) -> Tensor>> {
    let (a, b) = (alpha, beta);
    Ok(match name.to_ascii_lowercase().as_str() {
        "relu" => Box::new(Tensor::relu),
        "tanh" => Box::new(Tensor::tanh),
        "sigmoid" => Box::new(Tensor::sigmoid),
        "affine" => Box::new(move |x| x * a.unwrap_or(1.0) + b.unwrap_or(0.0)),
        "leakyrelu" => Box::new(move |x| x.leaky_relu(a.unwrap_or(0.01))),
        "thresholdedrelu" => Box::new(move |x| x.greater(a.unwrap_or(1.0)).where_(x, Tensor::zeros_like(x))),
        "scaledtanh" => Box::new(move |x| (x * b.unwrap_or(1.0)).tanh() * a.unwrap_or(1.0)),
        "hardsigmoid" => Box::new(move |x| (x * a.unwrap_or(0.2) + b.unwrap_or(0.5)).clip(0.0, 1.0)),
        "elu" => Box::new(move |x| x.elu(a.unwrap_or(1.0))),
        "softsign" => Box::new(Tensor::softsign),
        "softplus" => Box::new(Tensor::softplus),
        "none" => Box::new(Tensor::clone),
        "silu" | "swish" => Box::new(move |x| x * (x * a.unwrap_or(1.0)).sigmoid()),
        other => fail!(Unsupported, "activation: expected one of the format, found '{other}'"),
    })
}

/// The padding of pools and convolutions that stands for nothing special.
pub(super) const CHANNELS_FIRST: nn::geometry::DataFormat = nn::geometry::DataFormat::ChannelsFirst;
