//! Classical machine learning: the domain `ai.onnx.ml`.

use std::collections::{BTreeMap, HashMap};

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::{Entry, many, one, value};
use crate::call::Call;
use crate::value::{Map, Value};

pub(super) const OPS: &[Entry] = &[
    one("Binarizer", binarizer).ml(),
    one("CategoryMapper", category_mapper).ml(),
    one("FeatureVectorizer", feature_vectorizer).ml(),
    one("Imputer", imputer).ml(),
    one("LabelEncoder", label_encoder).ml(),
    many("LinearClassifier", linear_classifier).ml(),
    one("LinearRegressor", linear_regressor).ml(),
    one("Normalizer", normalizer).ml(),
    one("OneHotEncoder", one_hot_encoder).ml(),
    one("SVMRegressor", svm_regressor).ml(),
    one("Scaler", scaler).ml(),
    value("ZipMap", zip_map).ml(),
];

/// The first input in floats.
fn floats(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    Ok(if x.dtype()? == DType::F64 { x.clone() } else { x.cast(DType::F32) })
}

/// Floats of an attribute as a tensor of the dtype of `x`.
fn row(call: &Call<'_>, name: &str, x: &Tensor) -> Result<Option<Tensor>> {
    let Some(list) = call.floats(name)? else { return Ok(None) };
    let wide: Vec<f64> = list.iter().map(|&v| f64::from(v)).collect();
    Ok(Some(Array::from_f64(x.dtype()?, [wide.len()], &wide)?.into()))
}

fn binarizer(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    Ok(x.greater(call.float_or("threshold", 0.0)?).cast(x.dtype()?))
}

fn scaler(call: &Call<'_>) -> Result<Tensor> {
    let mut x = floats(call)?;
    if let Some(offset) = row(call, "offset", &x)? {
        x = x - offset;
    }
    Ok(match row(call, "scale", &x)? {
        Some(scale) => x * scale,
        None => x,
    })
}

fn imputer(call: &Call<'_>) -> Result<Tensor> {
    let x = call.tensor(0)?;
    let (with, missing) = match call.ints("imputed_value_int64s")?.filter(|v| !v.is_empty()) {
        Some(values) => {
            let values = Tensor::from(Array::from_slice(values, [values.len()])?);
            (values, x.equal(call.int_or("replaced_value_int64", 0)?))
        }
        None => {
            let values = row(call, "imputed_value_floats", x)?;
            let values = values.ok_or_else(|| err!(InvalidArgument, "imputed values: expected some, found none"))?;
            let replaced = call.float_or("replaced_value_float", 0.0)?;
            (values, if replaced.is_nan() { x.isnan() } else { x.equal(replaced) })
        }
    };
    Ok(missing.where_(with.cast(x.dtype()?), x))
}

fn normalizer(call: &Call<'_>) -> Result<Tensor> {
    let x = floats(call)?;
    let norm = match call.text_or("norm", "MAX")? {
        "MAX" => x.absolute().max(&[-1], true),
        "L1" => x.absolute().sum(&[-1], true),
        "L2" => x.square().sum(&[-1], true).sqrt(),
        other => fail!(InvalidArgument, "norm: expected MAX, L1 or L2, found '{other}'"),
    };
    Ok(&x / norm.maximum(1e-30))
}

fn feature_vectorizer(call: &Call<'_>) -> Result<Tensor> {
    let widths = call.ints("inputdimensions")?.map(crate::call::sizes).transpose()?;
    let mut parts = Vec::new();
    for i in 0..call.inputs.len() {
        let x = call.tensor(i)?.cast(DType::F32);
        let x = if x.rank()? == 1 { x.expand_dims(&[1]) } else { x };
        let shape = x.shape()?;
        let [_, own] = shape[..] else { fail!(RankMismatch, "input {i}: expected 2 axes, found {}", shape.rank()) };
        let width = widths.as_ref().and_then(|w| w.get(i)).copied().unwrap_or(own);
        call.admit(&[shape[0], width], DType::F32)?;
        let kept = x.slice_axis(1, 0, own.min(width));
        parts.push(kept.pad(&[(0, 0), (0, width.saturating_sub(own))]));
    }
    Ok(Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1))
}

