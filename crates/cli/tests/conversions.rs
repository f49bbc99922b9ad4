//! `convert`, `inspect` and `evaluate` on every format.

mod common;

use common::Folder;
use cornet::layers::{Dense, Input};
use cornet::models::{Model, Sequential};
use cornet_tensor::Array;

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

/// A folder with `m.keras`, a model of 4 numbers in 3 classes, and `x.csv` for it.
fn prepared(name: &str) -> Folder {
    let folder = Folder::new(name);
    let model = Sequential::named("m")
        .seed(3)
        .add(Input::new([4]).name("x"))
        .add(Dense::new(5).activation("tanh").name("hidden"))
        .add(Dense::new(3).activation("softmax").name("class"));
    model.save(folder.join("m.keras")).unwrap();
    folder.write("x.csv", "0.5,0.25,0.75,1\n0.125,0,1,0.5\n");
    folder
}

fn predicted(folder: &Folder, model: &str) -> Vec<f64> {
    let lists = json(&folder.run(&["predict", model, "--input", "x.csv", "--json"]).done());
    let rows = lists["predictions"].as_array().unwrap().iter();
    rows.flat_map(|row| row.as_array().unwrap()).map(|v| v.as_f64().unwrap()).collect()
}

fn close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
}

#[test]
fn a_model_goes_into_every_format_and_predicts_the_same() {
    let folder = prepared("formats");
    let expected = predicted(&folder, "m.keras");
    for name in ["m2.keras", "m.h5", "m.onnx", "saved/1"] {
        folder.run(&["convert", "m.keras", name]).done();
        assert!(close(&predicted(&folder, name), &expected), "{name}");
        let report = json(&folder.run(&["inspect", name, "--json"]).done());
        assert_eq!(report["signatures"][0]["name"], "serving_default", "{name}: {report}");
        assert!(report["parameters"].as_u64().unwrap() >= 4 * 5 + 5 + 5 * 3 + 3, "{name}: {report}");
    }
    folder.run(&["convert", "m.h5", "back.keras"]).done();
    assert!(close(&predicted(&folder, "back.keras"), &expected));
    folder.run(&["convert", "m.onnx", "again"]).done();
    assert!(close(&predicted(&folder, "again"), &expected));
    let shown = folder.run(&["inspect", "saved/1"]).done();
    assert!(
        shown.contains("signature_def['serving_default']:") && shown.contains("tensorflow/serving/predict"),
        "{shown}"
    );
    let shown = folder.run(&["inspect", "m.onnx"]).done();
    assert!(shown.contains("ONNX model") && shown.contains("MatMul"), "{shown}");
    let shown = folder.run(&["inspect", "m.keras"]).done();
    assert!(shown.contains("signature 'serving_default'") && shown.contains("float32 [?, 4]"), "{shown}");
}

#[test]
fn weights_go_there_and_back_by_name() {
    let folder = prepared("weights");
    let expected = predicted(&folder, "m.keras");
    let other = Sequential::named("n")
        .seed(9)
        .add(Input::new([4]).name("x"))
        .add(Dense::new(5).activation("tanh").name("hidden"))
        .add(Dense::new(3).activation("softmax").name("class"));
    other.save(folder.join("other.keras")).unwrap();
    assert!(!close(&predicted(&folder, "other.keras"), &expected));
    for name in ["w.safetensors", "w.npz", "w.ckpt", "w.weights.h5"] {
        folder.run(&["convert", "m.keras", name]).done();
        let report = json(&folder.run(&["inspect", name, "--json"]).done());
        assert_eq!(
            report["format"],
            json(&format!(
                "\"{}\"",
                match name {
                    "w.ckpt" => "checkpoint",
                    other => other.trim_start_matches("w."),
                }
            )),
            "{report}"
        );
        folder.run(&["convert", name, "new.keras", "--into", "other.keras"]).done();
        assert!(close(&predicted(&folder, "new.keras"), &expected), "{name}");
    }
    folder.run(&["convert", "w.ckpt", "v.npz"]).done();
    let arrays = Array::read_npz(folder.join("v.npz")).unwrap();
    assert!(
        arrays.iter().any(|(name, _)| name.ends_with("hidden/kernel")),
        "{:?}",
        arrays.iter().map(|a| &a.0).collect::<Vec<_>>()
    );
}

