//! JSON: nested lists, and the requests that TensorFlow Serving takes.

use cornet_error::{Limits, Result, err, fail};
use cornet_program::{Signature, TensorSpec};
use cornet_tensor::Array;
use serde_json::{Map, Value};

/// Axes beyond which nesting is no array.
const RANK_MAX: usize = 16;

/// The inputs of a function from JSON: nested lists for the one input; `{"instances": [...]}`, with an object of inputs
/// for each example where there are several; `{"inputs": ...}`, all examples of one input after the other.
///
/// # Errors
/// `corrupt` for no JSON, lists of different lengths, or other values than numbers, truth values and texts; `empty_data`
/// without examples; `invalid_argument` for inputs that are missing or unknown.
pub fn read(bytes: &[u8], signature: &Signature, limits: &Limits) -> Result<Vec<Array>> {
    let value = json(bytes)?;
    let Value::Object(fields) = &value else { return alone(&value, signature, limits) };
    match (fields.get("instances"), fields.get("inputs")) {
        (Some(instances), None) => of_instances(instances, signature, limits),
        (None, Some(Value::Object(inputs))) if !is_binary(inputs) => by_name(inputs, signature, limits),
        (None, Some(inputs)) => alone(inputs, signature, limits),
        (Some(_), Some(_)) => fail!(Corrupt, "JSON: expected \"instances\" or \"inputs\", found both"),
        (None, None) => {
            fail!(
                Corrupt,
                "JSON: expected lists or an object with \"instances\" or \"inputs\", found an object without"
            )
        }
    }
}

/// An array from nested lists, or from the list that `{"instances": [...]}` or `{"inputs": [...]}` has.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Array> {
    let value = json(bytes)?;
    match &value {
        Value::Object(fields) => match fields.get("instances").or_else(|| fields.get("inputs")) {
            Some(lists) => array(lists, limits),
            None => fail!(Corrupt, "JSON: expected lists or an object with \"instances\", found an object without"),
        },
        lists => array(lists, limits),
    }
}

/// A text a line.
///
/// # Errors
/// `empty_data` without lines, `limit_exceeded`.
pub fn lines(bytes: &[u8], limits: &Limits) -> Result<Array> {
    Limits::check("bytes of the texts", bytes.len() as u64, limits.object_bytes)?;
    let mut lines: Vec<Vec<u8>> = bytes.split(|&b| b == b'\n').map(|l| l.trim_ascii_end().to_vec()).collect();
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    if lines.is_empty() {
        fail!(EmptyData, "expected lines of text, found none");
    }
    let count = lines.len();
    Array::from_strings(lines, [count])
}

fn json(bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).map_err(|e| err!(Corrupt, "JSON: {e}"))
}