/// Elements that label encoders look up, by their bits.
fn keys_of(x: &Array) -> Result<Vec<Vec<u8>>> {
    if x.dtype() == DType::Str {
        return Ok(x.strings()?.to_vec());
    }
    // Zeros of either sign are one key, and so are all NaN.
    let one = |v: f64| (if v.is_nan() { f64::NAN } else { v + 0.0 }).to_bits().to_le_bytes().to_vec();
    Ok(if x.dtype().is_float() {
        x.to_f64()?.into_iter().map(one).collect()
    } else {
        x.to_i64()?.into_iter().map(|v| v.to_le_bytes().to_vec()).collect()
    })
}

/// The list of an attribute in one of its types: `keys_floats`, `keys_int64s`, `keys_strings` or `keys_tensor`.
fn listed(call: &Call<'_>, name: &str) -> Result<Array> {
    if let Some(constant) = call.constant(&format!("{name}_tensor"))? {
        return Ok(constant.array.clone());
    }
    if let Some(list) = call.floats(&format!("{name}_floats"))?.filter(|l| !l.is_empty()) {
        return Array::from_slice(list, [list.len()]);
    }
    if let Some(list) = call.ints(&format!("{name}_int64s"))?.filter(|l| !l.is_empty()) {
        return Array::from_slice(list, [list.len()]);
    }
    match call.texts(&format!("{name}_strings"))?.filter(|l| !l.is_empty()) {
        Some(list) => Array::from_strings(list.to_vec(), [list.len()]),
        None => fail!(InvalidArgument, "{name}: expected a list, found none"),
    }
}

fn label_encoder(call: &Call<'_>) -> Result<Tensor> {
    let x = call.known(0)?;
    if let Some(classes) = call.texts("classes_strings")? {
        return first_encoder(call, &x, classes);
    }
    let (keys, values) = (listed(call, "keys")?, listed(call, "values")?);
    if keys.elements() != values.elements() {
        fail!(DimMismatch, "values: expected {}, found {}", keys.elements(), values.elements());
    }
    let keys = if keys.dtype() == x.dtype() || x.dtype() == DType::Str { keys } else { keys.cast(x.dtype())? };
    let places: HashMap<Vec<u8>, usize> = keys_of(&keys)?.into_iter().zip(0..).collect();
    let default = match (call.constant("default_tensor")?, values.dtype()) {
        (Some(constant), _) => constant.array.reshaped([1])?,
        (None, DType::Str) => {
            Array::from_strings(vec![call.text("default_string")?.unwrap_or("_Unused").as_bytes().to_vec()], [1])?
        }
        (None, DType::I64) => Array::from_slice(&[call.int_or("default_int64", -1)?], [1])?,
        (None, dtype) => Array::from_f64(dtype, [1], &[call.float_or("default_float", -0.0)?])?,
    };
    let last = values.elements() as i64;
    let found = keys_of(&x)?.iter().map(|k| places.get(k).map_or(last, |&p| p as i64)).collect::<Vec<_>>();
    let table = Tensor::concat(&[&Tensor::from(values.reshaped([last as usize])?), &default.into()], 0);
    Ok(table.take(&Tensor::from(Array::from_slice(&found, x.shape())?), 0))
}

/// Version 1: texts to their places, or places to texts.
fn first_encoder(call: &Call<'_>, x: &Array, classes: &[Vec<u8>]) -> Result<Tensor> {
    if x.dtype() == DType::Str {
        let default = call.int_or("default_int64", -1)?;
        let place = |s: &Vec<u8>| classes.iter().position(|c| c == s).map_or(default, |p| p as i64);
        let places: Vec<i64> = x.strings()?.iter().map(place).collect();
        return Ok(Array::from_slice(&places, x.shape())?.into());
    }
    let default = call.text_or("default_string", "_Unused")?.as_bytes().to_vec();
    let text = |&i: &i64| usize::try_from(i).ok().and_then(|i| classes.get(i)).unwrap_or(&default).clone();
    Ok(Array::from_strings(x.to_i64()?.iter().map(text).collect(), x.shape())?.into())
}