#[test]
fn a_name_map_renames_and_transposes() {
    let folder = prepared("map");
    let expected = predicted(&folder, "m.keras");
    folder.write(
        "out.toml",
        "\"*hidden/kernel\" = { name = \"*fc1.weight\", transpose = [1, 0] }\n\"*hidden/bias\" = \"*fc1.bias\"\n",
    );
    folder.run(&["convert", "m.keras", "torch.safetensors", "--map", "out.toml"]).done();
    let shown = folder.run(&["inspect", "torch.safetensors"]).done();
    assert!(shown.contains("fc1.weight") && shown.contains("[5, 4]"), "{shown}");
    let ran = folder.run(&["convert", "torch.safetensors", "new.keras", "--into", "m.keras"]);
    ran.failed(&["torch.safetensors", "expected an array", "hidden/kernel", "[not_found]"]);
    assert!(!folder.join("new.keras").exists());
    folder.write(
        "in.json",
        r#"{"*fc1.weight": {"name": "*hidden/kernel", "transpose": [1, 0]}, "*fc1.bias": "*hidden/bias"}"#,
    );
    folder.run(&["convert", "torch.safetensors", "new.keras", "--into", "m.keras", "--map", "in.json"]).done();
    assert!(close(&predicted(&folder, "new.keras"), &expected));
}

#[test]
fn conversions_that_make_no_sense_are_refused() {
    let folder = prepared("refused");
    folder.run(&["convert", "m.keras", "m.onnx"]).done();
    folder.run(&["convert", "m.keras", "w.npz"]).done();
    folder.run(&["convert", "m.onnx", "x.keras"]).failed(&["expected a model of layers", "[unsupported]", "help: "]);
    folder.run(&["convert", "w.npz", "x.keras"]).failed(&["found weights only", "--into"]);
    folder.run(&["convert", "w.npz", "x.weights.h5"]).failed(&["layers/dense/vars/0", "[invalid_argument]"]);
    folder.run(&["convert", "m.keras", "x.tflite"]).failed(&["--format", "[invalid_argument]"]);
    folder.run(&["convert", "gone.keras", "x.onnx"]).failed(&["gone.keras", "[not_found]"]);
    folder.run(&["convert", "m.keras"]).misused("DST");
    folder.run(&["summary", "m.onnx"]).failed(&["expected a model of layers, found ONNX model", "cornet inspect"]);
    folder.run(&["predict", "w.npz", "--input", "x.csv"]).failed(&["expected a model, found arrays"]);
    assert_eq!(folder.files(), ["m.keras", "m.onnx", "w.npz", "x.csv"]);
}

#[test]
fn other_models_are_evaluated_by_their_outputs() {
    let folder = prepared("evaluate");
    folder.run(&["convert", "m.keras", "m.onnx"]).done();
    let x: Vec<f32> = (0..80).map(|i| (i * 7 % 11) as f32 / 11.0).collect();
    let x = Array::from_vec(x, [20, 4]).unwrap();
    let y = Array::from_vec((0..20_i64).map(|i| i % 3).collect(), [20]).unwrap();
    Array::write_npz(folder.join("data.npz"), [("x", &x), ("y", &y)]).unwrap();
    let logs =
        |model: &str| json(&folder.run(&["evaluate", model, "--data", "data.npz", "--json"]).done())["logs"].clone();
    let (keras, onnx) = (logs("m.keras"), logs("m.onnx"));
    for name in ["accuracy", "loss"] {
        let (a, b) = (keras[name].as_f64().unwrap(), onnx[name].as_f64().unwrap());
        assert!((a - b).abs() < 1e-5, "{name}: {keras} {onnx}");
    }
    let matrix = folder.run(&["evaluate", "m.onnx", "--data", "data.npz", "--confusion"]).done();
    assert!(matrix.contains("recall"), "{matrix}");
}
