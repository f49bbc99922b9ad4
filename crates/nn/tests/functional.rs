//! Functional models: branches, shared layers, models in models, features, files, mistakes.

use std::sync::Arc;

use cornet_cpu as _;
use cornet_nn::layers::{Add, Concatenate, Conv2D, Dense, Dropout, Flatten, Input, Layer, MaxPooling2D, Subtract};
use cornet_nn::models::{
    BoxedModel, Functional, Model, PlotOptions, Sequential, SummaryOptions, Symbolic, model_to_dot, plot_model,
};
use cornet_nn::saving::{load_model, model_from_json, model_to_json};
use cornet_nn::training::{FitOptions, Verbose};
use cornet_ops::Tensor;
use cornet_tensor::Array;

fn numbers(shape: &[usize], step: f32) -> Array {
    let n: usize = shape.iter().product();
    Array::from_vec((0..n).map(|i| ((i as f32 * step).sin() * 2.0) % 1.0).collect::<Vec<f32>>(), shape).unwrap()
}

fn two_headed() -> Functional {
    let (p, q) = (Input::new([8]).name("p").symbol(), Input::new([8]).name("q").symbol());
    let shared = Arc::new(Dense::new(4).name("shared"));
    let difference = Subtract::new().name("difference").on([&shared.clone().on(&p), &shared.on(&q)]);
    let both = Concatenate::new().name("both").on([&difference, &p]);
    let price = Dense::new(1).name("price").on(&difference);
    let class = Dense::new(3).activation("softmax").name("class").on(&both);
    Functional::named("heads", [&p, &q], [&price, &class]).unwrap()
}

#[test]
fn a_shared_layer_has_one_set_of_weights_and_every_output_comes_out() {
    let model = two_headed();
    assert_eq!(model.count_params().unwrap(), 8 * 4 + 4 + 4 + 1 + 12 * 3 + 3);
    let (p, q) = (numbers(&[5, 8], 0.3), numbers(&[5, 8], 0.7));
    let outputs = model.predict_with(&vec![p.clone(), q], Default::default()).unwrap();
    assert_eq!(outputs[0].shape().as_slice(), [5, 1]);
    assert_eq!(outputs[1].shape().as_slice(), [5, 3]);
    // Equal inputs leave no difference: the price is its bias, 0.
    let same = model.predict_with(&vec![p.clone(), p], Default::default()).unwrap();
    assert!(same[0].to_vec::<f32>().unwrap().iter().all(|x| *x == 0.0));
    assert_eq!(model.output_names(), ["price", "class"]);
    let summary = model.summary().unwrap();
    assert!(summary.contains("Connected to") && summary.contains("shared[1][0]"), "{summary}");
}

