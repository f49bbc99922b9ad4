//! Files that Keras 1, 2 and 3 wrote, and what they computed.

mod data;

use std::path::Path;

use cornet_cpu as _;
use cornet_error::Code;
use cornet_nn::models::{BoxedModel, Model};
use cornet_nn::saving::{LoadOptions, WeightOptions, load_model, load_model_with};
use cornet_tensor::Array;

use data::{models, relative_deviation};

const TOLERANCE: f64 = 1e-5;

fn load(path: &Path) -> BoxedModel {
    load_model(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn array<'a>(arrays: &'a [(String, Array)], name: &str) -> &'a Array {
    &arrays.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no array {name}")).1
}

/// Files that are no models by themselves; they have tests of their own.
const WEIGHTS_ALONE: [&str; 2] = ["mobilenet_7_5_224_tf.h5", "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"];

#[test]
fn every_model_gives_the_outputs_that_keras_gave() {
    let mut compared = 0;
    for folder in ["h5", "keras", "keras-applications"] {
        for path in models(folder) {
            let name = path.file_name().unwrap().to_str().unwrap();
            let expected = path.ancestors().nth(2).unwrap().join("expected").join(format!("{name}.npz"));
            if WEIGHTS_ALONE.contains(&name) || !expected.exists() {
                continue;
            }
            let expected = Array::read_npz(&expected).unwrap();
            let model = load(&path);
            let y = model.predict(array(&expected, "x")).unwrap_or_else(|e| panic!("{name}: {e}"));
            let deviation = relative_deviation(&y, array(&expected, "y"));
            println!("{name}: {deviation:.1e}");
            assert!(deviation <= TOLERANCE, "{name}: off by {deviation:.1e}");
            compared += 1;
        }
    }
    assert!(compared == 0 || compared == 16, "expected 16 models, compared {compared}");
}

/// Files of the dl4j-keras folder that do not load, and why.
const REFUSED: [(&str, Code, &str); 4] = [
    ("model_lambda.h5", Code::Unsafe, "Lambda layers: code of Python"),
    ("sequential_lambda.h5", Code::Unsafe, "Lambda layers: code of Python"),
    ("space_to_depth_graph_tensorflow_2.h5", Code::Unsafe, "a Lambda layer: code of Python"),
    ("space_to_depth_simple_tensorflow_2.h5", Code::Unsafe, "a Lambda layer: code of Python"),
];

/// Files of the dl4j-keras folder with arrays that are no model.
const NO_MODELS: [&str; 5] = [
    "lstm_th_keras_2_weights.h5",
    "simple_flatten_rnn_tf_keras_2_inputs_and_outputs.h5",
    "simple_flatten_rnn_tf_keras_2_weights.h5",
    "simple_rnn_tf_keras_2_inputs_and_outputs.h5",
    "simple_rnn_tf_keras_2_weights.h5",
];

#[test]
fn models_of_keras_1_and_2_load_but_for_those_that_are_code() {
    let mut loaded = 0;
    for path in models("dl4j-keras") {
        let name = path.file_name().unwrap().to_str().unwrap();
        if NO_MODELS.contains(&name) {
            continue;
        }
        match (load_model(&path), REFUSED.iter().find(|(refused, ..)| *refused == name)) {
            (Ok(model), None) => {
                assert!(model.count_params().unwrap() > 0, "{name}");
                loaded += 1;
            }
            (Err(error), Some((_, code, reason))) => {
                assert_eq!(error.code(), *code, "{name} ({reason}): {error}");
                assert!(error.help_text().is_some(), "{name}: {error}");
            }
            (Err(error), None) => panic!("{name}: {error}"),
            (Ok(_), Some((_, _, reason))) => panic!("{name} is refused no more: {reason}"),
        }
    }
    assert!(loaded == 0 || loaded == 36, "expected 36 models, loaded {loaded}");
}

