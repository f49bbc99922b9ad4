//! Losses, metrics, activations and training steps against numbers that Keras made (`golden/make_keras.py`).

use cornet_cpu as _;
use cornet_error::Result;
use cornet_nn::activations::Activation;
use cornet_nn::arg::{Arg, Choice};
use cornet_nn::initializers::Initializer;
use cornet_nn::layers::{Conv2D, Dense, Flatten, Input, MaxPooling2D};
use cornet_nn::losses::Loss;
use cornet_nn::metrics::MetricArg;
use cornet_nn::models::{Model, Sequential};
use cornet_nn::optimizers::OptimizerArg;
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType, Shape};
use serde_json::{Value, json};

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/keras.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn array(value: &Value) -> Array {
    let shape: Vec<usize> = floats(&value["shape"]).iter().map(|&n| n as usize).collect();
    Array::from_f64(DType::F32, shape, &floats(&value["values"])).unwrap()
}

fn tensor(value: &Value) -> Tensor {
    array(value).into()
}

/// Fails unless `found` is as near to `expected` as a share of the greatest magnitude.
fn assert_near(name: &str, found: &[f64], expected: &[f64], share: f64) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let scale = expected.iter().fold(1e-30_f64, |most, v| most.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= share * scale, "{name}, element {i}: expected {b}, found {a}");
    }
}

#[test]
fn losses_are_those_of_keras() {
    for case in golden()["losses"].as_array().unwrap() {
        let word = case["word"].as_str().unwrap();
        let loss = Loss::parse(word).unwrap();
        let value = loss.call(&tensor(&case["y_true"]), &tensor(&case["y_pred"])).unwrap();
        assert_near(word, &[f64::from(value.item::<f32>().unwrap())], &[case["value"].as_f64().unwrap()], 1e-6);
        assert_eq!(Loss::from_json(&loss.to_json()).unwrap().to_json(), json!(word));
    }
}

#[test]
fn metrics_are_those_of_keras() {
    for case in golden()["metrics"].as_array().unwrap() {
        let class = case["class"].as_str().unwrap();
        let mut config = json!({"name": "m", "dtype": "float32"});
        if class.contains("TopK") {
            config["k"] = json!(2);
        }
        let object = json!({"class_name": class, "config": config});
        let (y_true, y_pred) = (tensor(&case["y_true"]), tensor(&case["y_pred"]));
        let argument = MetricArg::from_json(&object).unwrap();
        let metric = argument.resolve(&y_true.shape().unwrap(), &y_pred.shape().unwrap()).unwrap();
        metric.update_state(&y_true, &y_pred, None).unwrap();
        metric.update_state(&y_true, &y_pred, None).unwrap();
        assert_near(class, &[metric.result().unwrap()], &[case["value"].as_f64().unwrap()], 1e-6);
        metric.reset_state().unwrap();
        assert_eq!(metric.result().unwrap(), 0.0);
        assert_eq!(argument.to_json()["class_name"], class);
    }
}

#[test]
fn activations_are_those_of_keras() {
    let golden = golden();
    let cases = golden["activations"].as_array().unwrap();
    assert_eq!(cases.len(), Activation::ALL.len());
    for case in cases {
        let word = case["word"].as_str().unwrap();
        let y = Activation::parse(word).unwrap().apply(&tensor(&case["x"])).to_vec::<f32>().unwrap();
        let expected = floats(&case["y"]["values"]);
        // Row by row: one row of exp is 1e13 times the other.
        for (row, expected) in y.chunks(6).zip(expected.chunks(6)) {
            assert_near(word, &row.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), expected, 1e-6);
        }
    }
}

#[test]
fn training_steps_lose_what_they_lose_in_keras() -> Result<()> {
    for case in golden()["trainings"].as_array().unwrap() {
        let model = Sequential::new()
            .add(Input::new([5, 4, 2]))
            .add(Conv2D::new(3, 2).activation("relu"))
            .add(MaxPooling2D::new(2).strides(1))
            .add(Flatten::new())
            .add(Dense::new(6).activation("tanh").kernel_regularizer("l2"))
            .add(Dense::new(4).activation("softmax"));
        let optimizer = OptimizerArg::from_json(&case["optimizer"])?;
        model.compile(Arg::from(optimizer), "sparse_categorical_crossentropy", ())?;
        model.set_weights(&case["weights"].as_array().unwrap().iter().map(array).collect::<Vec<_>>())?;
        let name = case["optimizer"].to_string();
        let x = array(&case["x"]);
        let outputs: Vec<f64> = model.predict(&x)?.to_f64()?;
        assert_near(&name, &outputs, &floats(&case["outputs"]["values"]), 1e-6);
        let labels: Vec<i32> = floats(&case["y"]).iter().map(|&v| v as i32).collect();
        let (mut losses, row) = (Vec::new(), 5 * 4 * 2 * 4);
        for step in 0..10 {
            let first = step % 4 * 5;
            let batch = Array::from_bytes(DType::F32, [5, 5, 4, 2], &x.bytes()[first * row..(first + 5) * row])?;
            model.reset_metrics()?;
            let y = Array::from_slice(&labels[first..first + 5], [5])?;
            losses.push(model.train_on_batch(&batch, &y)?.loss());
        }
        assert_near(&name, &losses, &floats(&case["losses"]), 1e-5);
    }
    Ok(())
}

#[test]
fn seeded_uniform_weights_are_those_of_keras_on_jax() {
    let golden: Value = serde_json::from_str(include_str!("golden/initializers.json")).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let made = Initializer::from_json(&case["object"]).unwrap();
        assert_eq!(made.to_json(), case["object"]);
        let shape: Shape = floats(&case["shape"]).iter().map(|&n| n as usize).collect();
        let values = made.make(&shape, DType::F32, || 0).unwrap().to_f64().unwrap();
        assert_near(&case["object"].to_string(), &values, &floats(&case["values"]), 1e-6);
    }
}

#[test]
fn random_weights_have_the_spread_their_rule_says() {
    let shape = Shape::new(&[3, 3, 50, 80]);
    for (name, deviation, limit) in [
        ("glorot_normal", (2.0_f64 / (9.0 * 130.0)).sqrt(), 2.0 / 0.8796),
        ("he_normal", (2.0_f64 / 450.0).sqrt(), 2.0 / 0.8796),
        ("lecun_normal", (1.0_f64 / 450.0).sqrt(), 2.0 / 0.8796),
        ("random_normal", 0.05, 6.0),
        ("truncated_normal", 0.05 * 0.8796, 2.0 / 0.8796),
        ("glorot_uniform", (2.0_f64 / (9.0 * 130.0)).sqrt(), 3.0_f64.sqrt()),
    ] {
        let values = Initializer::parse(name).unwrap().make(&shape, DType::F32, || 9).unwrap().to_f64().unwrap();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let found = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        assert!(mean.abs() < 0.02 * deviation, "{name}: mean {mean}");
        assert!((found / deviation - 1.0).abs() < 0.02, "{name}: expected a deviation of {deviation}, found {found}");
        let most = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
        assert!(most <= limit * deviation * 1.001, "{name}: expected at most {limit} deviations, found {most}");
    }
    let ones = Initializer::parse("identity").unwrap().make(&Shape::new(&[2, 3]), DType::F32, || 0).unwrap();
    assert_eq!(ones.to_vec::<f32>().unwrap(), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    assert!(Initializer::parse("ones").unwrap().make(&Shape::new(&[2]), DType::I32, || 0).is_ok());
    assert!(Initializer::parse("he_normal").unwrap().make(&Shape::new(&[2]), DType::I32, || 0).is_err());
}
