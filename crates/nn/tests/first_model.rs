//! A model from its first layer to a reloaded file, on the CPU backend.

use cornet_cpu as _;
use cornet_nn::layers::{Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D};
use cornet_nn::losses::SparseCategoricalCrossentropy;
use cornet_nn::models::{Model, Sequential};
use cornet_nn::optimizers::{Adam, Sgd};
use cornet_nn::saving::load_model;
use cornet_nn::training::progress::ProgbarOptions;
use cornet_nn::training::{FitOptions, Verbose};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

fn quiet<'a>() -> FitOptions<'a> {
    FitOptions::new().seed(1).verbose(Verbose::Silent)
}

/// Points of three clusters, and which.
fn clusters(n: usize) -> (Array, Array) {
    let mut x = Vec::new();
    let mut y = Vec::new();
    for i in 0..n {
        let class = i % 3;
        let wobble = |k: usize| ((i * k * 7919) % 1000) as f32 / 1000.0 - 0.5;
        x.extend([class as f32 * 2.0 - 2.0 + wobble(3), (class as f32 - 1.0).abs() * 2.0 + wobble(5)]);
        y.push(class as i64);
    }
    (Array::from_vec(x, [n, 2]).unwrap(), Array::from_vec(y, [n]).unwrap())
}

fn dense_model(seed: u64) -> Sequential {
    Sequential::named("clusters")
        .seed(seed)
        .add(Input::new([2]))
        .add(Dense::new(16).activation("relu").name("hidden"))
        .add(Dense::new(3).activation("softmax").name("classes"))
}

#[test]
fn a_dense_model_learns_predicts_and_survives_its_file() {
    let (x, y) = clusters(301);
    let model = dense_model(3);
    model.compile(Adam::new().learning_rate(0.01), "sparse_categorical_crossentropy", ["accuracy"]).unwrap();
    let history = model.fit(&x, &y, quiet().epochs(20).validation_split(0.2)).unwrap();
    assert_eq!(history.epochs.len(), 20);
    let names: Vec<&str> = history.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["accuracy", "loss", "val_accuracy", "val_loss"]);
    assert!(history.get("loss")[0] > history.last("loss").unwrap(), "{history:?}");
    assert!(history.last("val_accuracy").unwrap() > 0.9, "{history:?}");

    let logs = model.evaluate(&x, &y).unwrap();
    assert!(logs["accuracy"] > 0.9 && logs.loss().is_finite(), "{logs}");
    let predictions = model.predict(&x).unwrap();
    assert_eq!(predictions.shape().as_slice(), [301, 3]);
    let rows = predictions.to_vec::<f32>().unwrap();
    assert!(rows.chunks(3).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));

    let path = std::env::temp_dir().join(format!("cornet_nn_first_{}.keras", std::process::id()));
    model.save(&path).unwrap();
    let loaded = load_model(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loaded.predict(&x).unwrap(), predictions);
    // The optimizer goes on where it stopped.
    let more = |m: &dyn Model| m.fit(&x, &y, quiet()).unwrap().last("loss").unwrap();
    assert_eq!(more(&model), more(&loaded));
}

#[test]
fn same_seeds_give_the_same_training_and_others_another() {
    let (x, y) = clusters(100);
    let train = |seed: u64| {
        let model = dense_model(seed);
        model.compile(Sgd::new().momentum(0.9), "sparse_categorical_crossentropy", ()).unwrap();
        model.fit(&x, &y, FitOptions::new().epochs(2).verbose(Verbose::Silent)).unwrap();
        model.get_weights().unwrap()
    };
    assert!(train(5) == train(5));
    assert!(train(5) != train(6));
}

