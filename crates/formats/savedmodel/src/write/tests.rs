//! The folder that is written, its checkpoint, and what is refused. That TensorFlow opens it, `exports.py` shows.

use cornet_bundle::Bundle;
use cornet_cpu as _;
use cornet_error::Limits;
use cornet_export::{OpenFunction, Options, open};
use cornet_ops::{Tensor, Variable};
use cornet_program::TensorSpec;
use cornet_tensor::DType;

use super::write;

fn function(w: &Variable) -> OpenFunction {
    let spec = TensorSpec::new("x", DType::F32, Some(vec![None, Some(2)]));
    open("f", &[spec], &["y"], &Options::default(), |x| Ok(vec![x[0].matmul(w.read())])).unwrap()
}

#[test]
fn variables_are_in_the_checkpoint_once() {
    let w = Variable::new("dense/kernel", Tensor::of([[1.0_f32], [2.0]])).unwrap();
    let f = function(&w);
    let folder = std::env::temp_dir().join(format!("cornet-savedmodel-{}", std::process::id()));
    write(&folder, &[("serving_default", &f), ("again", &f)]).unwrap();
    let bundle = Bundle::open(&folder.join("variables/variables"), &Limits::default()).unwrap();
    let names: Vec<&str> = bundle.names().collect();
    assert_eq!(names, ["_CHECKPOINTABLE_OBJECT_GRAPH", "variables/0/.ATTRIBUTES/VARIABLE_VALUE"]);
    assert_eq!(bundle.read(names[1]).unwrap(), [1.0_f32, 2.0].map(f32::to_le_bytes).concat());
    let graph = std::fs::read(folder.join("saved_model.pb")).unwrap();
    for text in ["serving_default", "again", "MatMul", "tensorflow/serving/predict", "dense/kernel"] {
        assert!(graph.windows(text.len()).any(|w| w == text.as_bytes()), "{text}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn signatures_have_different_names() {
    let w = Variable::new("w", Tensor::of([[1.0_f32], [2.0]])).unwrap();
    let f = function(&w);
    let nowhere = std::env::temp_dir().join("cornet-savedmodel-nowhere");
    assert!(write(&nowhere, &[("a", &f), ("a", &f)]).unwrap_err().to_string().contains("'a' twice"));
    assert!(write(&nowhere, &[]).is_err());
    assert!(!nowhere.exists());
}