fn names(signature: &Signature) -> String {
    signature.inputs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn alone(lists: &Value, signature: &Signature, limits: &Limits) -> Result<Vec<Array>> {
    if signature.inputs.len() != 1 {
        return Err(err!(InvalidArgument, "JSON: expected arrays for {}, found one", names(signature))
            .help("{\"inputs\": {\"name\": [...], ...}} gives each input by its name"));
    }
    Ok(vec![array(lists, limits)?])
}

fn by_name(inputs: &Map<String, Value>, signature: &Signature, limits: &Limits) -> Result<Vec<Array>> {
    check_names(inputs, signature)?;
    let of = |spec: &TensorSpec| {
        let lists = inputs.get(&spec.name).ok_or_else(|| missing(spec, signature))?;
        array(lists, limits).map_err(|e| e.within(format!("input '{}'", spec.name)))
    };
    signature.inputs.iter().map(of).collect()
}

/// Examples one after the other.
fn of_instances(instances: &Value, signature: &Signature, limits: &Limits) -> Result<Vec<Array>> {
    let Some(examples) = instances.as_array() else {
        fail!(Corrupt, "JSON: expected a list of instances, found {}", kind(instances));
    };
    let is_object = |example: &Value| example.as_object().is_some_and(|fields| !is_binary(fields));
    if !examples.first().is_some_and(is_object) {
        return alone(instances, signature, limits);
    }
    let mut columns: Vec<Vec<Value>> = vec![Vec::new(); signature.inputs.len()];
    for example in examples {
        let Some(fields) = example.as_object() else {
            fail!(Corrupt, "JSON: expected objects as the first instance is one, found {}", kind(example));
        };
        check_names(fields, signature)?;
        for (column, spec) in columns.iter_mut().zip(&signature.inputs) {
            column.push(fields.get(&spec.name).ok_or_else(|| missing(spec, signature))?.clone());
        }
    }
    let of = |(column, spec): (Vec<Value>, &TensorSpec)| {
        array(&Value::Array(column), limits).map_err(|e| e.within(format!("input '{}'", spec.name)))
    };
    columns.into_iter().zip(&signature.inputs).map(of).collect()
}

fn check_names(fields: &Map<String, Value>, signature: &Signature) -> Result<()> {
    match fields.keys().find(|key| !signature.inputs.iter().any(|spec| spec.name == **key)) {
        Some(other) => {
            fail!(InvalidArgument, "JSON: expected the inputs {}, found '{}'", names(signature), other.escape_default())
        }
        None => Ok(()),
    }
}

fn missing(spec: &TensorSpec, signature: &Signature) -> cornet_error::Error {
    err!(InvalidArgument, "JSON: expected the inputs {}, found none called '{}'", names(signature), spec.name)
}

/// Whether it is bytes in base64: `{"b64": "..."}`.
fn is_binary(fields: &Map<String, Value>) -> bool {
    fields.len() == 1 && fields.contains_key("b64")
}

/// Numbers as float64, or int64 if all are whole; truth values; texts.
fn array(lists: &Value, limits: &Limits) -> Result<Array> {
    let mut shape = Vec::new();
    let mut level = lists;
    while let Value::Array(items) = level {
        if shape.len() == RANK_MAX {
            fail!(LimitExceeded, "JSON: expected at most {RANK_MAX} axes, found more");
        }
        shape.push(items.len());
        let Some(first) = items.first() else {
            fail!(EmptyData, "JSON: expected values, found an empty list");
        };
        level = first;
    }
    if shape.is_empty() {
        fail!(Corrupt, "JSON: expected lists, found one value");
    }
    let mut values = Vec::new();
    gather(lists, &shape, &mut values)?;
    Limits::check("bytes of the array", (values.len() * size_of::<f64>()) as u64, limits.object_bytes)?;
    packed(&values, &shape)
}

fn packed(values: &[&Value], shape: &[usize]) -> Result<Array> {
    let wrong = |expected: &str| {
        let found = values.iter().find(|value| kind(value) != expected).map_or("others", |value| kind(value));
        err!(Corrupt, "JSON: expected {expected}, found {found}")
    };
    let first = values.first().map_or("a number", |value| kind(value));
    match first {
        "a text" => {
            let strings = values.iter().map(|v| bytes_of(v)).collect::<Option<Vec<_>>>();
            Array::from_strings(strings.ok_or_else(|| wrong("a text"))?, shape)
        }
        "a boolean" => {
            let flags = values.iter().map(|v| v.as_bool()).collect::<Option<Vec<_>>>();
            Array::from_vec(flags.ok_or_else(|| wrong("a boolean"))?, shape)
        }
        _ => match values.iter().map(|v| v.as_i64()).collect::<Option<Vec<_>>>() {
            Some(whole) => Array::from_vec(whole, shape),
            None => {
                let numbers = values.iter().map(|v| v.as_f64()).collect::<Option<Vec<_>>>();
                Array::from_vec(numbers.ok_or_else(|| wrong("a number"))?, shape)
            }
        },
    }
}

fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Object(fields) if is_binary(fields) => base64(fields["b64"].as_str()?),
        _ => None,
    }
}

