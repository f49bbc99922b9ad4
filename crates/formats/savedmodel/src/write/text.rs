//! Strings.

use cornet_error::{Result, fail};
use cornet_export::OpenNode;

use super::emit::Emit;
use super::proto::A;

/// A node of one string with these attributes.
fn one(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str, attrs: &[(&str, A<'_>)]) -> Result<Vec<String>> {
    let x = e.x(n, 0)?;
    Ok(vec![e.node(op, &[&x], attrs, "output")?])
}

pub(super) fn case(e: &mut Emit<'_, '_>, n: &OpenNode, op: &str) -> Result<Vec<String>> {
    let encoding = if n.attrs.bool("unicode")? { "utf-8" } else { "" };
    one(e, n, op, &[("encoding", A::Str(encoding))])
}

pub(super) fn length(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let unit = if n.attrs.bool("characters")? { "UTF8_CHAR" } else { "BYTE" };
    one(e, n, "StringLength", &[("unit", A::Str(unit))])
}

pub(super) fn strip(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    one(e, n, "StringStrip", &[])
}

pub(super) fn to_number(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    one(e, n, "StringToNumber", &[("out_type", A::Type(n.attrs.dtype("dtype")?))])
}

pub(super) fn full_match(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    one(e, n, "StaticRegexFullMatch", &[("pattern", A::Str(n.attrs.str("pattern")?))])
}

pub(super) fn replace(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let attrs = [
        ("pattern", A::Str(n.attrs.str("pattern")?)),
        ("rewrite", A::Str(n.attrs.str("rewrite")?)),
        ("replace_global", A::Bool(n.attrs.bool("all")?)),
    ];
    one(e, n, "StaticRegexReplace", &attrs)
}

pub(super) fn join(e: &mut Emit<'_, '_>, n: &OpenNode) -> Result<Vec<String>> {
    let (x, rank) = (e.all(n)?, e.out(n).rank());
    for i in 0..x.len() {
        // TensorFlow broadcasts scalars alone.
        if e.ty(n, i)?.rank() > 0 && e.ty(n, i)?.shape != e.out(n).shape {
            fail!(
                Unsupported,
                "expected strings of one shape or scalars, found {rank} axes and {}",
                e.ty(n, i)?.rank()
            );
        }
    }
    let inputs: Vec<&str> = x.iter().map(String::as_str).collect();
    let attrs = [("N", A::Int(x.len() as i64)), ("separator", A::Str(n.attrs.str("separator")?))];
    Ok(vec![e.node("StringJoin", &inputs, &attrs, "output")?])
}
