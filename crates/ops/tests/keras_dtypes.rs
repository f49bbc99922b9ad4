//! Dtypes of results against Keras 3.15.1 on TensorFlow 2.21: `golden/dtypes.txt`, written by
//! `golden/generate_dtypes.py`. Where Keras refuses, Cornet may answer.

use cornet_ops::Tensor;
use cornet_tensor::DType;

const DTYPES: [(&str, DType); 12] = [
    ("b", DType::Bool),
    ("i1", DType::I8),
    ("i2", DType::I16),
    ("i4", DType::I32),
    ("i8", DType::I64),
    ("u1", DType::U8),
    ("u2", DType::U16),
    ("u4", DType::U32),
    ("f2", DType::F16),
    ("bf", DType::BF16),
    ("f4", DType::F32),
    ("f8", DType::F64),
];

type Unary = fn(&Tensor) -> Tensor;
type Binary = fn(&Tensor, &Tensor) -> Tensor;

const UNARY: &[(&str, Unary)] = &[
    ("absolute", Tensor::absolute),
    ("sign", Tensor::sign),
    ("floor", Tensor::floor),
    ("ceil", Tensor::ceil),
    ("round", Tensor::round),
    ("trunc", Tensor::trunc),
    ("sqrt", Tensor::sqrt),
    ("rsqrt", Tensor::rsqrt),
    ("reciprocal", Tensor::reciprocal),
    ("exp", Tensor::exp),
    ("exp2", Tensor::exp2),
    ("expm1", Tensor::expm1),
    ("log", Tensor::log),
    ("log1p", Tensor::log1p),
    ("log2", Tensor::log2),
    ("log10", Tensor::log10),
    ("sin", Tensor::sin),
    ("arctan", Tensor::arctan),
    ("sinh", Tensor::sinh),
    ("square", Tensor::square),
    ("sigmoid", Tensor::sigmoid),
    ("silu", Tensor::silu),
    ("relu", Tensor::relu),
    ("gelu", |x| x.gelu(true)),
    ("softplus", Tensor::softplus),
    ("erf", Tensor::erf),
    ("isnan", Tensor::isnan),
    ("isfinite", Tensor::isfinite),
    ("signbit", Tensor::signbit),
    ("sinc", Tensor::sinc),
    ("logical_not", Tensor::logical_not),
    ("negative", Tensor::negative),
    ("nan_to_num", |x| x.nan_to_num(0.0, None, None)),
    ("deg2rad", Tensor::deg2rad),
    ("sum", |x| x.sum(&[], false)),
    ("prod", |x| x.prod(&[], false)),
    ("mean", |x| x.mean(&[], false)),
    ("max", |x| x.max(&[], false)),
    ("min", |x| x.min(&[], false)),
    ("var", |x| x.var(&[], false)),
    ("std", |x| x.std(&[], false)),
    ("any", |x| x.any(&[], false)),
    ("all", |x| x.all(&[], false)),
    ("argmax", |x| x.argmax(None, false)),
    ("count_nonzero", |x| x.count_nonzero(&[])),
    ("cumsum", |x| x.cumsum(None)),
    ("cumprod", |x| x.cumprod(None)),
    ("median", |x| x.median(&[], false)),
    ("logsumexp", |x| x.logsumexp(&[], false)),
    ("ptp", |x| x.ptp(&[], false)),
    ("nansum", |x| x.nansum(&[], false)),
    ("nanprod", |x| x.nanprod(&[], false)),
    ("nanmean", |x| x.nanmean(&[], false)),
    ("nanmax", |x| x.nanmax(&[], false)),
    ("nanvar", |x| x.nanvar(&[], false)),
    ("nanargmax", |x| x.nanargmax(None, false)),
    ("average", |x| x.average(&[], None)),
];

const BINARY: &[(&str, Binary)] = &[
    ("add", |a, b| a + b),
    ("subtract", |a, b| a - b),
    ("multiply", |a, b| a * b),
    ("divide", |a, b| a / b),
    ("floor_divide", |a, b| a.floor_divide(b)),
    ("mod", |a, b| a.mod_(b)),
    ("power", |a, b| a.power(b)),
    ("maximum", |a, b| a.maximum(b)),
    ("minimum", |a, b| a.minimum(b)),
    ("arctan2", |a, b| a.arctan2(b)),
    ("logaddexp", |a, b| a.logaddexp(b)),
    ("hypot", |a, b| a.hypot(b)),
    ("equal", |a, b| a.equal(b)),
    ("logical_and", |a, b| a.logical_and(b)),
    ("divide_no_nan", |a, b| a.divide_no_nan(b)),
    ("fmax", |a, b| a.fmax(b)),
    ("heaviside", |a, b| a.heaviside(b)),
    ("isclose", |a, b| a.isclose(b, 1e-5, 1e-8, false)),
];

#[test]
fn results_have_keras_dtypes() {
    let tensor = |dtype: DType, x: [i32; 3]| Tensor::of(x).cast(dtype);
    let mut wrong = Vec::new();
    let mut compare = |name: &str, inputs: &str, expected: &str, found: Tensor| {
        // On TensorFlow alone some functions make float64 of int64; on other backends integers become float32.
        let expected = if expected == "f8" && !inputs.contains("f8") { "f4" } else { expected };
        if expected == "-" {
            return;
        }
        let code = |d: DType| DTYPES.iter().find(|(_, known)| *known == d).map_or("?", |(code, _)| code);
        match found.dtype() {
            Ok(dtype) if code(dtype) == expected => {}
            Ok(dtype) => wrong.push(format!("{name} of {inputs}: Keras gives {expected}, found {}", code(dtype))),
            Err(error) => wrong.push(format!("{name} of {inputs}: {}", error.message())),
        }
    };
    let mut lines = 0;
    for line in include_str!("golden/dtypes.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let Some((name, f)) = UNARY.iter().find(|(name, _)| *name == words[0]) {
            for ((code, dtype), expected) in DTYPES.iter().zip(&words[1..]) {
                compare(name, code, expected, f(&tensor(*dtype, [1, 0, 1])));
            }
        } else if let Some((name, f)) = BINARY.iter().find(|(name, _)| *name == words[0]) {
            let (first, a) = DTYPES.iter().find(|(code, _)| *code == words[1]).expect("a dtype");
            for ((code, b), expected) in DTYPES.iter().zip(&words[2..]) {
                compare(name, &format!("{first} and {code}"), expected, f(&tensor(*a, [1, 0, 1]), &tensor(*b, [1; 3])));
            }
        } else {
            panic!("{}: not in the tables", words[0]);
        }
        lines += 1;
    }
    assert_eq!(lines, UNARY.len() + 12 * BINARY.len());
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