#[test]
fn a_model_survives_its_json_and_its_file() {
    let model = two_headed();
    let json = model_to_json(&model).unwrap();
    let again = model_from_json(&json, true).unwrap();
    assert_eq!(model_to_json(&again).unwrap(), json);
    let path = std::env::temp_dir().join(format!("cornet_functional_{}.keras", std::process::id()));
    model.save(&path).unwrap();
    let loaded: BoxedModel = load_model(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let x = vec![numbers(&[5, 8], 0.3), numbers(&[5, 8], 0.7)];
    let predict = |model: &dyn Model| model.predict_with(&x, Default::default()).unwrap();
    assert_eq!(predict(&model), predict(&loaded));
}

#[test]
fn a_model_of_features_shares_the_weights_and_may_begin_in_the_middle() {
    let x = Input::new([8, 8, 3]).symbol();
    let features = MaxPooling2D::new(2).name("pool").on(Conv2D::new(4, 3).activation("relu").on(&x));
    let y = Dense::new(2).name("head").on(Flatten::new().on(&features));
    let model = Functional::new(&x, &y).unwrap();
    let lower = Functional::new(model.inputs(), model.output_of("pool").unwrap()).unwrap();
    let upper = Functional::new(model.output_of("pool").unwrap(), model.outputs()).unwrap();
    let images = numbers(&[3, 8, 8, 3], 0.11);
    let middle = lower.predict(&images).unwrap();
    assert_eq!(middle.shape().as_slice(), [3, 3, 3, 4]);
    assert_eq!(upper.predict(&middle).unwrap(), model.predict(&images).unwrap());
    assert!(Arc::ptr_eq(&upper.layer("head").unwrap(), &model.layer("head").unwrap()));
}

#[test]
fn models_are_layers_of_models_and_the_summary_unfolds_them() {
    let x = Input::new([4]).symbol();
    let sum = Add::new().on([&x, &Dense::new(4).name("inner").on(&x)]);
    let block = Arc::new(Functional::named("block", &x, &sum).unwrap());
    let chain = Sequential::named("chain").add(Input::new([4])).add(Dense::new(5)).add(Dropout::new(0.5));
    let z = Input::new([4]).symbol();
    let y = chain.on(block.clone().on(block.on(&z)));
    let model = Functional::new(&z, &y).unwrap();
    assert_eq!(model.count_params().unwrap(), 4 * 4 + 4 + 4 * 5 + 5);
    let options = SummaryOptions { expand_nested: true, show_trainable: true, ..Default::default() };
    let summary = model.summary_with(&options).unwrap();
    assert!(summary.contains("└ inner") && summary.contains("Trainable"), "{summary}");
    model.layer("block").unwrap().base().set_trainable(false);
    assert_eq!(model.trainable_weights().len(), 2);
    let options = PlotOptions { expand_nested: true, show_shapes: true, show_layer_names: true, ..Default::default() };
    let dot = model_to_dot(&model, &options).unwrap();
    assert!(dot.contains("cluster_block") && dot.contains("inner (Dense)") && dot.contains("(None, 5)"), "{dot}");
}

#[test]
fn a_functional_model_learns() {
    let x = Input::new([2]).symbol();
    let h = Dense::new(8).activation("tanh").on(&x);
    let y = Dense::new(1).activation("sigmoid").on(Concatenate::new().on([&h, &x]));
    let model = Functional::new(&x, &y).unwrap();
    let adam = cornet_nn::optimizers::Adam::new().learning_rate(0.05);
    model.compile(adam, "binary_crossentropy", ["accuracy"]).unwrap();
    let x = Tensor::of([[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    let y = Tensor::of([[0.0_f32], [1.0], [1.0], [0.0]]);
    let options = FitOptions::new().epochs(300).verbose(Verbose::Silent);
    assert_eq!(model.fit(&x, &y, options).unwrap().last("accuracy"), Some(1.0));
}

#[test]
fn mistakes_have_one_clear_message_each() {
    let message = |result: cornet_error::Result<Functional>| result.map(|_| ()).unwrap_err().to_string();
    let (x, other) = (Input::new([4]).name("x").symbol(), Input::new([4]).name("other").symbol());
    let y = Dense::new(2).name("y").on(Add::new().on([&x, &other]));
    let found = message(Functional::new(&x, &y));
    assert!(found.contains("disconnected") && found.contains("other (InputLayer)"), "{found}");
    let twice = Dense::new(2).name("same").on(Dense::new(4).name("same").on(&x));
    assert!(message(Functional::new(&x, &twice)).contains("'same' twice"));
    let flat = Conv2D::new(4, 3).name("conv").on(&x);
    let found = message(Functional::new(&x, &flat));
    assert!(found.contains("conv (Conv2D)") && found.contains("expected 4, found 2"), "{found}");
    let wrong = Add::new().name("sum").on([&x, &Dense::new(3).on(&x)]);
    let found = message(Functional::new(&x, &wrong));
    assert!(found.contains("sum (Add)") && found.contains("expected 4, found 3"), "{found}");
}

#[test]
fn a_model_is_drawn_as_svg_png_and_dot() {
    let folder = std::env::temp_dir().join(format!("cornet_plot_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let model = two_headed();
    let options = PlotOptions { show_shapes: true, show_layer_names: true, ..Default::default() };
    for (ending, start) in [("svg", &b"<svg"[..]), ("png", b"\x89PNG"), ("dot", b"digraph")] {
        let path = folder.join(format!("model.{ending}"));
        plot_model(&model, &path, &options).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.windows(start.len()).take(200).any(|w| w == start), "{ending}");
    }
    assert_eq!(plot_model(&model, folder.join("model.pdf"), &options).unwrap_err().code().word(), "unsupported_format");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn ops_between_layers_are_computed_and_saved_as_keras_saves_them() {
    let (x, y) = (Input::new([4]).symbol(), Input::new([4]).symbol());
    let z = &(&(&x + &y) * 0.5) - &(&(1.0 - &x) / 2.0);
    let model = Functional::new([&x, &y], -&z).unwrap();
    let again = model_from_json(&model_to_json(&model).unwrap(), false).unwrap();
    let (x, y) = (numbers(&[3, 4], 0.3), numbers(&[3, 4], 0.7));
    let found = again.predict_with(&vec![x.clone(), y.clone()], Default::default()).unwrap().remove(0);
    let pairs = x.to_vec::<f32>().unwrap().into_iter().zip(y.to_vec::<f32>().unwrap());
    let expected: Vec<f32> = pairs.map(|(x, y)| -((x + y) * 0.5 - (1.0 - x) / 2.0)).collect();
    assert_eq!(found.to_vec::<f32>().unwrap(), expected);
    let json = model_to_json(&model).unwrap().to_string();
    assert!(json.contains("keras.src.ops.numpy") && json.contains(r#""registered_name":"TrueDivide""#), "{json}");
    assert!(model.layers().iter().all(|layer| layer.class_name() == "InputLayer"), "ops are no layers");
}
