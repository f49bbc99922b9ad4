//! Answers the cases of `python/models.py`: `model_cases FOLDER`.
//!
//! A case with `file` opens that model, loads `weights` into it if it names them, predicts, and saves it under `to`. A
//! case with `seed` makes a random model, around a layer of the class `class` if it names one, saves it under `to`, and
//! answers with its inputs and predictions. With `optimizer` such a model is trained before it is saved. With `steps` a
//! model that is compiled is trained for so many steps after it is saved, and the losses are answered.

mod classes;

use std::path::Path;
use std::sync::Arc;

use cornet_conformance::exchange::{Answer, Arrays, answer_all};
use cornet_cpu as _;
use cornet_error::{Result, err, fail};
use cornet_nn::layers::*;
use cornet_nn::models::{BoxedModel, Functional, Model, Sequential, Symbol, Symbolic};
use cornet_nn::saving::{H5Options, load_model, save_h5};
use cornet_nn::training::{CompileOptions, PredictOptions};
use cornet_tensor::Array;
use serde_json::Value;

/// Numbers that a seed repeats (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to below `n`.
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// From `low` to `high`.
    fn size(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 0
    }

    fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32 * 2.0 - 1.0
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.float()).collect()
    }

    fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }

    fn activation(&mut self) -> &'static str {
        self.word(&["relu", "tanh", "gelu", "sigmoid", "elu", "silu", "softplus", "linear"])
    }
}

fn shared(layer: impl Layer) -> Arc<dyn Layer> {
    Arc::new(layer)
}

/// A layer for `[batch, features]`.
fn for_vectors(r: &mut Random) -> Arc<dyn Layer> {
    match r.below(13) {
        0 | 1 => shared(Dense::new(r.size(2, 6)).activation(r.activation())),
        2 => shared(BatchNormalization::new()),
        3 => shared(LayerNormalization::new()),
        4 => shared(Dropout::new(0.3)),
        5 => shared(Activation::new(r.activation())),
        6 => shared(ReLU::new()),
        7 => shared(LeakyReLU::new()),
        8 => shared(RepeatVector::new(r.size(2, 4))),
        9 => shared(UnitNormalization::new()),
        10 => shared(GaussianNoise::new(0.2)),
        11 => shared(RMSNormalization::new()),
        _ => {
            let (first, second) = (r.size(2, 5), r.size(2, 5));
            shared(Sequential::new().add(Dense::new(first).activation("tanh")).add(Dense::new(second)))
        }
    }
}

/// A layer for `[batch, time, features]`.
fn for_sequences(r: &mut Random) -> Arc<dyn Layer> {
    let n = r.size(2, 4);
    match r.below(15) {
        0 => shared(Conv1D::new(n, 3).padding("causal").activation(r.activation())),
        1 => shared(SeparableConv1D::new(n, 2).padding("same")),
        2 => shared(DepthwiseConv1D::new(2).padding("same")),
        3 => shared(LSTM::new(n).return_sequences(r.flag())),
        4 => shared(GRU::new(n).return_sequences(r.flag())),
        5 => shared(SimpleRNN::new(n).return_sequences(true)),
        6 => shared(Bidirectional::new(LSTM::new(n).return_sequences(r.flag()))),
        7 => shared(TimeDistributed::new(Dense::new(n))),
        8 => shared(MaxPooling1D::new(2).padding("same")),
        9 => shared(ZeroPadding1D::new(1)),
        10 => shared(UpSampling1D::new(2)),
        11 => shared(Permute::new([2, 1])),
        12 => shared(GlobalAveragePooling1D::new()),
        13 => shared(LayerNormalization::new()),
        _ => shared(Conv1DTranspose::new(n, 2).padding("same")),
    }
}

/// A layer for `[batch, height, width, channels]`.
fn for_images(r: &mut Random) -> Arc<dyn Layer> {
    let n = r.size(2, 4);
    match r.below(13) {
        0 => shared(Conv2D::new(n, (3, 2)).padding("same").activation(r.activation())),
        1 => shared(Conv2D::new(n, 2).strides(2).padding("same").use_bias(false)),
        2 => shared(SeparableConv2D::new(n, 3).padding("same")),
        3 => shared(DepthwiseConv2D::new(3).padding("same")),
        4 => shared(Conv2DTranspose::new(n, 3).padding("same")),
        5 => shared(MaxPooling2D::new(2).padding("same")),
        6 => shared(AveragePooling2D::new(2).padding("same")),
        7 => shared(BatchNormalization::new()),
        8 => shared(UpSampling2D::new(2)),
        9 => shared(ZeroPadding2D::new(1)),
        10 => shared(SpatialDropout2D::new(0.2)),
        11 => shared(GlobalMaxPooling2D::new()),
        _ => shared(Activation::new(r.activation())),
    }
}