/// Decodes base64 of either alphabet, with padding or without.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let digits = text.trim_end_matches('=').bytes().map(digit).collect::<Option<Vec<u8>>>()?;
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        if group.len() == 1 {
            return None;
        }
        let bits = group.iter().fold(0_u32, |bits, &d| bits << 6 | u32::from(d)) << (6 * (4 - group.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

fn gather<'a>(value: &'a Value, shape: &[usize], values: &mut Vec<&'a Value>) -> Result<()> {
    match (value, shape) {
        (Value::Array(items), [size, rest @ ..]) if items.len() == *size => {
            items.iter().try_for_each(|item| gather(item, rest, values))
        }
        (Value::Array(items), [size, ..]) => {
            Err(err!(Corrupt, "JSON: expected lists of {size} items, found one of {}", items.len()))
        }
        (Value::Array(_), []) => Err(err!(Corrupt, "JSON: expected a value, found a list")),
        (value, []) => match kind(value) {
            kind @ ("null" | "an object") => Err(err!(Corrupt, "JSON: expected a value, found {kind}")),
            _ => {
                values.push(value);
                Ok(())
            }
        },
        (value, _) => Err(err!(Corrupt, "JSON: expected a list, found {}", kind(value))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(fields) if is_binary(fields) => "a text",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornet_tensor::DType;

    fn signature(names: &[&str]) -> Signature {
        let inputs = names.iter().map(|name| TensorSpec::new(*name, DType::F32, None)).collect();
        Signature { name: "f".into(), inputs, ..Signature::default() }
    }

    fn of(text: &str, names: &[&str]) -> Result<Vec<Array>> {
        read(text.as_bytes(), &signature(names), &Limits::default())
    }

    fn refused(text: &str) -> String {
        of(text, &["x"]).unwrap_err().to_string()
    }

    #[test]
    fn lists_instances_and_inputs_are_arrays() {
        let forms = [
            "[[1, 2], [3, 4.5]]",
            "{\"instances\": [[1, 2], [3, 4.5]]}",
            "{\"inputs\": [[1, 2], [3, 4.5]]}",
            "{\"inputs\": {\"x\": [[1, 2], [3, 4.5]]}}",
            "{\"instances\": [{\"x\": [1, 2]}, {\"x\": [3, 4.5]}]}",
        ];
        for text in forms {
            let x = of(text, &["x"]).unwrap().remove(0);
            assert_eq!(x.shape().as_slice(), [2, 2], "{text}");
            assert_eq!(x.to_vec::<f64>().unwrap(), [1.0, 2.0, 3.0, 4.5]);
        }
        assert_eq!(parse(forms[1].as_bytes(), &Limits::default()).unwrap().dtype(), DType::F64);
    }

    #[test]
    fn several_inputs_come_by_name() {
        for text in [
            "{\"instances\": [{\"b\": \"x\", \"a\": 1}, {\"a\": 2, \"b\": {\"b64\": \"eQ==\"}}]}",
            "{\"inputs\": {\"b\": [\"x\", \"y\"], \"a\": [1, 2]}}",
        ] {
            let x = of(text, &["a", "b"]).unwrap();
            assert_eq!(x[0].to_vec::<i64>().unwrap(), [1, 2]);
            assert_eq!(x[1].strings().unwrap(), [b"x", b"y"]);
        }
        let wrong = |text: &str| of(text, &["a", "b"]).unwrap_err().to_string();
        assert!(wrong("[1]").contains("expected arrays for a, b, found one"));
        assert!(wrong("{\"inputs\": {\"a\": [1]}}").contains("found none called 'b'"));
        assert!(wrong("{\"inputs\": {\"c\": [1]}}").contains("expected the inputs a, b, found 'c'"));
    }

    #[test]
    fn base64_is_decoded() {
        for (text, bytes) in [("", &b""[..]), ("Zg==", b"f"), ("Zm8", b"fo"), ("Zm9v", b"foo"), ("-_8=", b"\xfb\xff")] {
            assert_eq!(base64(text).as_deref(), Some(bytes), "{text}");
        }
        assert_eq!(base64("Z"), None);
        assert_eq!(base64("Zm9*"), None);
    }

    #[test]
    fn other_values_are_refused() {
        assert!(refused("[[1, 2], [3]]").contains("lists of 2 items, found one of 1"));
        assert!(refused("[[1, 2], 3]").contains("expected a list, found a number"));
        assert!(refused("[1, \"a\"]").contains("expected a number, found a text"));
        assert!(refused("[\"a\", 1]").contains("expected a text, found a number"));
        assert!(refused("[1, [2]]").contains("expected a value, found a list"));
        assert!(refused("[1, null]").contains("found null"));
        assert!(refused("[]").contains("[empty_data]"));
        assert!(refused("7").contains("found one value"));
        assert!(refused("{\"outputs\": []}").contains("instances"));
        assert!(refused("[1,").contains("[corrupt]"));
    }
}