fn category_mapper(call: &Call<'_>) -> Result<Tensor> {
    let (texts, ints) =
        (call.texts("cats_strings")?.unwrap_or_default(), call.ints("cats_int64s")?.unwrap_or_default());
    let x = call.known(0)?;
    if x.dtype() == DType::Str {
        let default = call.int_or("default_int64", -1)?;
        let find =
            |s: &Vec<u8>| texts.iter().position(|t| t == s).and_then(|i| ints.get(i)).copied().unwrap_or(default);
        let found: Vec<i64> = x.strings()?.iter().map(find).collect();
        return Ok(Array::from_slice(&found, x.shape())?.into());
    }
    let default = call.text_or("default_string", "_Unused")?.as_bytes().to_vec();
    let find = |v: &i64| ints.iter().position(|t| t == v).and_then(|i| texts.get(i)).unwrap_or(&default).clone();
    Ok(Array::from_strings(x.to_i64()?.iter().map(find).collect(), x.shape())?.into())
}

fn one_hot_encoder(call: &Call<'_>) -> Result<Tensor> {
    let x = call.known(0)?;
    let (keys, classes) = match (call.texts("cats_strings")?, call.ints("cats_int64s")?) {
        (Some(texts), _) if !texts.is_empty() => (x.strings()?.to_vec(), texts.to_vec()),
        (_, Some(ints)) => {
            let bytes = |v: &i64| v.to_le_bytes().to_vec();
            (x.to_i64()?.iter().map(bytes).collect(), ints.iter().map(bytes).collect())
        }
        _ => fail!(InvalidArgument, "categories: expected texts or numbers, found none"),
    };
    let mut to = x.shape().to_vec();
    to.push(classes.len());
    let shape = call.admit(&to, DType::F32)?;
    let mut hot = vec![0_f32; shape.elements()];
    for (row, key) in hot.chunks_exact_mut(classes.len().max(1)).zip(&keys) {
        match classes.iter().position(|c| c == key) {
            Some(place) => row[place] = 1.0,
            None if call.int_or("zeros", 1)? == 0 => fail!(InvalidArgument, "input: a value that is no category"),
            None => {}
        }
    }
    Ok(Array::from_slice(&hot, shape)?.into())
}

/// Products of the first input with a node's coefficients, one row a target.
fn linear(call: &Call<'_>, targets: Option<usize>) -> Result<Tensor> {
    let x = floats(call)?;
    let x = if x.rank()? == 1 { x.expand_dims(&[0]) } else { x };
    let width = x.shape()?.last().copied().unwrap_or(0);
    let coefficients = row(call, "coefficients", &x)?;
    let coefficients = coefficients.ok_or_else(|| err!(InvalidArgument, "coefficients: expected some, found none"))?;
    let count = coefficients.shape()?.elements();
    let rows = targets.unwrap_or_else(|| count.checked_div(width).unwrap_or(0));
    let scores = x.matmul_with(&coefficients.reshape([rows, width]), false, true);
    Ok(match row(call, "intercepts", &x)? {
        Some(intercepts) => scores + intercepts,
        None => scores,
    })
}

fn linear_regressor(call: &Call<'_>) -> Result<Tensor> {
    let targets = usize::try_from(call.int_or("targets", 1)?).unwrap_or(0);
    let scores = linear(call, Some(targets))?;
    transformed(&scores, call.text_or("post_transform", "NONE")?)
}

/// Scores as a node's `post_transform` shows them.
pub(super) fn transformed(scores: &Tensor, word: &str) -> Result<Tensor> {
    Ok(match word {
        "NONE" => scores.clone(),
        "LOGISTIC" => scores.sigmoid(),
        "SOFTMAX" => scores.softmax(-1),
        "SOFTMAX_ZERO" => {
            // Zeros stay as small as they are beside the others.
            let top = scores.max(&[-1], true);
            let zero = scores.absolute().less_equal(1e-7);
            let raised = zero.where_(scores * &top.negative().exp(), (scores - &top).exp());
            &raised / raised.sum(&[-1], true)
        }
        "PROBIT" => (scores * 2.0 - 1.0).erfinv() * std::f64::consts::SQRT_2,
        other => fail!(InvalidArgument, "post_transform: found '{other}'"),
    })
}