fn step(r: &mut Random, x: &Symbol) -> Result<Symbol> {
    let rank = x.shape()?.rank();
    Ok(match rank {
        2 => x.then(for_vectors(r)),
        3 if r.below(8) == 0 => {
            let heads = r.size(1, 2);
            MultiHeadAttention::new(heads, 3).on([x, x])
        }
        3 => x.then(for_sequences(r)),
        4 => x.then(for_images(r)),
        _ => x.then(Flatten::new()),
    })
}

/// Any shape as `[batch, features]`.
fn flat(r: &mut Random, x: &Symbol) -> Result<Symbol> {
    let rank = x.shape()?.rank();
    Ok(match rank {
        2 => x.clone(),
        3 if r.flag() => x.then(GlobalMaxPooling1D::new()),
        4 if r.flag() => x.then(GlobalAveragePooling2D::new()),
        _ => x.then(Flatten::new()),
    })
}

fn entry(r: &mut Random) -> Symbol {
    match r.below(3) {
        0 => Input::new([r.size(2, 5)]).symbol(),
        1 => Input::new([r.size(3, 5), r.size(2, 3)]).symbol(),
        _ => Input::new([r.size(4, 6), r.size(4, 6), r.size(1, 3)]).symbol(),
    }
}

/// Branches from one to three inputs, joined, with one or two outputs; a layer that several branches share.
fn functional(r: &mut Random) -> Result<BoxedModel> {
    let inputs: Vec<Symbol> = (0..r.size(1, 3)).map(|_| entry(r)).collect();
    let width = r.size(2, 5);
    let common = shared(Dense::new(width).activation("tanh"));
    let mut branches = Vec::new();
    for input in &inputs {
        let mut x = input.clone();
        for _ in 0..r.size(1, 4) {
            x = step(r, &x)?;
        }
        let x = flat(r, &x)?;
        branches.push(x.then(Dense::new(3)).then(common.clone()));
    }
    let joined = match branches.len() {
        1 => branches[0].clone(),
        _ => match r.below(4) {
            0 => Add::new().on(&branches),
            1 => Multiply::new().on(&branches),
            2 => Maximum::new().on(&branches),
            _ => Concatenate::new().on(&branches),
        },
    };
    let mut outputs = vec![joined.then(Dense::new(r.size(1, 4)).activation("softmax"))];
    if r.flag() {
        outputs.push(step(r, &joined)?);
    }
    Ok(Functional::new(&inputs, &outputs)?.boxed())
}

fn sequential(r: &mut Random) -> Result<BoxedModel> {
    let (mut model, mut rank) = match r.below(3) {
        0 => (Sequential::new().add(Input::new([r.size(2, 5)])), 2),
        1 => (Sequential::new().add(Input::new([r.size(3, 5), r.size(2, 3)])), 3),
        _ => (Sequential::new().add(Input::new([r.size(4, 6), r.size(4, 6), r.size(1, 3)])), 4),
    };
    for _ in 0..r.size(1, 5) {
        let layer = match rank {
            2 => for_vectors(r),
            3 => for_sequences(r),
            _ => for_images(r),
        };
        rank = match layer.class_name() {
            "RepeatVector" => 3,
            "GlobalAveragePooling1D" | "GlobalMaxPooling2D" => 2,
            "LSTM" | "GRU" | "Bidirectional" if !returns_sequences(&*layer) => 2,
            _ => rank,
        };
        model.push(layer)?;
    }
    if rank > 2 {
        model.push(Flatten::new())?;
    }
    model.push(Dense::new(r.size(1, 4)))?;
    Ok(model.boxed())
}

fn returns_sequences(layer: &dyn Layer) -> bool {
    let config = layer.arguments();
    let inner = config.get("layer").map_or(&Value::Null, |layer| &layer["config"]["return_sequences"]);
    config.get("return_sequences").unwrap_or(inner) == true
}

/// Weights that no initializer gives.
fn randomize(r: &mut Random, model: &BoxedModel) -> Result<()> {
    for weight in model.weights() {
        // What Normalization has learned is not read again before the model is saved.
        if !weight.variable.dtype().is_float() || ["mean", "variance"].contains(&weight.name) {
            continue;
        }
        let positive = weight.name.contains("variance");
        let values = r.floats(weight.count());
        let values = values.into_iter().map(|v| if positive { 0.5 + v.abs() } else { 0.6 * v }).collect();
        weight
            .variable
            .set(Array::from_vec::<f32>(values, weight.variable.shape().clone())?.cast(weight.variable.dtype())?)?;
    }
    Ok(())
}

