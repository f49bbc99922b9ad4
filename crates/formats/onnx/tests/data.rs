//! Models with recorded outputs, where `CORNET_TEST_DATA` names a folder that has them.

use std::path::{Path, PathBuf};

use cornet_cpu as _;
use cornet_error::{Limits, Result};
use cornet_format_onnx::proto::{Reader, parse_tensor};
use cornet_format_onnx::{OnnxModel, Value};
use cornet_program::Program;
use cornet_proto::Message;
use cornet_tensor::{Array, DType};

fn models() -> Option<PathBuf> {
    let folder = std::env::var_os("CORNET_TEST_DATA").map(|f| PathBuf::from(f).join("models"));
    let folder = folder.filter(|f| f.join("onnx").is_dir());
    if folder.is_none() {
        eprintln!("skipped: CORNET_TEST_DATA does not name a folder with models/onnx");
    }
    folder
}

/// The largest difference relative to the scale of what is expected; infinite where they cannot be compared.
fn deviation(found: &Array, expected: &Array) -> Result<f64> {
    if found.shape() != expected.shape() || found.dtype() != expected.dtype() {
        return Ok(f64::INFINITY);
    }
    if expected.dtype() == DType::Str {
        return Ok(if found.strings()? == expected.strings()? { 0.0 } else { f64::INFINITY });
    }
    let (found, expected) = (found.to_f64()?, expected.to_f64()?);
    let scale = expected.iter().filter(|x| x.is_finite()).fold(0.05_f64, |m, x| m.max(x.abs()));
    let one = |(a, b): (&f64, &f64)| if a == b || a.is_nan() && b.is_nan() { 0.0 } else { (a - b).abs() / scale };
    Ok(found.iter().zip(&expected).map(one).fold(0.0, |m, d| if d.is_nan() { f64::INFINITY } else { m.max(d) }))
}

fn tensor(path: &Path) -> Result<Array> {
    let bytes = std::fs::read(path).map_err(|e| cornet_error::Error::io("read", path, &e))?;
    let limits = Limits::default();
    Ok(parse_tensor(&Message::of(bytes, &limits), &Reader::new(None, &limits))?.array)
}

/// `input_0.pb`, `input_1.pb` and so on of a folder.
fn numbered(folder: &Path, name: &str) -> Vec<PathBuf> {
    (0..).map(|i| folder.join(format!("{name}_{i}.pb"))).take_while(|p| p.is_file()).collect()
}

/// The largest deviation of a model's outputs over its data sets.
fn replay(folder: &Path) -> Result<f64> {
    let model = OnnxModel::open(&folder.join("model.onnx"), &Limits::default())?;
    let mut worst = 0.0_f64;
    for set in (0..).map(|i| folder.join(format!("test_data_set_{i}"))).take_while(|p| p.is_dir()) {
        let inputs = numbered(&set, "input").iter().map(|p| tensor(p)).collect::<Result<Vec<_>>>()?;
        let expected = numbered(&set, "output");
        let found = if model.is_plain() {
            let signature = model.signature(None)?;
            signature.check(&inputs)?;
            model.run(signature, &inputs)?
        } else {
            let found = model.run_values(inputs.into_iter().map(Value::from).collect())?;
            // A sequence is stored tensor by tensor only where it is the one output that is compared.
            found.iter().filter_map(|v| v.tensor().ok()).map(|t| t.array()).collect::<Result<Vec<_>>>()?
        };
        if model.is_plain() {
            assert_eq!(found.len(), expected.len(), "{}", folder.display());
        }
        for (found, expected) in found.iter().zip(&expected) {
            worst = worst.max(deviation(found, &tensor(expected)?)?);
        }
    }
    Ok(worst)
}

#[test]
fn models_of_the_projects_tests_give_their_outputs() {
    let Some(models) = models() else { return };
    let (mut count, mut worst, mut failed) = (0, 0.0_f64, Vec::new());
    for suite in ["onnx-backend-node", "onnx-backend-pytorch-operator"] {
        let mut folders: Vec<PathBuf> =
            std::fs::read_dir(models.join("onnx").join(suite)).unwrap().map(|e| e.unwrap().path()).collect();
        folders.sort();
        for folder in folders.iter().filter(|f| f.join("model.onnx").is_file()) {
            count += 1;
            match replay(folder) {
                Ok(found) if found <= 1e-5 => worst = worst.max(found),
                Ok(found) => failed.push(format!("{}: deviates by {found:e}", folder.display())),
                Err(error) => failed.push(format!("{}: {error}", folder.display())),
            }
        }
    }
    println!("{count} models, largest deviation {worst:e}");
    assert!(failed.is_empty(), "{} of {count} failed:\n{}", failed.len(), failed.join("\n"));
    assert!(count > 100, "found {count} models");
}

#[test]
fn whole_models_give_what_onnxruntime_gave() {
    let Some(models) = models() else { return };
    let all = [
        ("keras_tract_tf2_example.onnx", "keras_tract_tf2_example.onnx.npz"),
        ("mnist_pytorch_rten.onnx", "mnist_pytorch_rten.onnx.npz"),
        ("mnist_external_data/mnist.onnx", "mnist_external_data__mnist.onnx.npz"),
    ];
    for (file, expected) in all {
        let model = OnnxModel::open(&models.join("onnx").join(file), &Limits::default()).unwrap();
        let recorded = Array::read_npz(models.join("expected").join(expected)).unwrap();
        let of = |prefix: &str| {
            let own = recorded.iter().filter_map(|(n, a)| Some((n.strip_prefix(prefix)?.to_owned(), a.clone())));
            own.collect::<Vec<_>>()
        };
        let found = model.call(None, of("in_")).unwrap();
        for (name, array) in of("out_") {
            let (_, own) = found.iter().find(|(n, _)| *n == name).unwrap();
            let deviation = deviation(own, &array).unwrap();
            println!("{file} {name}: {deviation:e}");
            assert!(deviation <= 1e-5, "{file} {name}: {deviation:e}");
        }
        assert!(!model.compiled().runs_op_by_op(), "{file} runs op by op");
    }
}

#[test]
fn a_model_of_before_operator_sets_runs() {
    let Some(models) = models() else { return };
    let model = OnnxModel::open(&models.join("onnx/super_resolution.onnx"), &Limits::default()).unwrap();
    assert!(model.info().unsupported.is_empty(), "{:?}", model.info().unsupported);
    assert_eq!(model.info().ir_version, 1);
    let spec = &model.signatures()[0].inputs[0];
    let shape: Vec<usize> = spec.shape.clone().unwrap().into_iter().map(|s| s.unwrap_or(1)).collect();
    let values: Vec<f32> = (0..shape.iter().product()).map(|i: usize| (i % 97) as f32 / 97.0).collect();
    let y = model.call(None, vec![(spec.name.clone(), Array::from_slice(&values, shape.clone()).unwrap())]).unwrap();
    let (_, y) = &y[0];
    assert_eq!(y.shape()[2..], [3 * shape[2], 3 * shape[3]]);
    assert!(y.to_f64().unwrap().iter().all(|x| x.is_finite()));
}
