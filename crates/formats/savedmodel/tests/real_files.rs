//! SavedModels of TensorFlow 1 and 2 from files, where `CORNET_TEST_DATA` names a folder that has them.

use std::path::PathBuf;

use cornet_cpu as _;
use cornet_error::Limits;
use cornet_format_savedmodel::SavedModel;
use cornet_program::Program;
use cornet_proto::Encoder;
use cornet_tensor::Array;

fn models() -> Option<PathBuf> {
    let data = std::env::var_os("CORNET_TEST_DATA");
    if data.is_none() {
        eprintln!("skipped: CORNET_TEST_DATA is not set");
    }
    data.map(|d| PathBuf::from(d).join("models"))
}

fn open(path: &str) -> Option<SavedModel> {
    let folder = models()?.join("savedmodel").join(path);
    let model = SavedModel::open(&folder, &["serve"], &Limits::default()).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert_eq!(model.unsupported_ops(), [], "{path}");
    Some(model)
}

fn call(model: &SavedModel, signature: &str, inputs: Vec<(&str, Array)>) -> Vec<(String, Array)> {
    let inputs = inputs.into_iter().map(|(name, x)| (name.to_owned(), x)).collect();
    model.call(Some(signature), inputs).unwrap_or_else(|e| panic!("{signature}: {e}"))
}

fn floats(x: &[f32], shape: &[usize]) -> Array {
    Array::from_slice(x, shape).unwrap()
}

/// A `tf.Example` with floats.
fn example(features: &[(&str, f32)]) -> Vec<u8> {
    let entry = |map: Encoder, (name, x): &(&str, f32)| {
        let list = Encoder::new().packed_floats(1, [*x]);
        map.entry(1, name, Encoder::new().message(2, list))
    };
    Encoder::new().message(1, features.iter().fold(Encoder::new(), entry)).finish()
}

#[test]
fn half_plus_two_of_either_tensorflow_halves_and_adds() {
    for path in [
        "tensorflow-serving/saved_model_half_plus_two_cpu/00000123",
        "tensorflow-serving/saved_model_half_plus_two_tf2_cpu/00000123",
        "tensorflow-serving/saved_model_half_plus_two_2_versions/00000123",
        "tensorflow-serving/saved_model_half_plus_two_2_versions/00000124",
    ] {
        let Some(model) = open(path) else { return };
        let takes = &model.signature(Some("serving_default")).unwrap().inputs[0];
        let shape = takes.shape.clone().unwrap().iter().map(|s| s.unwrap_or(3)).collect::<Vec<_>>();
        let x = &[1.0, 2.0, 5.0][..shape[0]];
        let y = call(&model, "serving_default", vec![("x", floats(x, &shape))]);
        assert_eq!(y[0].1.to_vec::<f32>().unwrap(), x.iter().map(|x| x / 2.0 + 2.0).collect::<Vec<_>>(), "{path}");
        let examples = vec![example(&[("x", 4.0)]), example(&[("x", -2.0)])];
        let examples = Array::from_strings(examples, [2]).unwrap();
        let y = call(&model, "regress_x_to_y", vec![("inputs", examples.clone())]);
        assert_eq!(y[0].1.to_vec::<f32>().unwrap(), [4.0, 1.0], "{path}");
        let y = call(&model, "regress_x_to_y2", vec![("inputs", examples.clone())]);
        assert_eq!(y[0].1.to_vec::<f32>().unwrap(), [5.0, 2.0], "{path}");
        let y = call(&model, "classify_x_to_y", vec![("inputs", examples)]);
        assert_eq!(y[0].1.to_vec::<f32>().unwrap(), [4.0, 1.0], "{path}");
        // TensorFlow 2 calls every signature a prediction.
        let method = if path.contains("tf2") { "tensorflow/serving/predict" } else { "tensorflow/serving/classify" };
        assert_eq!(model.signature(Some("classify_x_to_y")).unwrap().method, method, "{path}");
    }
}

#[test]
fn half_plus_three_and_three_times() {
    let Some(model) = open("tensorflow-serving/saved_model_half_plus_three/00000123") else { return };
    let y = call(&model, "serving_default", vec![("x", floats(&[1.0, 2.0], &[2, 1]))]);
    assert_eq!(y[0].1.to_vec::<f32>().unwrap(), [3.5, 4.0]);
    let model = open("tfjs-node/times_three_float").unwrap();
    let y = call(&model, "serving_default", vec![("x", floats(&[2.5], &[]))]);
    assert_eq!(y[0].1.item::<f32>().unwrap(), 7.5);
}

