//! SavedModels that ask for what no model may have.

use std::path::{Path, PathBuf};

use cornet_cpu as _;
use cornet_error::{Code, Error, Limits};
use cornet_format_savedmodel::SavedModel;
use cornet_program::Program;
use cornet_proto::Encoder;
use cornet_tensor::Array;

const FLOAT: i64 = 1;

/// A folder that is deleted in the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ty(kind: i64) -> Encoder {
    Encoder::new().int(6, kind)
}

fn node(name: &str, op: &str, inputs: &[&str], attrs: &[(&str, Encoder)]) -> Encoder {
    let node = inputs.iter().fold(Encoder::new().text(1, name).text(2, op), |n, i| n.text(3, i));
    attrs.iter().fold(node, |n, (key, value)| n.entry(5, key, value.clone()))
}

fn text(value: &str) -> Encoder {
    let shape = Encoder::new();
    Encoder::new().message(8, Encoder::new().int(1, 7).message(2, shape).text(8, value))
}

/// A graph from a placeholder `x` to the node `y`, and what else belongs to the model.
fn save(name: &str, nodes: Vec<Encoder>, library: Encoder, more: impl FnOnce(Encoder) -> Encoder) -> Folder {
    let folder = std::env::temp_dir().join(format!("cornet-savedmodel-{name}-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    let info = |name: &str| Encoder::new().text(1, name).int(2, FLOAT).message(3, Encoder::new().bool(3, true));
    let signature = Encoder::new().entry(1, "x", info("x:0")).entry(2, "y", info("y:0"));
    let x = node("x", "Placeholder", &[], &[("dtype", ty(FLOAT))]);
    let graph = Encoder::new().messages(1, [x]).messages(1, nodes).message(2, library);
    let info = Encoder::new().text(4, "serve");
    let meta = Encoder::new().message(1, info).message(2, graph).entry(5, "serving_default", signature);
    let model = Encoder::new().int(1, 1).message(2, more(meta));
    std::fs::write(folder.join("saved_model.pb"), model.finish()).unwrap();
    Folder(folder)
}

fn run(folder: &Path) -> Result<Vec<f32>, Error> {
    let model = SavedModel::open(folder, &["serve"], &Limits::default())?;
    if let Some((name, why)) = model.skipped_signatures().first() {
        panic!("{name}: {why}");
    }
    let x = Array::from_vec(vec![1.0_f32, 2.0], [2])?;
    model.call(None, vec![("x".into(), x)])?[0].1.to_vec()
}

#[test]
fn an_honest_model_runs() {
    let y = node("y", "Mul", &["x", "x"], &[("T", ty(FLOAT))]);
    let folder = save("honest", vec![y], Encoder::new(), |m| m);
    assert_eq!(run(&folder.0).unwrap(), [1.0, 4.0]);
}

#[test]
fn cycles_are_refused() {
    let a = node("a", "AddV2", &["x", "y"], &[("T", ty(FLOAT))]);
    let y = node("y", "Identity", &["a"], &[("T", ty(FLOAT))]);
    let folder = save("cycle", vec![a, y], Encoder::new(), |m| m);
    let error = run(&folder.0).unwrap_err();
    assert!(error.code() == Code::Corrupt && error.to_string().contains("depends on itself"), "{error}");
}

/// A function of one argument whose body is one call of `calls`, made so many times.
fn function(name: &str, calls: &str, times: usize) -> Encoder {
    let arg = |name: &str| Encoder::new().text(1, name).int(3, FLOAT);
    let signature = Encoder::new().text(1, name).message(2, arg("a")).message(3, arg("b"));
    let attr = Encoder::new().message(10, Encoder::new().text(1, calls));
    let mut function = Encoder::new().message(1, signature);
    let mut last = "a".to_owned();
    for i in 0..times {
        let own = format!("call{i}");
        function = function.message(3, node(&own, "PartitionedCall", &[&last], &[("f", attr.clone())]));
        last = format!("{own}:output:0");
    }
    function.message(4, Encoder::new().text(1, "b").text(2, &last))
}

fn call(function: &str) -> Encoder {
    node("y", "PartitionedCall", &["x"], &[("f", Encoder::new().message(10, Encoder::new().text(1, function)))])
}

#[test]
fn functions_that_call_themselves_are_refused() {
    let library = Encoder::new().message(1, function("f", "g", 1)).message(1, function("g", "f", 1));
    let folder = save("recursion", vec![call("f")], library, |m| m);
    assert_eq!(run(&folder.0).unwrap_err().code(), Code::LimitExceeded);
}

#[test]
fn functions_that_call_others_without_measure_are_refused() {
    let names: Vec<String> = (0..40).map(|i| format!("f{i}")).collect();
    let functions = names.windows(2).map(|w| function(&w[0], &w[1], 8)).chain([function("f39", "f40", 0)]);
    let library = Encoder::new().messages(1, functions);
    let folder = save("laughs", vec![call("f0")], library, |m| m);
    assert_eq!(run(&folder.0).unwrap_err().code(), Code::LimitExceeded);
}

#[test]
fn assets_stay_in_the_folder() {
    for file in ["../secret.txt", "/etc/passwd", "a/../../b", "..\\b"] {
        let y = node("y", "Identity", &["x"], &[("T", ty(FLOAT))]);
        let path = node("path", "Const", &[], &[("value", text("")), ("dtype", ty(7))]);
        let asset = Encoder::new().message(1, Encoder::new().text(1, "path:0")).text(2, file);
        let folder = save("assets", vec![y, path], Encoder::new(), |m| m.message(6, asset));
        assert_eq!(run(&folder.0).unwrap_err().code(), Code::Unsafe, "{file}");
    }
}

#[test]
fn tables_and_variables_come_from_the_model_alone() {
    let y = node("y", "Identity", &["x"], &[("T", ty(FLOAT))]);
    let table = node("table", "HashTableV2", &[], &[("key_dtype", ty(7)), ("value_dtype", ty(9))]);
    let path = node("path", "Const", &[], &[("value", text("/etc/passwd")), ("dtype", ty(7))]);
    let fill = node("fill", "InitializeTableFromTextFileV2", &["table", "path"], &[]);
    let init = |m: Encoder| {
        let nodes = Encoder::new().message(1, Encoder::new().text(1, "fill"));
        m.entry(4, "saved_model_main_op", nodes)
    };
    let folder = save("table", vec![y, table, path, fill], Encoder::new(), init);
    assert_eq!(run(&folder.0).unwrap_err().code(), Code::Unsafe);

    let path = node("path", "Const", &[], &[("value", text("/etc/passwd")), ("dtype", ty(7))]);
    let y = node("y", "RestoreV2", &["path", "path", "path"], &[("dtypes", ty(FLOAT))]);
    let folder = save("restore", vec![path, y], Encoder::new(), |m| m);
    assert_eq!(run(&folder.0).unwrap_err().code(), Code::Unsafe);
}

#[test]
fn what_is_not_supported_is_named() {
    let y = node("y", "LaunchMissiles", &["x"], &[]);
    let folder = save("unknown", vec![y], Encoder::new(), |m| m);
    let model = SavedModel::open(&folder.0, &[], &Limits::default()).unwrap();
    let unsupported = model.unsupported_ops();
    assert_eq!((unsupported[0].op.as_str(), unsupported[0].nodes[0].as_str()), ("LaunchMissiles", "graph/y"));
    let error = run(&folder.0).unwrap_err();
    assert!(error.code() == Code::Unsupported && error.to_string().contains("LaunchMissiles"), "{error}");
    let error = SavedModel::open(&folder.0, &["train"], &Limits::default()).err().unwrap();
    assert!(error.to_string().contains("expected one of the tags 'serve', found 'train'"), "{error}");
}

#[test]
fn damaged_models_give_errors() {
    let Some(data) = std::env::var_os("CORNET_TEST_DATA") else {
        eprintln!("skipped: CORNET_TEST_DATA is not set");
        return;
    };
    let from = PathBuf::from(data).join("models/savedmodel/tensorflow-serving/saved_model_half_plus_three/00000123");
    let folder = Folder(std::env::temp_dir().join(format!("cornet-savedmodel-damage-{}", std::process::id())));
    std::fs::create_dir_all(folder.0.join("variables")).unwrap();
    let names = ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"];
    for name in names {
        std::fs::copy(from.join(name), folder.0.join(name)).unwrap();
    }
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for (i, name) in names.iter().cycle().take(300).enumerate() {
        let whole = std::fs::read(from.join(name)).unwrap();
        let mut wrong = whole.clone();
        if i % 2 == 0 {
            wrong.truncate(random(whole.len()));
        } else {
            wrong[random(whole.len())] ^= 1 << random(8);
        }
        std::fs::write(folder.0.join(name), wrong).unwrap();
        if let Ok(model) = SavedModel::open(&folder.0, &["serve"], &Limits::default()) {
            let x = Array::from_vec(vec![2.0_f32], [1, 1]).unwrap();
            let _ = model.call(None, vec![("x".into(), x)]);
        }
        std::fs::write(folder.0.join(name), whole).unwrap();
    }
}
