//! How an older model was compiled.

use serde_json::{Map, Value, json};

use super::objects::plain;

/// Names of losses and metrics that Keras 3 has under others.
const NAMES: &[(&str, &str)] = &[
    ("acc", "accuracy"),
    ("cosine", "cosine_similarity"),
    ("cosine_proximity", "cosine_similarity"),
    ("kullback_leibler_divergence", "kl_divergence"),
    ("KLD", "kl_divergence"),
    ("kld", "kl_divergence"),
    ("logcosh", "log_cosh"),
    ("Logcosh", "log_cosh"),
];

/// Arguments of optimizers that say how they compute.
const WITHOUT_EFFECT: &[&str] = &["is_legacy_optimizer", "jit_compile", "schedule_decay", "is_distributed"];

/// The compile config of today for the training config of an older file.
pub(super) fn compile_config(training: &Value) -> Value {
    let get = |key: &str| training.get(key).cloned().unwrap_or(Value::Null);
    let mut made = Map::new();
    made.insert("optimizer".into(), optimizer(&training["optimizer_config"]));
    made.insert("loss".into(), objects(get("loss"), 0));
    made.insert("loss_weights".into(), get("loss_weights"));
    for key in ["metrics", "weighted_metrics"] {
        made.insert(key.into(), objects(get(key), 0));
    }
    for key in ["run_eagerly", "steps_per_execution", "jit_compile"] {
        if training.get(key).is_some_and(|found| found.is_boolean() || found.is_u64()) {
            made.insert(key.into(), get(key));
        }
    }
    made.into()
}

/// An optimizer. A rate that decays is a schedule: `rate / (1 + decay · step)`.
fn optimizer(object: &Value) -> Value {
    let written = object["class_name"].as_str().unwrap_or_default();
    let class = written.strip_prefix("Custom>").unwrap_or(written);
    let mut config = object["config"].as_object().cloned().unwrap_or_default();
    config.retain(|key, value| !value.is_null() && !WITHOUT_EFFECT.contains(&key.as_str()));
    for value in config.values_mut() {
        *value = plain(value.take());
    }
    if let Some(rate) = config.remove("lr") {
        config.insert("learning_rate".into(), rate);
    }
    let decay = config.remove("decay").and_then(|decay| decay.as_f64()).unwrap_or(0.0);
    if let (true, Some(rate)) = (decay != 0.0, config.get("learning_rate").and_then(Value::as_f64)) {
        let schedule = json!({"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay});
        config.insert("learning_rate".into(), json!({"class_name": "InverseTimeDecay", "config": schedule}));
    }
    json!({"class_name": class, "config": config})
}

/// Losses and metrics in lists, by name of outputs, or alone.
fn objects(value: Value, depth: usize) -> Value {
    let newer = |name: &str| NAMES.iter().find(|(older, _)| *older == name).map_or(name, |(_, newer)| newer).to_owned();
    match plain(value) {
        Value::String(name) => newer(&name).into(),
        Value::Array(list) if depth < 8 => list.into_iter().map(|inner| objects(inner, depth + 1)).collect(),
        Value::Object(mut object) if object.contains_key("class_name") => {
            if let Some(Value::Object(config)) = object.get_mut("config") {
                if config.get("reduction").and_then(Value::as_str) == Some("auto") {
                    config.insert("reduction".into(), "sum_over_batch_size".into());
                }
                let is_wrapper = object.get("class_name").and_then(Value::as_str) == Some("MeanMetricWrapper");
                let Some(Value::Object(config)) = object.get_mut("config") else { return object.into() };
                if is_wrapper {
                    if let Some(Value::String(function)) = config.get_mut("fn") {
                        *function = newer(function);
                    }
                } else {
                    config.remove("fn");
                    config.remove("ragged");
                }
                // Keras 2 wrote down the number of thresholds it made, and the sizes that it found.
                for key in ["init_from_thresholds", "num_labels"] {
                    if config.get(key).is_some_and(Value::is_null) {
                        config.remove(key);
                    }
                }
            }
            object.into()
        }
        Value::Object(map) if depth < 8 => {
            map.into_iter().map(|(key, inner)| (key, objects(inner, depth + 1))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_training_config_becomes_a_compile_config() {
        let older = json!({
            "optimizer_config": {"class_name": "RMSprop", "config": {"lr": 0.5, "rho": 0.9, "decay": 0.25, "epsilon": null}},
            "loss": "kullback_leibler_divergence", "metrics": ["acc"], "loss_weights": null, "sample_weight_mode": null,
        });
        let newer = compile_config(&older);
        assert_eq!(newer["loss"], "kl_divergence");
        assert_eq!(newer["metrics"], json!(["accuracy"]));
        let schedule = json!({"class_name": "InverseTimeDecay", "config": {"initial_learning_rate": 0.5, "decay_steps": 1, "decay_rate": 0.25}});
        assert_eq!(
            newer["optimizer"],
            json!({"class_name": "RMSprop", "config": {"rho": 0.9, "learning_rate": schedule}})
        );
    }
}