fn predict(model: &BoxedModel, inputs: Vec<Array>, to: &mut Answer) -> Result<()> {
    let outputs = match &inputs[..] {
        [one] => model.predict_with(one, PredictOptions::default())?,
        _ => model.predict_with(&inputs, PredictOptions::default())?,
    };
    to.arrays.extend(outputs.into_iter().enumerate().map(|(i, y)| (format!("output {i}"), y)));
    Ok(())
}

/// The losses of so many steps on one batch.
fn train(model: &BoxedModel, inputs: &[Array], targets: &[Array], steps: u64) -> Result<Vec<f64>> {
    let step = |_| {
        model.reset_metrics()?;
        let logs = match (inputs, targets) {
            ([x], [y]) => model.train_on_batch(x, y)?,
            ([x], ys) => model.train_on_batch(x, &ys.to_vec())?,
            (xs, [y]) => model.train_on_batch(&xs.to_vec(), y)?,
            (xs, ys) => model.train_on_batch(&xs.to_vec(), &ys.to_vec())?,
        };
        logs.get("loss").ok_or_else(|| err!(Internal, "a step without a loss"))
    };
    (0..steps).map(step).collect()
}

/// Predicts, saves, and goes on training if the case says so.
fn show(case: &Value, model: &BoxedModel, inputs: &[Array], targets: &[Array], to: &mut Answer) -> Result<()> {
    let Some(path) = case["to"].as_str() else { fail!(InvalidArgument, "a case without a place to save at") };
    predict(model, inputs.to_vec(), to)?;
    match case["for_keras_2"].as_bool() {
        Some(true) => save_h5(model, Path::new(path), &H5Options::new().for_keras_2(true))?,
        _ => model.save(path)?,
    }
    if let Some(weights) = case["weights_to"].as_str() {
        model.save_weights(weights)?;
    }
    if let (Some(steps), true) = (case["steps"].as_u64(), model.optimizer().is_some()) {
        to.facts.insert("losses".into(), train(model, inputs, targets, steps)?.into());
    }
    Ok(())
}

fn answer(case: &Value, arrays: &Arrays, to: &mut Answer) -> Result<()> {
    if let Some(file) = case["file"].as_str() {
        let model = load_model(file)?;
        if let Some(weights) = case["weights"].as_str() {
            randomize(&mut Random(1), &model)?;
            model.load_weights(weights)?;
        }
        return show(case, &model, &arrays.list(&case["inputs"])?, &arrays.list(&case["targets"])?, to);
    }
    let seed = case["seed"].as_u64().ok_or_else(|| err!(InvalidArgument, "a case without file or seed"))?;
    let mut r = Random(seed);
    let (model, inputs) = match case["class"].as_str() {
        Some(class) => classes::around(class, &mut r)?,
        None => {
            let model = if r.below(3) == 0 { sequential(&mut r)? } else { functional(&mut r)? };
            let shapes = model.input_shapes().unwrap_or_default();
            let inputs = shapes.iter().map(|shape| shape.with_open(3));
            let inputs =
                inputs.map(|shape| Array::from_vec(r.floats(shape.elements()), shape)).collect::<Result<_>>()?;
            (model, inputs)
        }
    };
    randomize(&mut r, &model)?;
    to.arrays.extend(inputs.iter().enumerate().map(|(i, x)| (format!("input {i}"), x.clone())));
    let mut targets = Vec::new();
    if let Some(optimizer) = case["optimizer"].as_str() {
        let mut outputs = Answer::default();
        predict(&model, inputs.clone(), &mut outputs)?;
        for (i, (_, y)) in outputs.arrays.iter().enumerate() {
            let target = Array::from_vec(r.floats(y.elements()), y.shape().clone())?;
            to.arrays.push((format!("target {i}"), target.clone()));
            targets.push(target);
        }
        model.compile_with(CompileOptions::new(optimizer).loss("mse").run_eagerly(true))?;
        train(&model, &inputs, &targets, 2)?;
    }
    show(case, &model, &inputs, &targets, to)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [folder] => answer_all(Path::new(folder), answer),
        _ => fail!(InvalidArgument, "see the beginning of src/bin/model_cases.rs for the arguments"),
    }
}