#[test]
fn a_counter_keeps_its_state() {
    let Some(model) = open("tensorflow-serving/saved_model_counter/00000123") else { return };
    let value = |signature: &str, inputs| call(&model, signature, inputs)[0].1.item::<f32>().unwrap();
    assert_eq!(value("get_counter", vec![]), 0.0);
    assert_eq!(value("incr_counter", vec![]), 1.0);
    assert_eq!(value("incr_counter", vec![]), 2.0);
    assert_eq!(value("incr_counter_by", vec![("delta", floats(&[5.0], &[]))]), 7.0);
    assert_eq!(value("get_counter", vec![]), 7.0);
    assert_eq!(value("reset_counter", vec![]), 0.0);
    assert_eq!(value("get_counter", vec![]), 0.0);
}

#[test]
fn several_signatures_and_outputs() {
    let Some(model) = open("tfjs-node/module_with_multiple_signatures") else { return };
    let names: Vec<_> = model.signatures().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["serving_default", "timestwo"]);
    let y = call(&model, "timestwo", vec![("x", floats(&[4.0], &[]))]);
    assert_eq!(y[0].1.item::<f32>().unwrap(), 8.0);
    let model = open("tfjs-node/model_multi_output").unwrap();
    let y = call(&model, "serving_default", vec![("x", Array::scalar(2_i32)), ("y", Array::scalar(3_i32))]);
    let values: Vec<i32> = y.iter().map(|y| y.1.item().unwrap()).collect();
    assert_eq!((y.len(), values), (model.signatures()[0].outputs.len(), vec![4, 3]));
}

#[test]
fn outputs_are_those_that_were_recorded() {
    let Some(models) = models() else { return };
    for name in ["mlp_28x28_untrained", "fashion_cnn_tf1_keras"] {
        let model = open(name).unwrap();
        let recorded = models.join("expected").join(format!("savedmodel__{name}.npz"));
        let recorded = Array::read_npz(recorded).unwrap();
        let inputs = recorded.iter().filter_map(|(n, x)| Some((n.strip_prefix("in_")?.to_owned(), x.clone())));
        for (output, y) in model.call(None, inputs.collect()).unwrap() {
            let expected = &recorded.iter().find(|(n, _)| *n == format!("out_{output}")).unwrap().1;
            let (found, expected) = (y.to_f64().unwrap(), expected.to_f64().unwrap());
            assert_eq!(found.len(), expected.len());
            let worst = found.iter().zip(&expected).map(|(f, e)| (f - e).abs() / e.abs().max(1e-3)).fold(0.0, f64::max);
            assert!(worst < 1e-5, "{name}: {output} deviates by {worst}");
        }
    }
    let model = open("linear_regression_tf2").unwrap();
    let input = model.signatures()[0].inputs[0].clone();
    let shape: Vec<usize> = input.shape.unwrap().iter().map(|s| s.unwrap_or(2)).collect();
    let x = Array::full(input.dtype, shape, 1.0).unwrap();
    assert!(model.call(None, vec![("x".into(), x)]).unwrap()[0].1.to_f64().unwrap().iter().all(|y| y.is_finite()));
}

#[test]
fn a_trained_network_knows_clothes() {
    let Some(models) = models() else { return };
    let images = cornet_data::idx::read(&models.join("../fashion-mnist/t10k-images-idx3-ubyte.gz"), &Limits::default());
    let labels = cornet_data::idx::read(&models.join("../fashion-mnist/t10k-labels-idx1-ubyte.gz"), &Limits::default());
    let (images, labels) = (images.unwrap(), labels.unwrap());
    let pixels: Vec<f32> = images.bytes()[..2000 * 784].iter().map(|&p| f32::from(p) / 255.0).collect();
    let model = open("fashion_cnn_tf1_keras").unwrap();
    let y = model.call(None, vec![("x".into(), floats(&pixels, &[2000, 28, 28, 1]))]).unwrap();
    let scores = y[0].1.to_vec::<f32>().unwrap();
    let best = |row: &[f32]| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    let right = scores.chunks(10).zip(labels.bytes()).filter(|(row, label)| best(row) == usize::from(**label)).count();
    assert!((1752..=1772).contains(&right), "{right} of 2000");
}

#[test]
fn signatures_are_described_as_the_tool_does() {
    let Some(model) = open("tfjs-node/times_three_float") else { return };
    let expected = "
MetaGraphDef with tag-set: 'serve' contains the following SignatureDefs:

signature_def['__saved_model_init_op']:
  The given SavedModel SignatureDef contains the following input(s):
  The given SavedModel SignatureDef contains the following output(s):
    outputs['__saved_model_init_op'] tensor_info:
        dtype: DT_INVALID
        shape: unknown_rank
        name: NoOp
  Method name is: 

signature_def['serving_default']:
  The given SavedModel SignatureDef contains the following input(s):
    inputs['x'] tensor_info:
        dtype: DT_FLOAT
        shape: ()
        name: serving_default_x:0
  The given SavedModel SignatureDef contains the following output(s):
    outputs['output_0'] tensor_info:
        dtype: DT_FLOAT
        shape: ()
        name: StatefulPartitionedCall:0
  Method name is: tensorflow/serving/predict
";
    assert_eq!(model.describe(), expected);
}
