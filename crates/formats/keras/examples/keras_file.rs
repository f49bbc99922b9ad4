//! Builds, copies and lists Keras files, for a program that compares them with what Keras makes of them.
//!
//! * `keras_file build FILE` writes `Sequential([Input((2, 3)), Flatten(), Dense(4, "relu")])` with known weights.
//! * `keras_file compiled FILE` writes it compiled with Adam that has made 7 steps.
//! * `keras_file copy FROM TO` reads a file and writes it again.
//! * `keras_file list FILE` prints every variable: path, dtype, shape, FNV-1a of its bytes.

use std::path::Path;

use cornet_error::{Limits, Result, fail};
use cornet_format_keras::{KerasFile, Metadata, Saved, WeightStore, read, write};
use cornet_tensor::Array;
use serde_json::{Value, json};

/// `count` floats that start at `from`, a quarter apart.
fn floats(from: f32, count: usize, shape: &[usize]) -> Result<Array> {
    Array::from_vec((0..count).map(|i| from + i as f32 * 0.25).collect::<Vec<f32>>(), shape)
}

fn config(compiled: bool) -> Value {
    let policy =
        json!({"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": null});
    let layer = |class: &str, config: Value, build: Value| {
        let mut layer =
            json!({"module": "keras.layers", "class_name": class, "config": config, "registered_name": null});
        if !build.is_null() {
            layer["build_config"] = json!({"input_shape": build});
        }
        layer
    };
    let initializer = |class: &str, config: Value| json!({"module": "keras.initializers", "class_name": class, "config": config, "registered_name": null});
    let layers = json!([
        layer(
            "InputLayer",
            json!({"batch_shape": [null, 2, 3], "dtype": "float32", "sparse": false, "name": "input_layer"}),
            Value::Null
        ),
        layer(
            "Flatten",
            json!({"name": "flatten", "trainable": true, "dtype": policy, "data_format": "channels_last"}),
            json!([null, 2, 3])
        ),
        layer(
            "Dense",
            json!({
                "name": "dense", "trainable": true, "dtype": policy, "units": 4, "activation": "relu", "use_bias": true,
                "kernel_initializer": initializer("GlorotUniform", json!({"seed": null})),
                "bias_initializer": initializer("Zeros", json!({})),
                "kernel_regularizer": null, "bias_regularizer": null, "kernel_constraint": null, "bias_constraint": null,
            }),
            json!([null, 6]),
        ),
    ]);
    let mut model = json!({
        "module": "keras", "class_name": "Sequential",
        "config": {"name": "sequential", "trainable": true, "dtype": policy, "layers": layers, "build_input_shape": [null, 2, 3]},
        "registered_name": null, "build_config": {"input_shape": [null, 2, 3]},
    });
    if compiled {
        model["compile_config"] = json!({
            "optimizer": {
                "module": "keras.optimizers", "class_name": "Adam",
                "config": {
                    "name": "adam", "learning_rate": 0.001, "weight_decay": null, "clipnorm": null, "global_clipnorm": null,
                    "clipvalue": null, "use_ema": false, "ema_momentum": 0.99, "ema_overwrite_frequency": null,
                    "loss_scale_factor": null, "gradient_accumulation_steps": null, "beta_1": 0.9, "beta_2": 0.999,
                    "epsilon": 1e-7, "amsgrad": false,
                },
                "registered_name": null,
            },
            "loss": "mean_squared_error", "loss_weights": null, "metrics": ["mean_absolute_error"],
            "weighted_metrics": null, "run_eagerly": false, "steps_per_execution": 1, "jit_compile": false,
        });
    }
    model
}

fn build(compiled: bool) -> Result<KerasFile> {
    let mut weights = WeightStore::default();
    weights.set("", Saved::new("sequential", []));
    weights.set("layers/flatten", Saved::new("flatten", []));
    weights.set("layers/dense", Saved::new("dense", [floats(-2.0, 24, &[6, 4])?, floats(0.5, 4, &[4])?]));
    if compiled {
        let state = [
            Array::scalar(7_i64),
            Array::scalar(0.002_f32),
            floats(1.0, 24, &[6, 4])?,
            floats(2.0, 24, &[6, 4])?,
            floats(3.0, 4, &[4])?,
            floats(4.0, 4, &[4])?,
        ];
        weights.set("optimizer", Saved::new("adam", state));
    }
    let assets = [("note.txt".to_owned(), b"an asset no layer asks for".to_vec())].into();
    Ok(KerasFile { metadata: Metadata::now(), config: config(compiled), weights, assets, legacy: None })
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn list(file: &KerasFile) {
    for (path, saved) in file.weights.iter() {
        for (key, array) in saved.iter() {
            let group = if path.is_empty() { "vars".to_owned() } else { format!("{path}/vars") };
            println!("{group}/{key}\t{}\t{:?}\t{:016x}", array.dtype(), array.shape().as_slice(), fnv(array.bytes()));
        }
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let limits = Limits::default();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["build", to] => write(Path::new(to), &build(false)?),
        ["compiled", to] => write(Path::new(to), &build(true)?),
        ["copy", from, to] => write(Path::new(to), &read(Path::new(from), &limits)?),
        ["list", from] => {
            list(&read(Path::new(from), &limits)?);
            Ok(())
        }
        _ => fail!(InvalidArgument, "usage: keras_file build|compiled FILE, copy FROM TO, list FILE"),
    }
}
