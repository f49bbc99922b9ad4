//! Which of our ops is which of TensorFlow's.

use cornet_error::{Result, err};
use cornet_export::OpenNode;
use cornet_tensor::DType;

use super::emit::Emit;
use super::proto::A;
use super::{control, nn, pointwise, reduce, shape, text};

/// How an op is written.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// The node of this name, of one input `x` and one result `y`.
    Unary(&'static str, Kernels),
    /// The node of this name, of two inputs and one result `z`.
    Binary(&'static str, Kernels),
    /// As this function says.
    Of(fn(&mut Emit<'_, '_>, &OpenNode) -> Result<Vec<String>>),
    /// Not at all, for this reason.
    None(&'static str),
}

/// The dtypes that a node is written in; others are converted before and after.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernels {
    /// float32 and float64.
    Floats,
    /// float32, float64, int32, int64.
    Numbers,
    /// All of them.
    Any,
}

use Kernels::{Any, Floats, Numbers};
use Rule::{Binary, None as No, Of, Unary};

const FACTORS: &str = "TensorFlow's matrix factorisations choose other signs";
const RANDOM: &str = "TensorFlow's random numbers are others for the same seed";
const TRAINING: &str = "it occurs in training alone";
const SHAPES: &str = "the sizes of TensorFlow's result depend on values";
const NONE: &str = "TensorFlow has no such op";

/// Our ops in the order of their names.
static RULES: &[(&str, Rule)] = &[
    ("absolute", Unary("Abs", Numbers)),
    ("add", Binary("AddV2", Numbers)),
    ("all", Of(|e, n| reduce::reduce(e, n, "All"))),
    ("any", Of(|e, n| reduce::reduce(e, n, "Any"))),
    ("arccos", Unary("Acos", Floats)),
    ("arccosh", Unary("Acosh", Floats)),
    ("arcsin", Unary("Asin", Floats)),
    ("arcsinh", Unary("Asinh", Floats)),
    ("arctan", Unary("Atan", Floats)),
    ("arctan2", Binary("Atan2", Floats)),
    ("arctanh", Unary("Atanh", Floats)),
    ("argmax", Of(|e, n| reduce::place(e, n, "ArgMax"))),
    ("argmin", Of(|e, n| reduce::place(e, n, "ArgMin"))),
    ("argsort", Of(shape::argsort)),
    ("as_string", No("TensorFlow prints numbers otherwise")),
    ("avg_pool", Of(nn::avg_pool)),
    ("avg_pool_gradient", No(TRAINING)),
    ("bitwise_and", Of(|e, n| pointwise::bits(e, n, "LogicalAnd", "BitwiseAnd"))),
    ("bitwise_not", Unary("Invert", Any)),
    ("bitwise_or", Of(|e, n| pointwise::bits(e, n, "LogicalOr", "BitwiseOr"))),
    ("bitwise_xor", Of(|e, n| pointwise::bits(e, n, "NotEqual", "BitwiseXor"))),
    ("broadcast_to", Of(shape::broadcast_to)),
    ("cast", Of(shape::cast)),
    ("cbrt", Of(pointwise::cbrt)),
    ("ceil", Unary("Ceil", Floats)),
    ("cholesky", Of(|e, n| whole(e, n, "Cholesky", "output"))),
    ("clip", Of(pointwise::clip)),
    ("complex", Of(pointwise::complex)),
    ("concat", Of(shape::concat)),
    ("cond", Of(control::cond)),
    ("conj", Of(|e, n| whole(e, n, "Conj", "output"))),
    ("constant", No("constants are no nodes")),
    ("conv", Of(nn::conv)),
    ("conv_input_gradient", Of(nn::conv_input_gradient)),
    ("conv_kernel_gradient", No(TRAINING)),
    ("cos", Unary("Cos", Floats)),
    ("cosh", Unary("Cosh", Floats)),
    ("ctc_beam", No(NONE)),
    ("ctc_greedy", No(NONE)),
    ("ctc_loss", No(TRAINING)),
    ("ctc_loss_gradient", No(TRAINING)),
    ("cumprod", Of(|e, n| reduce::running(e, n, "Cumprod"))),
    ("cumsum", Of(|e, n| reduce::running(e, n, "Cumsum"))),
    ("det", Of(|e, n| whole(e, n, "MatrixDeterminant", "output"))),
    ("digamma", Unary("Digamma", Floats)),
    ("divide", Binary("RealDiv", Floats)),
    ("dynamic_slice", Of(shape::dynamic_slice)),
    ("dynamic_update_slice", Of(shape::dynamic_update_slice)),
    ("eig", No(FACTORS)),
    ("eigh", No(FACTORS)),
    ("equal", Binary("Equal", Any)),
    ("erf", Unary("Erf", Floats)),
    ("erfc", Unary("Erfc", Floats)),
    ("erfinv", Unary("Erfinv", Floats)),
    ("exp", Unary("Exp", Floats)),
    ("expm1", Unary("Expm1", Floats)),
    ("fft", Of(fft)),
    ("flip", Of(shape::flip)),
    ("floor", Unary("Floor", Floats)),
    ("floor_divide", Binary("FloorDiv", Numbers)),
    ("fmod", Of(pointwise::fmod)),
    ("gather_nd", Of(shape::gather_nd)),
    ("gcd", No(NONE)),
    ("gelu", Of(pointwise::gelu)),
    ("gelu_tanh", Of(pointwise::gelu_tanh)),
    ("greater", Binary("Greater", Numbers)),
    ("greater_equal", Binary("GreaterEqual", Numbers)),
    ("hashed_cross", No(NONE)),
    ("i0", Unary("BesselI0", Floats)),
    ("i1", Unary("BesselI1", Floats)),
    ("imag", Of(|e, n| pointwise::part(e, n, "Imag"))),
    ("iota", Of(shape::iota)),
    ("irfft", Of(irfft)),
    ("isfinite", Unary("IsFinite", Floats)),
    ("isinf", Unary("IsInf", Floats)),
    ("isnan", Unary("IsNan", Floats)),
    ("left_shift", Binary("LeftShift", Any)),
    ("less", Binary("Less", Numbers)),
    ("less_equal", Binary("LessEqual", Numbers)),
    ("lgamma", Unary("Lgamma", Floats)),
    ("log", Unary("Log", Floats)),
    ("log10", Of(|e, n| pointwise::log(e, n, std::f64::consts::LN_10))),
    ("log1p", Unary("Log1p", Floats)),
    ("log2", Of(|e, n| pointwise::log(e, n, std::f64::consts::LN_2))),
    ("log_softmax", Of(|e, n| nn::softmax(e, n, "LogSoftmax", "logsoftmax"))),
    ("logical_not", Of(pointwise::logical_not)),
    ("lookup", Of(shape::lookup)),
    ("lu", No(FACTORS)),
    ("matmul", Of(nn::matmul)),
    ("max", Of(|e, n| reduce::reduce(e, n, "Max"))),
    ("max_pool", Of(nn::max_pool)),
    ("max_pool_gradient", No(TRAINING)),
    ("max_pool_pick", No(TRAINING)),
    ("maximum", Binary("Maximum", Numbers)),
    ("min", Of(|e, n| reduce::reduce(e, n, "Min"))),
    ("minimum", Binary("Minimum", Numbers)),
    ("mod", Binary("FloorMod", Numbers)),
    ("multiply", Binary("Mul", Numbers)),
    ("negative", Unary("Neg", Numbers)),
    ("nextafter", No(NONE)),
    ("nonzero", No(SHAPES)),
    ("not_equal", Binary("NotEqual", Any)),
    ("pad", Of(shape::pad)),
    ("power", Binary("Pow", Numbers)),
    ("prod", Of(|e, n| reduce::reduce(e, n, "Prod"))),
    ("put_along_axis", No(NONE)),
    ("qr", No(FACTORS)),
    ("random_binomial", No(RANDOM)),
    ("random_bits", No(RANDOM)),
    ("random_dropout", No(RANDOM)),
    ("random_fold_in", No(RANDOM)),
    ("random_gamma", No(RANDOM)),
    ("random_integers", No(RANDOM)),
    ("random_normal", No(RANDOM)),
    ("random_permutation", No(RANDOM)),
    ("random_truncated_normal", No(RANDOM)),
    ("random_uniform", No(RANDOM)),
    ("real", Of(|e, n| pointwise::part(e, n, "Real"))),
    ("reciprocal", Unary("Reciprocal", Floats)),
    ("regex_full_match", Of(text::full_match)),
    ("regex_replace", Of(text::replace)),
    ("relu", Of(pointwise::relu)),
    ("relu_grad", No(TRAINING)),
    ("reshape", Of(shape::reshape)),
    ("rfft", Of(rfft)),
    ("right_shift", Binary("RightShift", Any)),
    ("round", Unary("Rint", Floats)),
    ("rsqrt", Unary("Rsqrt", Floats)),
    ("scan", Of(control::scan)),
    ("scatter_nd", Of(shape::scatter_nd)),
    ("searchsorted", Of(shape::searchsorted)),
    ("sigmoid", Unary("Sigmoid", Floats)),
    ("sign", Unary("Sign", Numbers)),
    ("signbit", Of(pointwise::signbit)),
    ("silu", Of(pointwise::silu)),
    ("sin", Unary("Sin", Floats)),
    ("sinh", Unary("Sinh", Floats)),
    ("size", Of(shape::size)),
    ("slice", Of(shape::slice)),
    ("slogdet", No(FACTORS)),
    ("softmax", Of(|e, n| nn::softmax(e, n, "Softmax", "softmax"))),
    ("softmax_cross_entropy", No(TRAINING)),
    ("softmax_cross_entropy_gradient", No(TRAINING)),
    ("softmax_gradient", No(TRAINING)),
    ("softplus", Of(|e, n| pointwise::unary(e, n, "Softplus", Floats, "activations"))),
    ("solve", No(FACTORS)),
    ("solve_triangular", No(FACTORS)),
    ("sort", Of(shape::sort)),
    ("sqrt", Unary("Sqrt", Floats)),
    ("square", Unary("Square", Numbers)),
    ("stop_gradient", Of(|e, n| whole(e, n, "Identity", "output"))),
    ("string_join", Of(text::join)),
    ("string_length", Of(text::length)),
    ("string_lower", Of(|e, n| text::case(e, n, "StringLower"))),
    ("string_reduce_join", No(NONE)),
    ("string_remove", No(NONE)),
    ("string_split", No(SHAPES)),
    ("string_strip", Of(text::strip)),
    ("string_to_hash_bucket", No(NONE)),
    ("string_to_number", Of(text::to_number)),
    ("string_upper", Of(|e, n| text::case(e, n, "StringUpper"))),
    ("substr", No(NONE)),
    ("subtract", Binary("Sub", Numbers)),
    ("sum", Of(|e, n| reduce::reduce(e, n, "Sum"))),
    ("svd", No(FACTORS)),
    ("take", Of(shape::take)),
    ("take_along_axis", Of(shape::take_along_axis)),
    ("tan", Unary("Tan", Floats)),
    ("tanh", Unary("Tanh", Floats)),
    ("tokenize", No(SHAPES)),
    ("top_k", Of(shape::top_k)),
    ("transpose", Of(shape::transpose)),
    ("trigamma", Of(pointwise::trigamma)),
    ("trunc", Of(pointwise::trunc)),
    ("unique", No(SHAPES)),
    ("view", Of(pointwise::bitcast)),
    ("view_as_complex", Of(pointwise::bitcast)),
    ("view_as_real", Of(pointwise::bitcast)),
    ("where", Of(pointwise::select)),
    ("while_loop", Of(control::while_loop)),
    ("while_loop_grad", No(TRAINING)),
];

/// A node of one input and result of the same dtype, which has kernels.
fn whole(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str, output: &str) -> Result<Vec<String>> {
    let (x, dtype) = (e.x(n, 0)?, e.out(n).dtype);
    Ok(vec![e.unary(op, &x, dtype, output)?])
}

fn fft(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, op) = (e.x(n, 0)?, if n.attrs.bool("inverse")? { "IFFT" } else { "FFT" });
    Ok(vec![e.node(op, &[&x], &[("Tcomplex", A::Type(DType::C64))], "output")?])
}

