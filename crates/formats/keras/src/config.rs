//! The JSON of a model: parsed within limits, and free of code.

use cornet_error::{Limits, Result, err, fail};
use serde_json::Value;

/// Bytes of a config, beyond which it is none; those of the largest models are a few million.
const CONFIG_BYTES_MAX: u64 = 64 << 20;

/// The typed values that stand for data.
const TYPED: [&str; 9] = [
    "__keras_tensor__",
    "__tensor__",
    "__numpy__",
    "__bytes__",
    "__slice__",
    "__ellipsis__",
    "__typespec__",
    // Written by Keras 2 only.
    "__tuple__",
    "__list__",
];

/// Parses and checks the JSON of a config ([`check_config`]).
///
/// # Errors
/// `corrupt` when it is no JSON, `limit_exceeded`, `unsafe_content`.
pub fn parse_config(json: &[u8], limits: &Limits) -> Result<Value> {
    Limits::check("bytes of a model's config", json.len() as u64, CONFIG_BYTES_MAX.min(limits.object_bytes))?;
    let config = serde_json::from_slice(json).map_err(|e| {
        let error = err!(Corrupt, "the model's config: expected JSON, found {e}");
        let at = format!("{e}");
        if ["NaN", "Infinity"].iter().any(|word| json.windows(word.len()).any(|w| w == word.as_bytes())) {
            error.help("NaN and Infinity, which Python writes, are not JSON; save the model with finite numbers")
        } else if at.contains("recursion") {
            error.help("it is nested deeper than any model's")
        } else {
            error
        }
    })?;
    check_config(&config, limits)?;
    Ok(config)
}

/// Admits a config that is data and refuses one that carries code: a walk over the whole of it.
///
/// Refused are Python functions by value (`__lambda__`, and the Lambda layers of Keras 2), unknown typed values, and
/// more nesting or objects than the limits allow. Whether a class of the config exists is not decided here.
///
/// # Errors
/// `unsafe_content`, with the place; `limit_exceeded`.
///
/// ```
/// use cornet_error::{Code, Limits};
/// let config = serde_json::json!({"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__"}}});
/// let error = cornet_format_keras::check_config(&config, &Limits::default()).unwrap_err();
/// assert_eq!(error.code(), Code::Unsafe);
/// ```
pub fn check_config(config: &Value, limits: &Limits) -> Result<()> {
    let mut walk = Walk { limits, objects: 0, place: Vec::new() };
    walk.value(config).map_err(|e| {
        let place: Vec<String> = walk.place.iter().map(ToString::to_string).collect();
        if place.is_empty() { e } else { e.within(place.join("/")) }
    })
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl std::fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => write!(f, "{index}"),
        }
    }
}

struct Walk<'a> {
    limits: &'a Limits,
    objects: usize,
    /// How the current value is reached; kept as it is when a check fails.
    place: Vec<Step<'a>>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, value: &'a Value) -> Result<()> {
        Limits::check("depth of a model's config", self.place.len() as u64, self.limits.depth as u64)?;
        match value {
            Value::Object(object) => {
                self.objects += 1;
                Limits::check("objects in a model's config", self.objects as u64, self.limits.entries as u64)?;
                self.object(object)?;
                for (key, inner) in object {
                    self.step(Step::Key(key), inner)?;
                }
            }
            Value::Array(items) => {
                for (index, inner) in items.iter().enumerate() {
                    self.step(Step::Index(index), inner)?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }

    fn step(&mut self, step: Step<'a>, inner: &'a Value) -> Result<()> {
        self.place.push(step);
        self.value(inner)?;
        self.place.pop();
        Ok(())
    }

    fn object(&self, object: &serde_json::Map<String, Value>) -> Result<()> {
        let class = object.get("class_name").and_then(Value::as_str).unwrap_or_default();
        let by_value = object.iter().any(|(key, value)| key.ends_with("_type") && value == "lambda");
        if class == "__lambda__" || by_value {
            return Err(err!(Unsafe, "expected a model as data, found Python code (a lambda)")
                .help("write the Lambda layer as a layer class of its own, and save the model again"));
        }
        if class.starts_with("__") && class.ends_with("__") && !TYPED.contains(&class) {
            fail!(Unsafe, "expected a known kind of value, found {class:?}");
        }
        Ok(())
    }
}
