//! JSON: nested lists of numbers.

use cornet_error::{Limits, Result, err, fail};
use cornet_tensor::Array;
use serde_json::Value;

/// Axes beyond which nesting is no array.
const RANK_MAX: usize = 16;

/// An array of float32 from nested lists, or from `{"instances": [...]}` as TensorFlow Serving takes them.
///
/// # Errors
/// `corrupt` for no JSON, lists of different lengths, or other values than numbers; `empty_data` without examples.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Array> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| err!(Corrupt, "JSON: {e}"))?;
    let lists = match &value {
        Value::Object(fields) => fields.get("instances").ok_or_else(|| {
            err!(Corrupt, "JSON: expected lists or an object with \"instances\", found an object without")
        })?,
        other => other,
    };
    let mut shape = Vec::new();
    let mut level = lists;
    while let Value::Array(items) = level {
        if shape.len() == RANK_MAX {
            fail!(LimitExceeded, "JSON: expected at most {RANK_MAX} axes, found more");
        }
        shape.push(items.len());
        let Some(first) = items.first() else {
            fail!(EmptyData, "JSON: expected numbers, found an empty list");
        };
        level = first;
    }
    if shape.is_empty() {
        fail!(Corrupt, "JSON: expected lists of numbers, found one value");
    }
    let mut values = Vec::new();
    gather(lists, &shape, &mut values)?;
    Limits::check("bytes of the array", (values.len() * size_of::<f32>()) as u64, limits.object_bytes)?;
    Array::from_vec(values, shape.as_slice())
}

fn gather(value: &Value, shape: &[usize], values: &mut Vec<f32>) -> Result<()> {
    match (value, shape) {
        (Value::Array(items), [size, rest @ ..]) if items.len() == *size => {
            items.iter().try_for_each(|item| gather(item, rest, values))
        }
        (Value::Array(items), [size, ..]) => {
            Err(err!(Corrupt, "JSON: expected lists of {size} items, found one of {}", items.len()))
        }
        (value, []) => match value.as_f64() {
            Some(number) => {
                values.push(number as f32);
                Ok(())
            }
            None => Err(err!(Corrupt, "JSON: expected a number, found {}", kind(value))),
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
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text.as_bytes(), &Limits::default()).unwrap_err().to_string()
    }

    #[test]
    fn lists_and_instances_are_arrays() {
        for text in ["[[1, 2], [3, 4.5]]", "{\"instances\": [[1, 2], [3, 4.5]]}"] {
            let x = parse(text.as_bytes(), &Limits::default()).unwrap();
            assert_eq!(x.shape().as_slice(), [2, 2]);
            assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.5]);
        }
    }

    #[test]
    fn other_values_are_refused() {
        assert!(refused("[[1, 2], [3]]").contains("lists of 2 items, found one of 1"));
        assert!(refused("[[1, 2], 3]").contains("expected a list, found a number"));
        assert!(refused("[1, \"a\"]").contains("expected a number, found a text"));
        assert!(refused("[1, [2]]").contains("expected a number, found a list"));
        assert!(refused("[]").contains("[empty_data]"));
        assert!(refused("7").contains("found one value"));
        assert!(refused("{\"inputs\": []}").contains("instances"));
        assert!(refused("[1,").contains("[corrupt]"));
    }
}
