//! What stands in the arguments of layers: activations, initializers, regularizers, constraints, dtypes.

use serde_json::{Map, Value, json};

use super::Generation;
use crate::activations::OLDER_HARD_SIGMOID;

/// The value of an argument as Keras 3 has it.
pub(super) fn argument(key: &str, value: Value, generation: Generation) -> Value {
    let value = plain(value);
    if key.ends_with("activation") {
        return activation(value, generation);
    }
    if key.ends_with("initializer") {
        return initializer(value);
    }
    if key.ends_with("regularizer") {
        return regularizer(value);
    }
    if key.ends_with("constraint") {
        return constraint(value);
    }
    value
}

/// Numbers that were arrays of NumPy, tuples and shapes that were objects.
pub(super) fn plain(value: Value) -> Value {
    let Value::Object(map) = &value else { return value };
    let is = |key: &str, words: &[&str]| map.get(key).and_then(Value::as_str).is_some_and(|word| words.contains(&word));
    if is("type", &["ndarray"]) {
        return map.get("value").cloned().unwrap_or(Value::Null);
    }
    if is("class_name", &["__tuple__", "TensorShape"]) {
        return map.get("items").cloned().unwrap_or(Value::Null);
    }
    value
}

/// A dtype or a policy by its name.
pub(super) fn dtype(value: &Value) -> Value {
    match value["class_name"].as_str() {
        Some("Policy" | "PolicyV1" | "AutoCastVariable") => value["config"]["name"].clone(),
        _ => value.clone(),
    }
}

fn activation(value: Value, generation: Generation) -> Value {
    if generation == Generation::Three {
        return value;
    }
    let name = match &value {
        Value::String(name) => name.as_str(),
        Value::Object(object) if object.get("class_name").and_then(Value::as_str) == Some("function") => {
            object.get("config").and_then(Value::as_str).unwrap_or_default()
        }
        _ => return value,
    };
    match name {
        "hard_sigmoid" => OLDER_HARD_SIGMOID.into(),
        "softmax_v2" => "softmax".into(),
        _ => value,
    }
}

fn initializer(value: Value) -> Value {
    let Value::Object(mut object) = value else { return value };
    // The dtype was that of the weight, which knows its own.
    for name in ["class_name", "registered_name"] {
        if let Some(Value::String(class)) = object.get_mut(name) {
            for version in ["V1", "V2"] {
                if let Some(bare) = class.strip_suffix(version) {
                    *class = bare.to_owned();
                }
            }
        }
    }
    if let Some(Value::Object(config)) = object.get_mut("config") {
        config.remove("dtype");
        config.remove("partition_info");
        for value in config.values_mut() {
            *value = plain(value.take());
        }
        if config.get("distribution").and_then(Value::as_str) == Some("normal") {
            config.insert("distribution".into(), "truncated_normal".into());
        }
    }
    Value::Object(object)
}

/// `{"name": "WeightRegularizer", "l1": …, "l2": …}` is Keras 1's.
fn regularizer(value: Value) -> Value {
    match &value {
        Value::Object(object) if !object.contains_key("class_name") => {
            let factor = |key: &str| plain(object.get(key).cloned().unwrap_or(json!(0.0)));
            json!({"class_name": "L1L2", "config": {"l1": factor("l1"), "l2": factor("l2")}})
        }
        _ => with_plain_config(value),
    }
}

/// `{"name": "MaxNorm", "m": …, "axis": …}` is Keras 1's.
fn constraint(value: Value) -> Value {
    let Value::Object(object) = &value else { return value };
    let Some(name) = object.get("name").and_then(Value::as_str).filter(|_| !object.contains_key("class_name")) else {
        return with_plain_config(value);
    };
    let mut config = Map::new();
    for (from, to) in
        [("m", "max_value"), ("low", "min_value"), ("high", "max_value"), ("rate", "rate"), ("axis", "axis")]
    {
        if let Some(found) = object.get(from) {
            config.insert(to.into(), plain(found.clone()));
        }
    }
    let class = match name.to_ascii_lowercase().as_str() {
        "maxnorm" | "max_norm" => "MaxNorm",
        "nonneg" | "non_neg" => "NonNeg",
        "unitnorm" | "unit_norm" => "UnitNorm",
        "minmaxnorm" | "min_max_norm" => "MinMaxNorm",
        _ => name,
    };
    json!({"class_name": class, "config": config})
}

fn with_plain_config(mut value: Value) -> Value {
    if let Some(config) = value.get_mut("config").and_then(Value::as_object_mut) {
        for value in config.values_mut() {
            *value = plain(value.take());
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_objects_become_those_of_keras_3() {
        for (key, older, newer) in [
            ("activation", json!("hard_sigmoid"), json!(OLDER_HARD_SIGMOID)),
            ("recurrent_activation", json!("tanh"), json!("tanh")),
            (
                "W_regularizer",
                json!({"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5}),
                json!({"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}}),
            ),
            (
                "kernel_constraint",
                json!({"name": "maxnorm", "m": 2, "axis": 0}),
                json!({"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}}),
            ),
            (
                "kernel_initializer",
                json!({"class_name": "VarianceScaling", "config": {"scale": 1.0, "distribution": "normal", "dtype": "float32"}}),
                json!({"class_name": "VarianceScaling", "config": {"scale": 1.0, "distribution": "truncated_normal"}}),
            ),
            ("alpha", json!({"type": "ndarray", "value": 0.25}), json!(0.25)),
        ] {
            assert_eq!(argument(key, older, Generation::Two), newer, "{key}");
        }
        assert_eq!(argument("activation", json!("hard_sigmoid"), Generation::Three), json!("hard_sigmoid"));
    }
}
