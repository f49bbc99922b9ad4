//! What a user reads when something does not fit.

use cornet_cpu as _;
use cornet_error::{Error, Result};
use cornet_nn::callbacks::{BatchLogs, Callback, Run};
use cornet_nn::layers::{Conv2D, Dense, Flatten, Input, MaxPooling2D};
use cornet_nn::models::{Model, Sequential};
use cornet_nn::optimizers::Sgd;
use cornet_nn::saving::{load_model, model_from_json};
use cornet_nn::training::{FitOptions, Logs, Verbose};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};
use serde_json::json;

fn quiet<'a>() -> FitOptions<'a> {
    FitOptions::new().seed(1).verbose(Verbose::Silent)
}

fn zeros(shape: &[usize]) -> Array {
    Array::zeros(DType::F32, shape)
}

/// The text without the line of this file that it names.
fn text<T>(result: Result<T>) -> String {
    let error: Error = result.err().expect("an error");
    error.to_string().lines().filter(|line| !line.trim().starts_with("at ")).collect::<Vec<_>>().join("\n")
}

fn digits() -> Sequential {
    Sequential::named("model")
        .seed(1)
        .add(Input::new([28, 28]))
        .add(Flatten::new().name("flatten"))
        .add(Dense::new(16).activation("relu").name("dense_1"))
        .add(Dense::new(10).activation("softmax").name("dense_2"))
}

#[test]
fn a_wrong_input_names_the_layer_that_refuses_it() {
    let found = text(digits().predict(&zeros(&[32, 27, 29])));
    assert_eq!(
        found,
        "model/dense_1 (Dense): last axis of the input: expected 784, found 783 [dim_mismatch]\n  \
         input   [32, 783]\n  kernel  [784, 16]\n  bias    [16]\n  \
         help: the input comes from 'flatten'; check the size of the samples you feed"
    );
    let flat = Sequential::named("flat").add(Input::new([4])).add(Dense::new(2).name("out"));
    assert!(
        text(flat.predict(&zeros(&[3, 5])))
            .ends_with("help: the model takes inputs of shape (None, 4); check the samples you feed")
    );
    // Where no layer objects, the entry does.
    let free = Sequential::named("free").add(Input::new([8, 8, 1]).name("entry")).add(MaxPooling2D::default());
    let found = text(free.predict(&zeros(&[3, 8, 10, 1])));
    assert!(
        found.starts_with("free/entry (InputLayer): axis 2 of the input: expected 8, found 10 [dim_mismatch]"),
        "{found}"
    );
}

#[test]
fn layers_that_do_not_fit_fail_where_the_model_is_used() {
    let model = Sequential::named("m").add(Input::new([4, 4, 1])).add(Conv2D::new(2, 5).name("conv"));
    let found = text(model.count_params());
    assert!(
        found.starts_with("m/conv (Conv2D): spatial axis 0: expected at least 5, found 4 [dim_mismatch]"),
        "{found}"
    );
    let model = Sequential::named("m").add(Input::new([4])).add(Dense::new(2).activation("rulu").name("d"));
    let found = text(model.predict(&zeros(&[1, 4])));
    assert!(found.starts_with("m/d (Dense): activation: expected one of linear, relu,"), "{found}");
    assert!(found.contains("found 'rulu' [invalid_argument]"), "{found}");
    let twice = Sequential::named("m").add(Dense::new(2).name("d")).add(Dense::new(2).name("d"));
    assert!(text(twice.predict(&zeros(&[1, 4]))).contains("found 'd' twice"));
    assert!(text(Sequential::named("m").predict(&zeros(&[1, 4]))).contains("expected layers, found none"));
}

#[test]
fn fit_says_what_it_needs() {
    let model = digits();
    let (x, y) = (zeros(&[6, 28, 28]), Array::zeros(DType::I32, [6]));
    assert_eq!(
        text(model.fit(&x, &y, quiet())),
        "fit: expected a compiled model, found 'model' without loss and optimizer [invalid_state]\n  \
         help: call compile(optimizer, loss, metrics) first"
    );
    assert!(text(model.evaluate(&x, &y)).starts_with("evaluate: expected a compiled model"));
    let unknown = text(model.compile("adamm", "mse", ()));
    assert!(unknown.contains("found 'adamm'") && unknown.contains("did you mean 'Adam'?"), "{unknown}");
    assert!(text(model.compile("adam", "mze", ())).contains("found 'mze'"));
    assert!(text(model.compile("adam", "mse", ["acuracy"])).contains("found 'acuracy'"));
    assert!(text(model.compile(Sgd::new().momentum(2.0), "mse", ())).contains("momentum: expected 0 to 1, found 2"));

    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"]).unwrap();
    let labels = |values: [i32; 6]| Array::from_vec(values.to_vec(), [6]).unwrap();
    let found = text(model.fit(&x, &labels([0, 1, 2, 10, 4, 5]), quiet()));
    assert!(found.starts_with("y, sample 3: expected a class from 0 to 9, found 10 [out_of_range]"), "{found}");
    let found = text(model.fit(&x, &Array::zeros(DType::I32, [5]), quiet()));
    assert!(found.starts_with("samples of y: expected 6, as x has, found 5 [shape_mismatch]"), "{found}");
    assert!(text(model.fit(&zeros(&[0, 28, 28]), &Array::zeros(DType::I32, [0]), quiet())).contains("[empty_data]"));
    let found = text(model.fit(&x, &zeros(&[6, 10]), quiet()));
    assert!(found.contains("one-hot targets go to categorical_crossentropy"), "{found}");
    assert!(text(model.fit(&x, &y, quiet().validation_split(0.99))).contains("[empty_data]"));
    assert!(text(model.fit(&x, &y, quiet().batch_size(0))).contains("batch_size"));
}