fn real_and_complex() -> [(&'static str, A<'static>); 2] {
    [("Treal", A::Type(DType::F32)), ("Tcomplex", A::Type(DType::C64))]
}

fn rfft(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, ty) = (e.x(n, 0)?, e.ty(n, 0)?);
    let x = e.cast(&x, ty.dtype, DType::F32)?;
    let length = e.sizes(&ty.shape[ty.rank().saturating_sub(1)..])?;
    Ok(vec![e.node("RFFT", &[&x, &length], &real_and_complex(), "output")?])
}

fn irfft(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, length) = (e.x(n, 0)?, e.sizes(std::slice::from_ref(n.attrs.dim("length")?))?);
    Ok(vec![e.node("IRFFT", &[&x, &length], &real_and_complex(), "output")?])
}

/// Our ops that are not written, each with the reason.
pub fn unsupported() -> impl Iterator<Item = (&'static str, &'static str)> {
    RULES.iter().filter_map(|(op, rule)| if let No(why) = rule { Some((*op, *why)) } else { None })
}

/// How an op is written.
pub(super) fn rule(op: &str) -> Result<Rule> {
    let found = RULES.binary_search_by_key(&op, |(name, _)| name).ok().map(|i| RULES[i].1);
    match found {
        Some(No(why)) => Err(err!(Unsupported, "expected an op with an equivalent in TensorFlow, found '{op}': {why}")
            .help("take the layer that needs it out of the model")),
        Some(rule) => Ok(rule),
        None => Err(err!(Unsupported, "expected an op with an equivalent in TensorFlow, found '{op}'")),
    }
}

impl Rule {
    /// Writes a node; the tensors of its results.
    pub fn apply(self, e: &mut Emit<'_, '_>, node: &OpenNode) -> Result<Vec<String>> {
        match self {
            Unary(name, kernels) => pointwise::unary(e, node, name, kernels, "y"),
            Binary(name, kernels) => pointwise::binary(e, node, name, kernels),
            Of(write) => write(e, node),
            No(why) => Err(err!(Unsupported, "{why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_op_has_one_rule() {
        assert!(RULES.windows(2).all(|w| w[0].0 < w[1].0), "out of order");
        let missing: Vec<_> =
            cornet_ops::all().map(|op| op.name).filter(|op| !RULES.iter().any(|(name, _)| name == op)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(RULES.len(), cornet_ops::all().count() + 1, "size alone is no op of cornet_ops");
    }
}
