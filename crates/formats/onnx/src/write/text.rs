//! Strings, and tables.

use cornet_error::{Result, fail};
use cornet_export::OpenNode;
use cornet_tensor::DType;

use super::emit::{A, Emit};

/// LabelEncoder of `ai.onnx.ml`.
pub(super) fn lookup(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (keys, values, default) = (n.attrs.array("keys")?, n.attrs.array("values")?, n.attrs.array("default")?);
    if n.attrs.int("buckets")? > 0 && keys.dtype() == DType::Str {
        fail!(Unsupported, "table: expected one default for what is no key, found buckets: ONNX has no such hash");
    }
    if n.attrs.int("buckets")? > 1 {
        fail!(Unsupported, "table: expected one default for what is no key, found buckets");
    }
    let x = e.x(n, 0)?;
    let word = |a: &cornet_tensor::Array| -> Result<String> {
        let strings = a.strings()?;
        Ok(String::from_utf8_lossy(strings.first().map_or(&[][..], Vec::as_slice)).into_owned())
    };
    let (kind, of) = (
        if keys.dtype() == DType::Str { "keys_strings" } else { "keys_int64s" },
        if values.dtype() == DType::Str { "values_strings" } else { "values_int64s" },
    );
    let mut attrs = vec![(kind, list(keys)?), (of, list(values)?)];
    let other = if values.dtype() == DType::Str { word(default)? } else { String::new() };
    attrs.push(match values.dtype() {
        DType::Str => ("default_string", A::S(&other)),
        _ => ("default_int64", A::I(default.item::<i64>()?)),
    });
    Ok(vec![e.ml_node("LabelEncoder", &[&x], &attrs)?])
}

fn list(array: &cornet_tensor::Array) -> Result<A<'static>> {
    match array.dtype() {
        DType::Str => Ok(A::Strings(array.strings()?.to_vec())),
        DType::I64 => Ok(A::Ints(array.to_vec::<i64>()?)),
        other => fail!(Unsupported, "table: expected strings or int64, found {other}"),
    }
}

pub(super) fn regex_full_match(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let x = e.x(n, 0)?;
    Ok(vec![e.node("RegexFullMatch", &[&x], &[("pattern", A::S(n.attrs.str("pattern")?))])?])
}

pub(super) fn string_join(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let x = e.all(n)?;
    let separator = n.attrs.str("separator")?;
    let mut parts = x.into_iter();
    let Some(mut joined) = parts.next() else { fail!(Internal, "string_join without inputs") };
    let word = cornet_tensor::Array::from_strings(vec![separator.as_bytes().to_vec()], cornet_tensor::Shape::scalar())?;
    for part in parts {
        if !separator.is_empty() {
            let word = e.constant(&word)?;
            joined = e.node("StringConcat", &[&joined, &word], &[])?;
        }
        joined = e.node("StringConcat", &[&joined, &part], &[])?;
    }
    Ok(vec![joined])
}
