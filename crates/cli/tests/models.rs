//! `train`, `evaluate`, `summary`, `predict`: what they make, and what they refuse.

mod common;

use std::path::PathBuf;

use common::Folder;
use cornet_tensor::{Array, DType};

const RECIPE: &str = r#"
dataset = "data.npz"
epochs = 3
loss = "sparse_categorical_crossentropy"
metrics = ["accuracy"]

[optimizer]
class = "Adam"
learning_rate = 0.01

[[layers]]
class = "Dense"
units = 8
activation = "relu"

[[layers]]
class = "Dense"
units = 3
activation = "softmax"
"#;

/// A folder with a recipe and data of 4 numbers an example in 3 classes.
fn prepared(name: &str) -> Folder {
    let folder = Folder::new(name);
    data(&folder, 60, 3);
    folder.write("small.toml", RECIPE);
    folder
}

fn data(folder: &Folder, examples: usize, classes: usize) -> PathBuf {
    let x: Vec<f32> = (0..examples * 4).map(|i| ((i / 4 * 7 + i) % 11) as f32 / 11.0).collect();
    let y: Vec<i64> = (0..examples).map(|i| (i % classes) as i64).collect();
    let path = folder.join("data.npz");
    let x = Array::from_vec(x, [examples, 4]).unwrap();
    Array::write_npz(&path, [("x", &x), ("y", &Array::from_vec(y, [examples]).unwrap())]).unwrap();
    path
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

fn trained(name: &str) -> Folder {
    let folder = prepared(name);
    folder.run(&["train", "small.toml"]).done();
    folder
}

#[test]
fn a_recipe_becomes_a_model_that_can_be_used() {
    let folder = prepared("use");
    let report = json(&folder.run(&["train", "small.toml", "--epochs", "5", "--seed", "3", "--json"]).done());
    assert_eq!(report["history"]["loss"].as_array().unwrap().len(), 5);
    assert_eq!(report["model"], "small.keras");
    assert_eq!(folder.files(), ["data.npz", "small.keras", "small.toml"]);

    let summary = folder.run(&["summary", "small.keras"]).done();
    assert!(summary.contains("Trainable params: 67"), "{summary}");
    assert_eq!(json(&folder.run(&["summary", "small.keras", "--json"]).done())["trainable_params"], 67);
    let logs = json(&folder.run(&["evaluate", "small.keras", "--data", "data.npz", "--json"]).done());
    assert_eq!(logs["examples"], 60);
    assert!(logs["logs"]["accuracy"].as_f64().unwrap() <= 1.0);
    let matrix = folder.run(&["evaluate", "small.keras", "--data", "data.npz", "--confusion"]).done();
    assert!(matrix.contains("recall"), "{matrix}");
    let inspected = folder.run(&["inspect", "small.keras"]).done();
    assert!(inspected.contains("Dense") && inspected.contains("optimizer Adam"), "{inspected}");
}

#[test]
fn the_same_seed_gives_the_same_file_and_another_seed_another() {
    let folder = prepared("seed");
    let weights = |name: &str, seed: &str| {
        folder.run(&["train", "small.toml", "--seed", seed, "--out", name]).done();
        folder.run(&["predict", name, "--input", "x.csv", "--json"]).done()
    };
    folder.write("x.csv", "0.1,0.2,0.3,0.4\n");
    assert_eq!(weights("a.keras", "1"), weights("b.keras", "1"));
    assert_ne!(weights("a.keras", "1"), weights("c.keras", "2"));
}

#[test]
fn every_kind_of_input_gives_the_same_outputs() {
    let folder = trained("inputs");
    let values = [0.5_f32, 0.25, 0.75, 1.0, 0.125, 0.0, 1.0, 0.5];
    let x = Array::from_vec(values.to_vec(), [2, 4]).unwrap();
    x.write_npy(folder.join("x.npy")).unwrap();
    Array::write_npz(folder.join("x.npz"), [("x", &x)]).unwrap();
    folder.write("x.csv", "a,b,c,d\n0.5,0.25,0.75,1\n0.125,0,1,0.5\n");
    folder.write("x.json", "{\"instances\": [[0.5,0.25,0.75,1],[0.125,0,1,0.5]]}");
    let predict = |input: &str, output: &str| {
        folder.run(&["predict", "small.keras", "--input", input, "--output", output]).done();
        folder.join(output)
    };
    let expected = Array::read_npy(predict("x.npy", "y.npy")).unwrap();
    assert_eq!(expected.shape().as_slice(), [2, 3]);
    for input in ["x.npz", "x.csv", "x.json"] {
        assert_eq!(Array::read_npy(predict(input, "again.npy")).unwrap(), expected, "{input}");
    }
    let table = std::fs::read_to_string(predict("x.npy", "y.csv")).unwrap();
    let numbers: Vec<f32> = table.lines().flat_map(|l| l.split(',')).map(|n| n.parse().unwrap()).collect();
    assert_eq!(numbers, expected.to_vec::<f32>().unwrap());
    let lists = json(&std::fs::read_to_string(predict("x.npy", "y.json")).unwrap());
    assert_eq!(lists["predictions"][1].as_array().unwrap().len(), 3);
    let summary = folder.run(&["predict", "small.keras", "--input", "x.csv"]).done();
    assert!(summary.contains("example  class"), "{summary}");
}

#[test]
fn inputs_that_do_not_fit_are_refused_without_an_output_file() {
    let folder = trained("misfits");
    let refuse = |input: &str, parts: &[&str]| {
        let ran = folder.run(&["predict", "small.keras", "--input", input, "--output", "y.npy"]);
        ran.failed(parts);
        assert!(!folder.join("y.npy").exists(), "{input}");
    };
    Array::zeros(DType::F32, [5, 7]).write_npy(folder.join("wide.npy")).unwrap();
    refuse("wide.npy", &["expected float32 [?, 4], found float32 [5, 7]", "[shape_mismatch]", "help: "]);
    Array::from_strings(vec![b"a".to_vec(); 4], [1, 4]).unwrap().write_npy(folder.join("text.npy")).unwrap();
    refuse("text.npy", &["expected numbers, found strings", "[dtype_mismatch]"]);
    Array::zeros(DType::F32, [0, 4]).write_npy(folder.join("none.npy")).unwrap();
    refuse("none.npy", &["[empty_data]"]);
    folder.write("x.csv", "1,2,3,x\n1,2,3,y\n");
    refuse("x.csv", &["x.csv", "expected a number, found 'y'", "[corrupt]"]);
    refuse("gone.csv", &["gone.csv", "[not_found]"]);
    refuse("gone.xyz", &["gone.xyz", "[not_found]"]);
    folder.write("x.txt", "1");
    refuse("x.txt", &["expected .npy", "[unsupported_format]"]);
    folder.write("x.png", b"\x89PNG\r\n\x1a\nnothing");
    refuse("x.png", &["a model of [rows, columns]", "[shape_mismatch]"]);
    folder.run(&["predict", "small.keras", "--input", "wide.npy", "--output", "y.xls"]).failed(&["[invalid_argument]"]);
}

#[test]
fn images_are_resized_to_what_the_model_takes() {
    let folder = Folder::new("images");
    let recipe = RECIPE.replace(
        "[[layers]]\nclass = \"Dense\"\nunits = 8",
        "[[layers]]\nclass = \"Flatten\"\n\n[[layers]]\nclass = \"Dense\"\nunits = 8",
    );
    folder.write("image.toml", recipe);
    let x = Array::from_vec((0..12 * 36).map(|i| (i % 5) as f32).collect::<Vec<_>>(), [12, 6, 6]).unwrap();
    let y = Array::from_vec((0..12).map(|i| i % 3).collect::<Vec<i64>>(), [12]).unwrap();
    Array::write_npz(folder.join("data.npz"), [("x", &x), ("y", &y)]).unwrap();
    folder.run(&["train", "image.toml"]).done();
    let picture = image::GrayImage::from_fn(20, 10, |x, y| image::Luma([(x * 9 + y) as u8]));
    picture.save(folder.join("a.png")).unwrap();
    picture.save(folder.join("b.jpg")).unwrap();
    let shape = |arguments: &[&str]| {
        let all = [&["predict", "image.keras", "--json", "--input"], arguments].concat();
        json(&folder.run(&all).done())["predictions"].as_array().unwrap().len()
    };
    assert_eq!(shape(&["a.png"]), 1);
    assert_eq!(shape(&["a.png", "b.jpg"]), 2);
    assert_eq!(shape(&["."]), 2);
    let whole = std::fs::read(folder.join("a.png")).unwrap();
    folder.write("short.png", &whole[..whole.len() / 2]);
    folder.run(&["predict", "image.keras", "--input", "short.png"]).failed(&["short.png", "[corrupt]"]);
}

#[test]
fn a_damaged_or_missing_model_is_one_message() {
    let folder = trained("damaged");
    let whole = std::fs::read(folder.join("small.keras")).unwrap();
    folder.write("x.csv", "1,2,3,4\n");
    for (name, bytes) in [("half.keras", &whole[..whole.len() / 2]), ("start.keras", &whole[..100])] {
        folder.write(name, bytes);
        folder.run(&["summary", name]).failed(&[name, "[corrupt]"]);
        folder.run(&["evaluate", name, "--data", "data.npz"]).failed(&[name, "[corrupt]"]);
        folder.run(&["predict", name, "--input", "x.csv"]).failed(&[name, "[corrupt]"]);
        folder.run(&["inspect", name]).failed(&[name, "[corrupt]"]);
    }
    folder.write("text.keras", "no model");
    folder.run(&["summary", "text.keras"]).failed(&["text.keras", "[unsupported_format]"]);
    folder.run(&["summary", "gone.keras"]).failed(&["gone.keras", "[not_found]"]);
    folder.run(&["evaluate", "small.keras", "--data", "gone.npz"]).failed(&["gone.npz", "[not_found]"]);
}

#[test]
fn a_training_that_fails_leaves_no_model() {
    let folder = prepared("failing");
    let refuse = |recipe: &str, parts: &[&str]| {
        folder.write("small.toml", recipe);
        folder.run(&["train", "small.toml", "--verbose", "0"]).failed(parts);
        assert_eq!(folder.files(), ["data.npz", "small.toml"]);
    };
    refuse(&RECIPE.replace("0.01", "1e30"), &["loss", "[non_finite]", "help: lower the learning rate"]);
    refuse(&RECIPE.replace("units = 3", "units = 2"), &["expected a class from 0 to 1, found 2", "[out_of_range]"]);
    refuse(&RECIPE.replace("\"Dense\"", "\"Denze\""), &["Denze", "[unsupported]"]);
    refuse(&RECIPE.replace("units = 8", "unitz = 8"), &["units"]);
    refuse(&RECIPE.replace("epochs", "epoch"), &["small.toml:3", "unknown field `epoch`", "[unsupported_format]"]);
    refuse(&RECIPE.replace("\"Adam\"", "\"Adamm\""), &["Adamm", "[unsupported]"]);
    refuse(&RECIPE.replace("data.npz", "mnits"), &["did you mean 'mnist'?", "[not_found]"]);
    data(&folder, 0, 3);
    refuse(RECIPE, &["expected samples, found none", "[empty_data]"]);
}

#[test]
fn what_cannot_be_saved_is_refused_before_training() {
    let folder = prepared("place");
    folder.run(&["train", "small.toml", "--out", "no/where.keras"]).failed(&["there is no folder no", "[not_found]"]);
    folder.run(&["train", "small.toml", "--out", "model.h5"]).failed(&["ends in .keras", "[invalid_argument]"]);
    folder.run(&["train", "minst-mlp"]).failed(&["did you mean 'mnist-mlp'?", "[not_found]"]);
    folder.run(&["train", "gone.toml"]).failed(&["gone.toml", "[not_found]"]);
    folder.run(&["train"]).misused("RECIPE");
    folder.run(&["train", "small.toml", "--epochs", "0"]).misused("--epochs");
    assert_eq!(folder.files(), ["data.npz", "small.toml"]);
}

#[test]
fn recipes_are_listed_and_shown_as_files_that_work() {
    let folder = Folder::new("recipes");
    let list = folder.run(&["train", "--list"]).done();
    assert!(list.lines().any(|l| l.starts_with("mnist-cnn")), "{list}");
    let shown = folder.run(&["train", "digits-mlp", "--show"]).done();
    folder.write("mine.toml", shown);
    folder.run(&["train", "mine.toml", "--epochs", "1", "--verbose", "2"]).done();
    assert_eq!(folder.files(), ["mine.keras", "mine.toml"]);
}

#[test]
fn the_quickstart_reads_97_of_100_digits_and_its_file_agrees() {
    let folder = Folder::new("quickstart");
    let text = folder.run(&["quickstart", "--out", "models"]).done();
    let percent = text.split("correctly: ").nth(1).and_then(|t| t.split('%').next()).unwrap();
    assert!(percent.parse::<f64>().unwrap() >= 97.0, "{text}");
    for part in ["recall", "read as", "all 360 predictions agree", "cornet summary models/digits.keras"] {
        assert!(text.contains(part), "'{part}' in: {text}");
    }
    assert_eq!(folder.files(), ["models"]);
    let logs = folder.run(&["evaluate", "models/digits.keras", "--data", "digits"]).done();
    assert!(logs.starts_with("360 examples: "), "{logs}");
}