#[test]
fn a_convolutional_model_with_dropout_learns() {
    let n = 96;
    let images: Vec<f32> = (0..n * 64)
        .map(|i| {
            let (image, row) = (i / 64, i % 64 / 8);
            // Bright above for one class, below for the other.
            if (image % 2 == 0) == (row < 4) { 1.0 } else { ((i * 31) % 10) as f32 / 20.0 }
        })
        .collect();
    let x = Array::from_vec(images, [n, 8, 8]).unwrap();
    let y = Array::from_vec((0..n).map(|i| (i % 2) as u8).collect::<Vec<_>>(), [n, 1]).unwrap();
    let model = Sequential::new()
        .seed(1)
        .add(Input::new([8, 8, 1]))
        .add(Conv2D::new(4, 3).activation("relu").padding("same"))
        .add(MaxPooling2D::default())
        .add(Flatten::new())
        .add(Dropout::new(0.25))
        .add(Dense::new(2).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"]).unwrap();
    let history = model.fit(&x, &y, quiet().batch_size(20).epochs(20)).unwrap();
    assert!(history.last("accuracy").unwrap() > 0.9, "{history:?}");
}

#[test]
fn a_model_without_input_is_built_by_its_first_data() {
    let (x, y) = clusters(30);
    let model = Sequential::new().seed(1).add(Dense::new(4)).add(Dense::new(3));
    assert!(model.summary().unwrap().contains("0 (unbuilt)"));
    assert_eq!(model.count_params().unwrap_err().code().word(), "invalid_state");
    model.compile("sgd", "sparse_categorical_crossentropy", ()).unwrap();
    model.fit(&x, &y, quiet()).unwrap();
    assert_eq!(model.count_params().unwrap(), 12 + 15);
    let y = model.forward(&Tensor::of([[1.0_f32, 2.0]]), false).unwrap();
    assert_eq!(y.shape().unwrap().as_slice(), [1, 3]);
}

#[test]
fn the_display_looks_like_keras() {
    let (x, y) = clusters(100);
    let model = dense_model(1);
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"]).unwrap();
    let mut out = Vec::new();
    let plain = ProgbarOptions { color: false, dynamic: false, ..ProgbarOptions::default() };
    let options = FitOptions::new().epochs(2).validation_split(0.2).seed(1).output(&mut out, plain);
    let history = model.fit(&x, &y, options).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[2]), (4, "Epoch 1/2", "Epoch 2/2"), "{text}");
    for epoch in 0..2 {
        let at = |name: &str| history.get(name)[epoch];
        let expected = format!(
            " - accuracy: {:.4} - loss: {:.4} - val_accuracy: {:.4} - val_loss: {:.4}",
            at("accuracy"),
            at("loss"),
            at("val_accuracy"),
            at("val_loss")
        );
        let line = lines[epoch * 2 + 1];
        assert!(line.starts_with("3/3 ━━━━━━━━━━━━━━━━━━━━ 0s ") && line.ends_with(&expected), "{line}");
    }
}

#[test]
fn weights_pass_through_files_of_their_own() {
    let path = std::env::temp_dir().join(format!("cornet_nn_first_{}.weights.h5", std::process::id()));
    let (a, b) = (dense_model(1), dense_model(2));
    assert!(a.get_weights().unwrap() != b.get_weights().unwrap());
    a.save_weights(&path).unwrap();
    b.load_weights(&path).unwrap();
    assert!(a.get_weights().unwrap() == b.get_weights().unwrap());
    let other = Sequential::new().add(Input::new([2])).add(Dense::new(4)).add(Dense::new(3));
    let found = other.load_weights(&path).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(found.code().word(), "shape_mismatch");
    assert!(found.to_string().contains("layers/dense: expected [2, 4], found [2, 16]"), "{found}");
}