/// The first outputs that tf_keras 2.21 gives for the recorded inputs. What was recorded as outputs is of other weights:
/// tf_keras is off by three quarters of its scale, too.
const OF_RECORDED_INPUTS: [(&str, [f32; 5]); 2] = [
    ("simple_flatten_rnn_tf_keras_2", [3.305534, 0.53900063, -6.751918, -0.6275018, 15.076471]),
    ("simple_rnn_tf_keras_2", [-19.466139, 0.6220123, -14.317525, -4.5102277, 9.230968]),
];

#[test]
fn recorded_inputs_of_keras_2_give_what_tf_keras_gives() {
    for path in models("dl4j-keras") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(stem) = name.strip_suffix("_inputs_and_outputs.h5") else { continue };
        let file = cornet_hdf5::File::open(&path, &cornet_error::Limits::default()).unwrap();
        let group = file.root().group("inputs").unwrap();
        let (_, dataset) = group.datasets().iter().next().unwrap();
        let values: Vec<f32> = match dataset.dtype() {
            cornet_hdf5::Dtype::F32 => dataset.read().unwrap(),
            _ => dataset.read::<f64>().unwrap().into_iter().map(|value| value as f32).collect(),
        };
        let x = Array::from_vec(values, dataset.shape()).unwrap();
        let expected = &OF_RECORDED_INPUTS.iter().find(|(known, _)| *known == stem).unwrap().1;
        let expected = Array::from_slice(expected, [5]).unwrap();
        let sibling = |end: &str| path.with_file_name(format!("{stem}{end}"));
        let model = load(&sibling("_model.h5"));
        let deviation = |model: &BoxedModel| {
            let y = model.predict_on_batch(&x).unwrap().remove(0).to_vec::<f32>().unwrap();
            relative_deviation(&Array::from_slice(&y[..5], [5]).unwrap(), &expected)
        };
        assert!(deviation(&model) <= TOLERANCE, "{stem}: {:.1e}", deviation(&model));
        // The same weights by order and by name.
        for by_name in [false, true] {
            for weight in model.weights() {
                weight.variable.set(Array::zeros(weight.variable.dtype(), weight.variable.shape().clone())).unwrap();
            }
            let options = WeightOptions::new().by_name(by_name);
            let left_out = model.load_weights_with(sibling("_weights.h5"), &options).unwrap();
            assert!(left_out.is_empty(), "{left_out:?}");
            assert!(deviation(&model) <= TOLERANCE, "{stem}: {:.1e}", deviation(&model));
        }
    }
}

fn accuracy(model: &str, folder: &str) -> Option<f64> {
    let path = models(model.split_once('/').unwrap().0).into_iter().find(|path| path.ends_with(model))?;
    let (images, labels) = data::test_images(folder)?;
    let model = load_model_with(path, &LoadOptions::new().compile(false)).unwrap();
    let scores = model.predict(&images).unwrap().to_vec::<f32>().unwrap();
    let right = scores.chunks_exact(10).zip(&labels).filter(|(row, label)| {
        let best = (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        best == usize::from(**label)
    });
    Some(100.0 * right.count() as f64 / labels.len() as f64)
}

#[test]
fn digits_and_clothes_are_told_apart_as_well_as_in_keras() {
    for (model, folder, expected) in [
        ("h5/mnist_cnn_keras2.12.h5", "mnist", 98.43),
        ("keras/mnist_cnn_keras3.15.1.keras", "mnist", 99.11),
        ("keras/fashion_mnist_cnn_keras3.10.keras", "fashion-mnist", 90.51),
    ] {
        let Some(found) = accuracy(model, folder) else { return };
        println!("{model}: {found:.2} %");
        assert!((found - expected).abs() < 0.005, "{model}: expected {expected} %, found {found:.2} %");
    }
}

#[test]
fn a_file_without_a_model_is_told_from_one_with_it() {
    for path in models("keras-applications") {
        let error = match load_model(&path) {
            Err(error) => error,
            Ok(_) => panic!("{}: a model without a config", path.display()),
        };
        assert_eq!(error.code(), Code::UnsupportedFormat);
        assert!(error.help_text().is_some_and(|help| help.contains("load_weights")));
    }
}
