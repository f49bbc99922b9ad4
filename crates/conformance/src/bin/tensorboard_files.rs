//! Trains with TensorBoard's event files: `tensorboard_files FOLDER`.
//!
//! Beside the files the folder gets `logged.json`: what the training logged, number by number, and the weights after each
//! epoch, for `python/tensorboard_files.py` to compare with what TensorBoard reads.

use std::sync::Mutex;

use cornet_cpu as _;
use cornet_error::{Error, Result, err};
use cornet_nn::callbacks::{LambdaCallback, TensorBoard};
use cornet_nn::layers::{Concatenate, Conv2D, Dense, Embedding, Flatten, Input};
use cornet_nn::models::{Functional, Model, Sequential, Symbolic};
use cornet_nn::training::{FitOptions, Logs, Verbose};
use cornet_tensor::{Array, DType};
use serde_json::{Map, Value, json};

/// Every how many steps the numbers of steps are written.
const EVERY: usize = 3;

/// A model with two inputs, an embedding, a convolution, and a model as a layer.
fn model() -> Result<Functional> {
    let image = Input::new([6, 6, 1]).name("image").symbol();
    let word = Input::new([2]).dtype(DType::I32).name("word").symbol();
    let seen = Flatten::new().name("flat").on(Conv2D::new(4, 3).name("convolution").on(&image));
    let read = Embedding::new(7, 5).name("words").on(&word);
    let both = Concatenate::new().name("both").on([&seen, &Flatten::new().name("line").on(&read)]);
    let head = Sequential::named("head")
        .seed(2)
        .add(Input::new([74]))
        .add(Dense::new(6).activation("relu").name("hidden"))
        .add(Dense::new(3).activation("softmax").name("class"));
    let model = Functional::named("seen_and_read", [&image, &word], [&head.on(&both)])?;
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    Ok(model)
}

fn numbers(logs: &Logs) -> Value {
    // Event files have single precision.
    logs.iter().map(|(name, value)| (name.to_owned(), json!(f64::from(value as f32)))).collect::<Map<_, _>>().into()
}

fn run(folder: &str) -> Result<()> {
    cornet_nn::random::set_random_seed(5);
    let model = model()?;
    let pixels: Vec<f32> = (0..40 * 36).map(|i| (i * 31 % 97) as f32 / 97.0).collect();
    let words: Vec<i32> = (0..80).map(|i| i * 5 % 7).collect();
    let labels: Vec<i32> = (0..40).map(|i| i % 3).collect();
    let x = [Array::from_vec(pixels, [40, 6, 6, 1])?, Array::from_vec(words, [40, 2])?];
    let y = Array::from_vec(labels, [40])?;
    let mut board = TensorBoard::new(folder)
        .histogram_freq(1)
        .write_images(true)
        .write_steps_per_second(true)
        .update_freq(EVERY)
        .embeddings_freq(1)
        .embeddings_metadata_of("words", "words.tsv");
    let (steps, epochs, tests) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let push = |to: &Mutex<Vec<Value>>, value: Value| {
        to.lock().map(|mut all| all.push(value)).map_err(|_| err!(Internal, "a lock was left by a panic"))
    };
    let mut keep = LambdaCallback::new()
        .on_train_batch_end(|_, _, logs| push(&steps, numbers(&logs.read()?)))
        .on_test_end(|_, logs| push(&tests, numbers(logs)))
        .on_epoch_end(|run, _, logs| {
            let mut weights = Map::new();
            for weight in run.model().layers().iter().flat_map(|layer| layer.weights()) {
                let value = weight.variable.value()?;
                weights.insert(
                    weight.path().into(),
                    json!({"shape": value.shape().as_slice(), "values": value.to_f64()?}),
                );
            }
            let rate = run.model().optimizer().map(|o| o.learning_rate()).transpose()?;
            push(&epochs, json!({"logs": numbers(logs), "weights": weights, "learning_rate": rate}))
        });
    let options = FitOptions::new().epochs(3).batch_size(5).seed(4).validation_split(0.25).verbose(Verbose::Silent);
    model.fit(&x, &y, options.callback(&mut board).callback(&mut keep))?;
    drop(keep);
    let all = |of: Mutex<Vec<Value>>| of.into_inner().map_err(|_| err!(Internal, "a lock was left by a panic"));
    let logged = json!({"every": EVERY, "steps": all(steps)?, "epochs": all(epochs)?, "tests": all(tests)?});
    let path = std::path::Path::new(folder).join("logged.json");
    std::fs::write(&path, logged.to_string()).map_err(|e| Error::io("write", &path, &e))
}

fn main() -> Result<()> {
    match std::env::args().nth(1) {
        Some(folder) => run(&folder),
        None => Err(err!(InvalidArgument, "expected the folder to write to")),
    }
}