#[test]
fn a_loss_that_is_no_number_stops_the_training_if_asked_to() {
    let model = Sequential::named("m").seed(1).add(Input::new([2])).add(Dense::new(1));
    model.compile(Sgd::new().learning_rate(1e30), "mse", ()).unwrap();
    let x = Tensor::of([[1.0_f32, 2.0], [3.0, 4.0], [1.0, 1.0]]);
    let y = Tensor::of([[1.0_f32], [2.0], [3.0]]);
    let options = || quiet().batch_size(1).epochs(3).shuffle(false);
    let found = text(model.fit(&x, &y, options().stop_on_nan(true)));
    assert!(found.starts_with("epoch 1, step 2: expected a finite loss, found infinite [non_finite]"), "{found}");
    assert!(found.contains("help: lower the learning rate"), "{found}");
    // Keras goes on.
    assert_eq!(model.fit(&x, &y, options()).unwrap().epochs, [0, 1, 2]);
}

#[test]
fn files_of_other_things_are_refused() {
    let layer = |class: &str| {
        json!({"module": "keras", "class_name": "Sequential", "registered_name": null, "config": {"name": "m", "layers": [
            {"module": "keras.layers", "class_name": class, "config": {"name": "odd"}, "registered_name": null}
        ]}})
    };
    let found = text(model_from_json(&layer("Wavelet"), true).map(|_| ()));
    assert!(found.starts_with("layer 'odd': there is no class Wavelet [unsupported]"), "{found}");
    assert!(text(model_from_json(&layer("Conv2d"), true).map(|_| ())).contains("did you mean Conv2D?"));
    let found = text(model_from_json(&layer("Lambda"), true).map(|_| ()));
    assert!(found.contains("a Lambda layer is Python code") && found.contains("[unsafe_content]"), "{found}");
    let mut odd = layer("Dense");
    odd["config"]["layers"][0]["config"] = json!({"name": "odd", "units": 3, "sparsity": 4});
    assert!(
        text(model_from_json(&odd, true).map(|_| ())).contains("Dense.sparsity: expected nothing or null, found 4")
    );
    odd["config"]["layers"][0]["config"] = json!({"name": "odd", "units": "many"});
    assert!(
        text(model_from_json(&odd, true).map(|_| ()))
            .contains("Dense.units: expected a non-negative integer, found \"many\"")
    );
    assert!(text(load_model("/nowhere/model.keras").map(|_| ())).contains("[not_found]"));
}

/// Counts what it is called for, and stops in the second epoch.
#[derive(Default)]
struct Recorder {
    calls: Vec<String>,
    loss: f64,
}

impl Callback for Recorder {
    fn on_train_begin(&mut self, run: &Run<'_>) -> Result<()> {
        self.calls.push(format!("begin {} x {}", run.epochs(), run.steps()));
        Ok(())
    }

    fn on_train_batch_end(&mut self, run: &Run<'_>, step: usize, logs: &BatchLogs<'_>) -> Result<()> {
        self.calls.push(format!("step {step}"));
        self.loss = logs.read()?.loss();
        if self.calls.iter().filter(|c| *c == "step 0").count() == 2 {
            run.stop_training();
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, _run: &Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        assert!(logs.get("val_loss").is_some());
        logs.set("extra", epoch as f64);
        self.calls.push(format!("epoch {epoch}"));
        Ok(())
    }

    fn on_test_batch_end(&mut self, _run: &Run<'_>, step: usize, _logs: &BatchLogs<'_>) -> Result<()> {
        self.calls.push(format!("test {step}"));
        Ok(())
    }

    fn on_train_end(&mut self, _run: &Run<'_>, _logs: &Logs) -> Result<()> {
        self.calls.push("end".into());
        Ok(())
    }
}

#[test]
fn callbacks_are_called_in_order_and_can_stop_the_training() {
    let model = Sequential::new().seed(1).add(Input::new([2])).add(Dense::new(1));
    model.compile("sgd", "mse", ()).unwrap();
    let (x, y) = (zeros(&[5, 2]), zeros(&[5, 1]));
    let mut recorder = Recorder::default();
    let options = quiet().batch_size(2).epochs(4).validation_split(0.2).callback(&mut recorder);
    let history = model.fit(&x, &y, options).unwrap();
    let expected = ["begin 4 x 2", "step 0", "step 1", "test 0", "epoch 0", "step 0", "test 0", "epoch 1", "end"];
    assert_eq!(recorder.calls, expected);
    assert_eq!(recorder.loss, 0.0);
    assert_eq!(history.get("extra"), [0.0, 1.0]);
}
