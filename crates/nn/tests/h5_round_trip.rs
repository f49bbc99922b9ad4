//! `.h5` files that are written here and read again, and made-up files of older versions.

use std::path::PathBuf;

use cornet_cpu as _;
use cornet_error::Code;
use cornet_format_keras::{KerasFile, Legacy, LegacyLayer, Metadata, write_legacy};
use cornet_nn::layers::{Add, BatchNormalization, Bidirectional, Dense, GRU, Input, LSTM, TimeDistributed};
use cornet_nn::models::{BoxedModel, Functional, Model, Sequential, Symbolic};
use cornet_nn::saving::{H5Options, WeightOptions, load_model, save_h5};
use cornet_tensor::Array;
use serde_json::{Value, json};

fn place(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("cornet_h5_{}_{name}.h5", std::process::id()))
}

fn array(values: &[f32], shape: &[usize]) -> Array {
    Array::from_slice(values, shape).unwrap()
}

fn ramp(shape: &[usize]) -> Array {
    let count: usize = shape.iter().product();
    array(&(0..count).map(|i| i as f32).collect::<Vec<_>>(), shape)
}

/// A file of an older version with these layers, and what it loads as.
fn older(version: &str, config: Value, layers: &[(&str, Vec<(&str, Array)>)]) -> cornet_error::Result<BoxedModel> {
    let layers = layers.iter().map(|(name, weights)| LegacyLayer {
        name: (*name).into(),
        weights: weights.iter().map(|(name, array)| ((*name).into(), array.clone())).collect(),
    });
    let legacy = Legacy { layers: layers.collect(), ..Legacy::default() };
    let metadata = Metadata { keras_version: version.into(), date_saved: String::new() };
    let file =
        KerasFile { metadata, config, weights: Default::default(), assets: Default::default(), legacy: Some(legacy) };
    let path = place(&format!("older_{:?}", std::thread::current().id()));
    write_legacy(&path, &file)?;
    let model = load_model(&path);
    std::fs::remove_file(path).unwrap();
    model
}

