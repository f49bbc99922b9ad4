//! Times training steps of small models on random data: `train_speed [mlp|cnn] [BATCH_SIZE] [plan]`.

use std::time::Instant;

use cornet_cpu as _;
use cornet_error::{Result, fail};
use cornet_nn::layers::*;
use cornet_nn::models::{Model, Sequential};
use cornet_nn::training::{FitOptions, Verbose};
use cornet_ops::random;
use cornet_tensor::DType;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let kind = arguments.first().map_or("mlp", String::as_str);
    let batch: usize = arguments.get(1).and_then(|size| size.parse().ok()).unwrap_or(32);
    let model = Sequential::new().seed(1);
    let model = match kind {
        "mlp" => model
            .add(Input::new([28, 28]))
            .add(Flatten::new())
            .add(Dense::new(128).activation("relu"))
            .add(Dropout::new(0.2))
            .add(Dense::new(10).activation("softmax")),
        "cnn" => model
            .add(Input::new([28, 28, 1]))
            .add(Conv2D::new(32, 3).activation("relu"))
            .add(MaxPooling2D::default())
            .add(Conv2D::new(64, 3).activation("relu"))
            .add(MaxPooling2D::default())
            .add(Flatten::new())
            .add(Dense::new(10).activation("softmax")),
        _ => fail!(InvalidArgument, "expected mlp or cnn, found {kind}"),
    };
    let steps = if kind == "mlp" { 400 } else { 40 };
    let n = batch * steps;
    let x = random::uniform([n, 28, 28], 0.0, 1.0, DType::F32, 1).array()?;
    let y = random::randint([n], 0, 10, DType::I32, 2).array()?;
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    let options = || FitOptions::new().batch_size(batch).seed(1).verbose(Verbose::Silent);
    model.train_on_batch(&x_rows(&x, batch)?, &x_rows(&y, batch)?)?;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        model.fit(&x, &y, options())?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{kind} batch {batch}: {:.1} us a step", best / steps as f64 * 1e6);
    if arguments.get(2).is_some_and(|word| word == "plan") {
        println!("{}", model.trainer().describe());
    }
    Ok(())
}

/// The first rows of an array.
fn x_rows(array: &cornet_tensor::Array, rows: usize) -> Result<cornet_tensor::Array> {
    let row = array.bytes().len() / array.shape()[0];
    let shape: Vec<usize> = [rows].into_iter().chain(array.shape()[1..].iter().copied()).collect();
    cornet_tensor::Array::from_bytes(array.dtype(), shape, &array.bytes()[..row * rows])
}