#[test]
fn frozen_layers_keep_their_weights() {
    let (x, y) = clusters(60);
    let model = Sequential::new()
        .seed(1)
        .add(Input::new([2]))
        .add(Dense::new(4).activation("relu").trainable(false))
        .add(Dense::new(3));
    model.compile("adam", SparseCategoricalCrossentropy::on_logits(), ["accuracy"]).unwrap();
    let before = model.get_weights().unwrap();
    model.fit(&x, &y, quiet()).unwrap();
    let after = model.get_weights().unwrap();
    let changed: Vec<bool> = before.iter().zip(&after).map(|(a, b)| a != b).collect();
    assert_eq!(changed, [false, false, true, true]);
    let summary = model.summary().unwrap();
    assert!(summary.contains("Trainable params: 15 (60.00 B)"), "{summary}");
    assert!(summary.contains("Non-trainable params: 12 (48.00 B)"), "{summary}");
    assert!(summary.contains("Optimizer params: 32 (132.00 B)"), "{summary}");
    // Other weights need another optimizer state.
    model.layers()[0].base().set_trainable(true);
    assert_eq!(model.train_on_batch(&x, &y).unwrap_err().code().word(), "invalid_state");
}

#[test]
fn bytes_are_as_good_as_floats() {
    let (x, y) = clusters(40);
    let small =
        Array::from_vec(x.to_f64().unwrap().iter().map(|v| (v * 20.0 + 100.0) as u8).collect(), [40, 2]).unwrap();
    let model = dense_model(4);
    assert_eq!(model.predict(&small).unwrap(), model.predict(&small.cast(DType::F32).unwrap()).unwrap());
    assert_eq!(model.predict(&small).unwrap(), model.predict(&small.cast(DType::F64).unwrap()).unwrap());
    model.compile("sgd", "sparse_categorical_crossentropy", ()).unwrap();
    model.fit(&small, &y.cast(DType::F32).unwrap(), quiet()).unwrap();
}

#[test]
fn a_model_is_a_layer_of_another() {
    let inner = Sequential::named("inner").seed(1).add(Input::new([2])).add(Dense::new(4).name("dense"));
    let model = Sequential::named("outer").seed(2).add(Input::new([2])).add(inner).add(Dense::new(1).name("last"));
    assert_eq!(model.count_params().unwrap(), 12 + 5);
    model.compile("sgd", "mse", ()).unwrap();
    let (x, _) = clusters(8);
    model.fit(&x, &Array::zeros(DType::F32, [8, 1]), quiet()).unwrap();
    let path = std::env::temp_dir().join(format!("cornet_nn_nested_{}.keras", std::process::id()));
    model.save(&path).unwrap();
    let loaded = load_model(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loaded.predict(&x).unwrap(), model.predict(&x).unwrap());
    let found = model.predict(&Array::zeros(DType::F32, [3, 5])).unwrap_err().to_string();
    assert!(
        found.starts_with("outer/inner (Sequential)/dense (Dense): last axis of the input: expected 2, found 5"),
        "{found}"
    );
}

#[test]
fn the_number_of_threads_does_not_change_the_training() {
    let (x, y) = clusters(200);
    let images =
        Array::from_vec((0..64 * 144).map(|i| ((i * 37) % 101) as f32 / 101.0).collect(), [64, 12, 12, 1]).unwrap();
    let labels = Array::from_vec((0..64).map(|i| i % 3).collect::<Vec<i32>>(), [64]).unwrap();
    let train = |threads: usize| {
        cornet_cpu::with_threads(threads, || {
            let dense = dense_model(5);
            let conv = Sequential::new()
                .seed(5)
                .add(Input::new([12, 12, 1]))
                .add(Conv2D::new(8, 3).activation("relu"))
                .add(MaxPooling2D::default())
                .add(Flatten::new())
                .add(Dropout::new(0.5))
                .add(Dense::new(3).activation("softmax"));
            for (model, x, y) in [(&dense, &x, &y), (&conv, &images, &labels)] {
                model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"]).unwrap();
                model.fit(x, y, FitOptions::new().epochs(2).verbose(Verbose::Silent)).unwrap();
            }
            (dense.get_weights().unwrap(), conv.get_weights().unwrap())
        })
    };
    let one = train(1);
    assert!(train(2) == one && train(3) == one);
}