#[test]
fn a_model_saved_as_h5_goes_on_where_it_was() {
    let inner_input = Input::new([3]).symbol();
    let inner = Functional::new(&inner_input, Dense::new(2).activation("tanh").on(&inner_input)).unwrap();
    let x = Input::new([4, 3]).symbol();
    let h = x.then(Bidirectional::new(LSTM::new(2).return_sequences(true))).then(TimeDistributed::new(Dense::new(3)));
    let h = h.then(GRU::new(3)).then(BatchNormalization::new());
    let inner: std::sync::Arc<dyn cornet_nn::layers::Layer> = std::sync::Arc::new(inner);
    let (a, b) = (h.then(inner.clone()), h.then(Dense::new(3)).then(inner));
    let model = Functional::new(&x, [&Add::new().on([&a, &b]), &a]).unwrap();
    model.compile("adam", "mse", ()).unwrap();
    let input = ramp(&[2, 4, 3]);
    let targets = vec![ramp(&[2, 2]), ramp(&[2, 2])];
    for _ in 0..2 {
        model.train_on_batch(&input, &targets).unwrap();
    }
    for for_keras_2 in [false, true] {
        let path = place(&format!("goes_on_{for_keras_2}"));
        save_h5(&model, &path, &H5Options::new().for_keras_2(for_keras_2)).unwrap();
        let loaded = load_model(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(loaded.get_weights().unwrap(), model.get_weights().unwrap());
        let same = |model: &dyn Fn() -> cornet_error::Result<Vec<Array>>| model().unwrap();
        assert_eq!(
            same(&|| loaded.predict_with(&input, Default::default())),
            same(&|| model.predict_with(&input, Default::default()))
        );
        assert_eq!(loaded.optimizer().unwrap().variables().len(), model.optimizer().unwrap().variables().len());
        for (own, saved) in loaded.optimizer().unwrap().variables().iter().zip(model.optimizer().unwrap().variables()) {
            assert_eq!(own.value().unwrap(), saved.value().unwrap(), "{}", saved.name());
        }
    }
}

#[test]
fn weights_load_by_name_and_skip_what_does_not_fit() {
    let make = |units: usize, name: &str| {
        let first = Dense::new(3).name("first");
        Sequential::new().add(Input::new([2])).add(first).add(Dense::new(units).name(name.to_owned()))
    };
    let saved = make(4, "second");
    let path = place("by_name");
    save_h5(&saved, &path, &H5Options::new()).unwrap();
    let other = make(5, "other");
    assert_eq!(other.load_weights(&path).unwrap_err().code(), Code::ShapeMismatch);
    assert!(other.load_weights_with(&path, &WeightOptions::new().by_name(true)).unwrap().is_empty());
    assert_eq!(other.get_weights().unwrap()[..2], saved.get_weights().unwrap()[..2]);
    let wider = make(5, "second");
    assert!(wider.load_weights_with(&path, &WeightOptions::new().by_name(true)).is_err());
    let left_out = wider.load_weights_with(&path, &WeightOptions::new().skip_mismatch(true)).unwrap();
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert_eq!(wider.get_weights().unwrap()[..2], saved.get_weights().unwrap()[..2]);
    std::fs::remove_file(path).unwrap();
}

fn convolution(ordering: &str) -> Value {
    let shape = if ordering == "tf" { json!([null, 4, 4, 2]) } else { json!([null, 2, 4, 4]) };
    json!({"class_name": "Sequential", "config": [{"class_name": "Convolution2D", "config": {
        "name": "c", "batch_input_shape": shape, "input_dtype": "float32", "nb_filter": 1, "nb_row": 2, "nb_col": 2,
        "init": "glorot_uniform", "activation": "linear", "border_mode": "valid", "subsample": [1, 1],
        "dim_ordering": ordering, "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5}, "bias": true,
    }}]})
}

#[test]
fn kernels_of_theano_are_turned_around_and_those_of_tensorflow_are_not() {
    let kernel = |version, ordering, name, kernel: Array| {
        let model = older(version, convolution(ordering), &[("c", vec![(name, kernel), ("b", ramp(&[1]))])]).unwrap();
        model.get_weights().unwrap()[0].to_vec::<f32>().unwrap()
    };
    let stored = ramp(&[2, 2, 2, 1]);
    assert_eq!(kernel("1.2.2", "tf", "c_W:0", stored.clone()), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    assert_eq!(kernel("1.2.2", "tf", "c_W", stored), [6.0, 7.0, 4.0, 5.0, 2.0, 3.0, 0.0, 1.0]);
    // Filters and channels came first, [1, 2, 2, 2]: channel 0 has 0 to 3, channel 1 has 4 to 7.
    let first = ramp(&[1, 2, 2, 2]);
    assert_eq!(kernel("1.2.2", "th", "c_W:0", first), [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);
}

#[test]
fn gates_that_keras_1_stored_one_by_one_are_joined() {
    let config = json!({"class_name": "Sequential", "config": [{"class_name": "LSTM", "config": {
        "name": "l", "batch_input_shape": [null, 3, 1], "output_dim": 1, "init": "uniform", "inner_init": "orthogonal",
        "forget_bias_init": "one", "activation": "tanh", "inner_activation": "hard_sigmoid", "return_sequences": false,
        "go_backwards": false, "stateful": false, "unroll": false, "consume_less": "cpu", "input_dim": 1,
        "input_length": null, "W_regularizer": null, "dropout_W": 0.0, "dropout_U": 0.0,
    }}]});
    let gate = |name: &str, value: f32| {
        [("W", vec![1, 1]), ("U", vec![1, 1]), ("b", vec![1])]
            .map(|(kind, shape)| (format!("l_{kind}_{name}:0"), array(&[value], &shape)))
    };
    let stored: Vec<(String, Array)> =
        [("i", 1.0), ("c", 2.0), ("f", 3.0), ("o", 4.0)].into_iter().flat_map(|(name, v)| gate(name, v)).collect();
    let stored: Vec<(&str, Array)> = stored.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
    let model = older("1.2.2", config, &[("l", stored)]).unwrap();
    for weight in model.get_weights().unwrap() {
        assert_eq!(weight.to_vec::<f32>().unwrap(), [1.0, 3.0, 2.0, 4.0]);
    }
}

#[test]
fn weights_of_cudnn_layers_are_those_of_plain_ones() {
    let config = json!({"class_name": "Sequential", "config": [{"class_name": "CuDNNGRU", "config": {
        "name": "g", "batch_input_shape": [null, 3, 2], "units": 2, "return_sequences": false, "return_state": false,
        "go_backwards": false, "stateful": false,
    }}]});
    let stored = vec![("k", ramp(&[2, 6])), ("r", ramp(&[2, 6])), ("b", ramp(&[12]))];
    let model = older("2.2.4", config, &[("g", stored)]).unwrap();
    let weights = model.get_weights().unwrap();
    let rows = |array: &Array| array.to_vec::<f32>().unwrap();
    // Each gate's part of a kernel was stored column by column; a recurrent one is transposed, too.
    assert_eq!(rows(&weights[0]), [0.0, 6.0, 2.0, 8.0, 4.0, 10.0, 1.0, 7.0, 3.0, 9.0, 5.0, 11.0]);
    assert_eq!(rows(&weights[1]), [0.0, 6.0, 2.0, 8.0, 4.0, 10.0, 1.0, 7.0, 3.0, 9.0, 5.0, 11.0]);
    assert_eq!(weights[2].shape().as_slice(), [2, 6]);
}

#[test]
fn a_sequence_that_begins_with_a_merge_is_a_model_of_two_inputs() {
    let branch = |name: &str| {
        json!({"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {
            "name": name, "output_dim": 1, "input_dim": 2, "init": "uniform", "activation": "linear", "bias": true,
        }}]})
    };
    let config = json!({"class_name": "Sequential", "config": [
        {"class_name": "Merge", "config": {"name": "m", "mode": "concat", "concat_axis": -1, "mode_type": "raw",
            "layers": [branch("a"), branch("b")]}},
        {"class_name": "MaxoutDense", "config": {"name": "x", "output_dim": 1, "nb_feature": 2, "input_dim": 2, "bias": true}},
    ]});
    let dense = |name: &'static str, weight: f32| {
        (name, vec![("W:0", array(&[weight, weight], &[2, 1])), ("b:0", array(&[0.0], &[1]))])
    };
    let maxout =
        ("x", vec![("x_W:0", array(&[1.0, 1.0, -1.0, -1.0], &[2, 2, 1])), ("x_b:0", array(&[0.0, 0.5], &[2, 1]))]);
    let model = older("1.1.0", config, &[dense("a", 1.0), dense("b", 2.0), maxout]).unwrap();
    let inputs = vec![array(&[1.0, 2.0, -3.0, 0.0], &[2, 2]), array(&[0.5, 0.5, -1.0, 0.0], &[2, 2])];
    let y = model.predict(&inputs).unwrap().to_vec::<f32>().unwrap();
    // 3 and 2 make 5; -3 and -2 make -5, whose opposite and 0.5 is larger.
    assert_eq!(y, [5.0, 5.5]);
}

#[test]
fn code_and_unknown_layers_of_older_files_are_refused_with_help() {
    let layer = |class: &str| {
        let mut config = json!({"name": "x", "batch_input_shape": [null, 2]});
        if class == "Lambda" {
            config["function"] = json!(["4wEAAAA=", null, null]);
            config["function_type"] = "lambda".into();
        }
        json!({"class_name": "Sequential", "config": [{"class_name": class, "config": config}]})
    };
    for (class, code) in [
        ("Lambda", Code::Unsafe),
        ("Highway", Code::Unsupported),
        ("TFOpLambda", Code::Unsupported),
        ("MyOwnLayer", Code::Unsupported),
    ] {
        let error = older("2.4.0", layer(class), &[]).err().unwrap();
        assert_eq!(error.code(), code, "{class}: {error}");
        assert!(error.help_text().is_some(), "{class}: {error}");
    }
}
