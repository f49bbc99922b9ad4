//! Which of our ops is which of ONNX's.

use cornet_error::{Result, err};
use cornet_export::OpenNode;

use super::emit::Emit;
use super::{control, index, nn, pointwise, reduce, shape, text};

/// How an op is written.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// The node of this name, of one input, which has kernels for float32 alone if the flag is not set.
    Unary(&'static str, Kernels),
    /// The node of this name, of two inputs that broadcast.
    Binary(&'static str, Kernels),
    /// The comparison of this name.
    Compare(&'static str),
    /// As this function says.
    Of(fn(&mut Emit<'_, '_>, &OpenNode) -> Result<Vec<String>>),
    /// Not at all, for this reason.
    None(&'static str),
}

/// The dtypes that a node of ONNX is run in by programs that read it; others are converted before and after.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernels {
    /// float32.
    Single,
    /// float32 and float64.
    Floats,
    /// float32, float64, int32, int64.
    Numbers,
    /// All of them.
    Any,
}

use Kernels::{Any, Floats, Numbers, Single};
use Rule::{Binary, Compare, None as No, Of, Unary};

const COMPLEX: &str = "ONNX has no complex numbers";
const SPECIAL: &str = "ONNX has no such function";
const FACTORS: &str = "ONNX has no matrix factorisations";
const RANDOM: &str = "ONNX's random numbers are others for the same seed";
const TRAINING: &str = "it occurs in training alone";
const SHAPES: &str = "the sizes of ONNX's result depend on values";
const TEXT: &str = "ONNX has no such op on strings";

/// Our ops in the order of their names.
static RULES: &[(&str, Rule)] = &[
    ("absolute", Unary("Abs", Any)),
    ("add", Binary("Add", Numbers)),
    ("all", Of(reduce::all)),
    ("any", Of(reduce::any)),
    ("arccos", Unary("Acos", Single)),
    ("arccosh", Unary("Acosh", Single)),
    ("arcsin", Unary("Asin", Single)),
    ("arcsinh", Unary("Asinh", Single)),
    ("arctan", Unary("Atan", Single)),
    ("arctan2", Of(pointwise::arctan2)),
    ("arctanh", Unary("Atanh", Single)),
    ("argmax", Of(reduce::argmax)),
    ("argmin", Of(reduce::argmin)),
    ("argsort", Of(index::argsort)),
    ("as_string", No("ONNX prints numbers otherwise")),
    ("avg_pool", Of(nn::avg_pool)),
    ("avg_pool_gradient", No(TRAINING)),
    ("bitwise_and", Of(|e, n| pointwise::bits(e, n, "And", "BitwiseAnd"))),
    ("bitwise_not", Unary("BitwiseNot", Any)),
    ("bitwise_or", Of(|e, n| pointwise::bits(e, n, "Or", "BitwiseOr"))),
    ("bitwise_xor", Of(|e, n| pointwise::bits(e, n, "Xor", "BitwiseXor"))),
    ("broadcast_to", Of(shape::broadcast_to)),
    ("cast", Of(shape::cast)),
    ("cbrt", Of(pointwise::cbrt)),
    ("ceil", Unary("Ceil", Floats)),
    ("cholesky", No(FACTORS)),
    ("clip", Of(pointwise::clip)),
    ("complex", No(COMPLEX)),
    ("concat", Of(shape::concat)),
    ("cond", Of(control::cond)),
    ("conj", No(COMPLEX)),
    ("constant", No("constants are no nodes")),
    ("conv", Of(nn::conv)),
    ("conv_input_gradient", Of(nn::conv_input_gradient)),
    ("conv_kernel_gradient", No(TRAINING)),
    ("cos", Unary("Cos", Floats)),
    ("cosh", Unary("Cosh", Single)),
    ("ctc_beam", No(SPECIAL)),
    ("ctc_greedy", No(SPECIAL)),
    ("ctc_loss", No(TRAINING)),
    ("ctc_loss_gradient", No(TRAINING)),
    ("cumprod", No(SPECIAL)),
    ("cumsum", Of(reduce::cumsum)),
    ("det", Unary("Det", Single)),
    ("digamma", No(SPECIAL)),
    ("divide", Binary("Div", Floats)),
    ("dynamic_slice", Of(shape::dynamic_slice)),
    ("dynamic_update_slice", Of(shape::dynamic_update_slice)),
    ("eig", No(FACTORS)),
    ("eigh", No(FACTORS)),
    ("equal", Compare("Equal")),
    ("erf", Unary("Erf", Single)),
    ("erfc", Of(pointwise::erfc)),
    ("erfinv", No(SPECIAL)),
    ("exp", Unary("Exp", Floats)),
    ("expm1", Of(pointwise::expm1)),
    ("fft", No(COMPLEX)),
    ("flip", Of(shape::flip)),
    ("floor", Unary("Floor", Floats)),
    ("floor_divide", Of(pointwise::floor_divide)),
    ("fmod", Of(pointwise::fmod)),
    ("gather_nd", Of(index::gather_nd)),
    ("gcd", No(SPECIAL)),
    ("gelu", Unary("Gelu", Single)),
    ("gelu_tanh", Of(pointwise::gelu_tanh)),
    ("greater", Compare("Greater")),
    ("greater_equal", Compare("GreaterOrEqual")),
    ("hashed_cross", No(TEXT)),
    ("i0", No(SPECIAL)),
    ("i1", No(SPECIAL)),
    ("imag", No(COMPLEX)),
    ("iota", Of(shape::iota)),
    ("irfft", No(COMPLEX)),
    ("isfinite", Of(pointwise::isfinite)),
    ("isinf", Unary("IsInf", Floats)),
    ("isnan", Unary("IsNaN", Floats)),
    ("left_shift", Of(|e, n| pointwise::shift(e, n, "LEFT"))),
    ("less", Compare("Less")),
    ("less_equal", Compare("LessOrEqual")),
    ("lgamma", No(SPECIAL)),
    ("log", Unary("Log", Floats)),
    ("log10", Of(|e, n| pointwise::log(e, n, std::f64::consts::LN_10))),
    ("log1p", Of(pointwise::log1p)),
    ("log2", Of(|e, n| pointwise::log(e, n, std::f64::consts::LN_2))),
    ("log_softmax", Of(|e, n| nn::softmax(e, n, "LogSoftmax"))),
    ("logical_not", Unary("Not", Any)),
    ("lookup", Of(text::lookup)),
    ("lu", No(FACTORS)),
    ("matmul", Of(nn::matmul)),
    ("max", Of(|e, n| reduce::reduce(e, n, "ReduceMax"))),
    ("max_pool", Of(nn::max_pool)),
    ("max_pool_gradient", No(TRAINING)),
    ("max_pool_pick", No(TRAINING)),
    ("maximum", Binary("Max", Numbers)),
    ("min", Of(|e, n| reduce::reduce(e, n, "ReduceMin"))),
    ("minimum", Binary("Min", Numbers)),
    ("mod", Of(pointwise::modulo)),
    ("multiply", Binary("Mul", Numbers)),
    ("negative", Unary("Neg", Numbers)),
    ("nextafter", No(SPECIAL)),
    ("nonzero", No(SHAPES)),
    ("not_equal", Of(pointwise::not_equal)),
    ("pad", Of(shape::pad)),
    ("power", Binary("Pow", Numbers)),
    ("prod", Of(|e, n| reduce::reduce(e, n, "ReduceProd"))),
    ("put_along_axis", Of(index::put_along_axis)),
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
    ("real", No(COMPLEX)),
    ("reciprocal", Unary("Reciprocal", Floats)),
    ("regex_full_match", Of(text::regex_full_match)),
    ("regex_replace", No(TEXT)),
    ("relu", Of(pointwise::relu)),
    ("relu_grad", No(TRAINING)),
    ("reshape", Of(shape::reshape)),
    ("rfft", No(COMPLEX)),
    ("right_shift", Of(|e, n| pointwise::shift(e, n, "RIGHT"))),
    ("round", Unary("Round", Floats)),
    ("rsqrt", Of(pointwise::rsqrt)),
    ("scan", Of(control::scan)),
    ("scatter_nd", Of(index::scatter_nd)),
    ("searchsorted", Of(index::searchsorted)),
    ("sigmoid", Unary("Sigmoid", Floats)),
    ("sign", Unary("Sign", Any)),
    ("signbit", Of(pointwise::signbit)),
    ("silu", Of(pointwise::silu)),
    ("sin", Unary("Sin", Floats)),
    ("sinh", Unary("Sinh", Single)),
    ("size", Of(shape::size)),
    ("slice", Of(shape::slice)),
    ("slogdet", No(FACTORS)),
    ("softmax", Of(|e, n| nn::softmax(e, n, "Softmax"))),
    ("softmax_cross_entropy", No(TRAINING)),
    ("softmax_cross_entropy_gradient", No(TRAINING)),
    ("softmax_gradient", No(TRAINING)),
    ("softplus", Unary("Softplus", Single)),
    ("solve", No(FACTORS)),
    ("solve_triangular", No(FACTORS)),
    ("sort", Of(index::sort)),
    ("sqrt", Unary("Sqrt", Floats)),
    ("square", Of(pointwise::square)),
    ("stop_gradient", Unary("Identity", Any)),
    ("string_join", Of(text::string_join)),
    ("string_length", No(TEXT)),
    ("string_lower", No(TEXT)),
    ("string_reduce_join", No(TEXT)),
    ("string_remove", No(TEXT)),
    ("string_split", No(TEXT)),
    ("string_strip", No(TEXT)),
    ("string_to_hash_bucket", No(TEXT)),
    ("string_to_number", No(TEXT)),
    ("string_upper", No(TEXT)),
    ("substr", No(TEXT)),
    ("subtract", Binary("Sub", Numbers)),
    ("sum", Of(|e, n| reduce::reduce(e, n, "ReduceSum"))),
    ("svd", No(FACTORS)),
    ("take", Of(index::take)),
    ("take_along_axis", Of(index::take_along_axis)),
    ("tan", Unary("Tan", Single)),
    ("tanh", Unary("Tanh", Floats)),
    ("tokenize", No(TEXT)),
    ("top_k", Of(index::top_k)),
    ("transpose", Of(shape::transpose)),
    ("trigamma", No(SPECIAL)),
    ("trunc", Of(pointwise::trunc)),
    ("unique", No(SHAPES)),
    ("view", No("ONNX has no change of dtype that keeps the bits")),
    ("view_as_complex", No(COMPLEX)),
    ("view_as_real", No(COMPLEX)),
    ("where", Of(pointwise::select)),
    ("while_loop", Of(control::while_loop)),
    ("while_loop_grad", No(TRAINING)),
];

/// Our ops that are not written, each with the reason.
pub fn unsupported() -> impl Iterator<Item = (&'static str, &'static str)> {
    RULES.iter().filter_map(|(op, rule)| if let No(why) = rule { Some((*op, *why)) } else { None })
}

/// How an op is written.
pub(super) fn rule(op: &str) -> Result<Rule> {
    let found = RULES.binary_search_by_key(&op, |(name, _)| name).ok().map(|i| RULES[i].1);
    match found {
        Some(No(why)) => Err(err!(Unsupported, "expected an op with an equivalent in ONNX, found '{op}': {why}")
            .help("write a SavedModel, or take the layer that needs it out of the model")),
        Some(rule) => Ok(rule),
        None => Err(err!(Unsupported, "expected an op with an equivalent in ONNX, found '{op}'")),
    }
}

impl Rule {
    /// Writes a node; the names of its results.
    pub fn apply(self, e: &mut Emit<'_, '_>, node: &OpenNode) -> Result<Vec<String>> {
        match self {
            Unary(name, kernels) => pointwise::plain(e, node, name, kernels),
            Binary(name, kernels) => pointwise::plain(e, node, name, kernels),
            Compare(name) => pointwise::compare(e, node, name),
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
