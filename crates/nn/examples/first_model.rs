//! Trains, predicts with and copies Keras files, for a program that compares the results with Keras's.
//!
//! * `first_model build FOLDER` writes a compiled and trained model of every layer there is to `FOLDER/model.keras`,
//!   its inputs to `x.npy` and its predictions to `y.npy`.
//! * `first_model predict MODEL X.npy Y.npy`
//! * `first_model train MODEL X.npy Y.npy BATCH_SIZE OUT.keras` trains on batch after batch in order and prints the loss
//!   of each, then saves the model.
//! * `first_model evaluate MODEL X.npy Y.npy` prints loss and metrics.
//! * `first_model copy FROM TO` loads and saves.
//! * `first_model summary MODEL`

use std::path::Path;

use cornet_cpu as _;
use cornet_error::{Result, fail};
use cornet_nn::layers::*;
use cornet_nn::models::{Model, Sequential};
use cornet_nn::optimizers::Adam;
use cornet_nn::saving::load_model;
use cornet_nn::training::{FitOptions, Verbose};
use cornet_tensor::{Array, DType};

fn read(path: &str) -> Result<Array> {
    Array::read_npy(path)
}

/// The rows of an array from `first` to `last`.
fn rows(array: &Array, first: usize, last: usize) -> Result<Array> {
    let row = array.bytes().len() / array.shape()[0];
    let shape: Vec<usize> = [last - first].into_iter().chain(array.shape()[1..].iter().copied()).collect();
    Array::from_bytes(array.dtype(), shape, &array.bytes()[first * row..last * row])
}

fn build(folder: &Path) -> Result<()> {
    let model = Sequential::named("everything")
        .seed(11)
        .add(Input::new([12, 12, 2]))
        .add(Conv2D::new(4, 3).activation("relu").padding("same").kernel_initializer("he_normal"))
        .add(MaxPooling2D::new((2, 2)))
        .add(Conv2D::new(6, (3, 2)).strides(2).use_bias(false).kernel_regularizer("l2"))
        .add(Activation::new("gelu"))
        .add(Dropout::new(0.3).seed(4))
        .add(AveragePooling2D::new(2).strides(1).padding("same"))
        .add(Flatten::new())
        .add(Dense::new(9).activation("tanh").bias_initializer("ones").kernel_constraint("max_norm"))
        .add(Dense::new(5).activation("softmax").activity_regularizer("l1"));
    model.compile(
        Adam::new().learning_rate(0.01).clipnorm(1.0).amsgrad(true),
        "sparse_categorical_crossentropy",
        ["accuracy", "sparse_top_k_categorical_accuracy"],
    )?;
    let n = 40;
    let x: Vec<f32> = (0..n * 288).map(|i| ((i * 2_654_435_761_usize) % 1000) as f32 / 500.0 - 1.0).collect();
    let (x, y) = (Array::from_vec(x, [n, 12, 12, 2])?, Array::from_vec((0..n as i32).map(|i| i % 5).collect(), [n])?);
    model.fit(&x, &y, FitOptions::new().epochs(3).seed(5).verbose(Verbose::Silent))?;
    model.save(folder.join("model.keras"))?;
    x.write_npy(folder.join("x.npy"))?;
    model.predict(&x)?.write_npy(folder.join("y.npy"))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["build", folder] => build(Path::new(folder)),
        ["predict", model, x, y] => load_model(model)?.predict(&read(x)?)?.write_npy(y),
        ["copy", from, to] => load_model(from)?.save(to),
        ["summary", model] => {
            print!("{}", load_model(model)?.summary()?);
            Ok(())
        }
        ["evaluate", model, x, y] => {
            for (name, value) in load_model(model)?.evaluate(&read(x)?, &read(y)?)?.iter() {
                println!("{name} {value:?}");
            }
            Ok(())
        }
        ["train", model, x, y, size, to] => {
            let (model, x, y) = (load_model(model)?, read(x)?.cast(DType::F32)?, read(y)?);
            let Ok(size) = size.parse::<usize>() else { fail!(InvalidArgument, "expected a batch size, found {size}") };
            for first in (0..x.shape()[0]).step_by(size) {
                let last = (first + size).min(x.shape()[0]);
                model.reset_metrics()?;
                let logs = model.train_on_batch(&rows(&x, first, last)?, &rows(&y, first, last)?)?;
                println!("{:?}", logs.loss());
            }
            model.save(to)
        }
        _ => fail!(InvalidArgument, "see the beginning of examples/first_model.rs for the arguments"),
    }
}