/// The class labels of a classifier.
pub(super) fn labels(call: &Call<'_>, ints: &str) -> Result<Array> {
    match (call.ints(ints)?, call.texts("classlabels_strings")?) {
        (_, Some(texts)) if !texts.is_empty() => Array::from_strings(texts.to_vec(), [texts.len()]),
        (Some(ints), _) if !ints.is_empty() => Array::from_slice(ints, [ints.len()]),
        _ => fail!(InvalidArgument, "class labels: expected some, found none"),
    }
}

fn svm_regressor(call: &Call<'_>) -> Result<Tensor> {
    let x = floats(call)?;
    let missing = |name: &str| err!(InvalidArgument, "{name}: expected some, found none");
    let coefficients = row(call, "coefficients", &x)?.ok_or_else(|| missing("coefficients"))?;
    let rho = row(call, "rho", &x)?.ok_or_else(|| missing("rho"))?.slice_axis(0, 0, 1);
    let supports = usize::try_from(call.int_or("n_supports", 0)?).unwrap_or(0);
    let sum = if supports == 0 {
        x.matmul(coefficients.expand_dims(&[-1])) + rho
    } else {
        let vectors = row(call, "support_vectors", &x)?.ok_or_else(|| missing("support_vectors"))?;
        let width = vectors.shape()?.elements().checked_div(supports).unwrap_or(0);
        let vectors = vectors.reshape([supports, width]);
        let parameters = call.floats("kernel_params")?.unwrap_or_default();
        let parameter = |i: usize| parameters.get(i).map_or(0.0, |&p| f64::from(p));
        let (gamma, coefficient, degree) = (parameter(0), parameter(1), parameter(2));
        let products = x.matmul_with(&vectors, false, true);
        let kernel = match call.text_or("kernel_type", "LINEAR")? {
            "LINEAR" => products,
            "POLY" => (products * gamma + coefficient).power(degree.trunc()),
            "SIGMOID" => (products * gamma + coefficient).tanh(),
            "RBF" => {
                let squares = |t: &Tensor| t.square().sum(&[-1], true);
                let distance = squares(&x) + squares(&vectors).transpose(&[1, 0]) - products * 2.0;
                (distance * -gamma).exp()
            }
            other => fail!(InvalidArgument, "kernel_type: expected LINEAR, POLY, RBF or SIGMOID, found '{other}'"),
        };
        kernel.matmul(coefficients.expand_dims(&[-1])) + rho
    };
    if call.flag("one_class")? {
        return Ok(sum.greater(0.0).where_(Tensor::ones_like(&sum), Tensor::full_like(&sum, -1.0)));
    }
    transformed(&sum, call.text_or("post_transform", "NONE")?)
}

fn linear_classifier(call: &Call<'_>) -> Result<Vec<Value>> {
    let mut scores = linear(call, None)?;
    let labels = Tensor::from(labels(call, "classlabels_ints")?);
    let (classes, word) = (labels.shape()?.elements(), call.text_or("post_transform", "NONE")?);
    let width = scores.shape()?.last().copied().unwrap_or(0);
    if width == 1 && classes == 2 {
        scores = Tensor::concat(&[&scores.negative(), &scores], -1);
    }
    let shown = transformed(&scores, word)?;
    if width == 1 && classes == 1 {
        let least = if word == "NONE" { 0.0 } else { 0.5 };
        let yes = shown.greater_equal(least).squeeze(&[-1]);
        return Ok(vec![(yes.cast(DType::I64) * labels).into(), shown.into()]);
    }
    Ok(vec![labels.take(&shown.argmax(Some(-1), false), 0).into(), shown.into()])
}

fn zip_map(call: &Call<'_>) -> Result<Value> {
    let x = call.known(0)?;
    let labels = labels(call, "classlabels_int64s")?;
    let scores = x.to_f64()?;
    let rows = scores.chunks_exact(labels.elements().max(1));
    let maps = rows.map(|row| {
        Ok(Value::Map(match labels.dtype() {
            DType::Str => {
                Map::Texts(labels.strings()?.iter().cloned().zip(row.iter().copied()).collect::<BTreeMap<_, _>>())
            }
            _ => Map::Ints(labels.to_i64()?.into_iter().zip(row.iter().copied()).collect()),
        }))
    });
    Ok(Value::Sequence(maps.collect::<Result<Vec<_>>>()?))
}
