//! The two reference models, on MNIST where it is at hand and on made images of its shape elsewhere.
#![allow(dead_code)]

use std::path::PathBuf;

use cornet_nn::layers::{Conv2D, Dense, Flatten, Input, MaxPooling2D};
use cornet_nn::models::{Model, Sequential};
use cornet_tensor::{Array, Result};

/// The MLP of the MNIST recipes, compiled.
pub fn mlp(seed: u64) -> Result<Sequential> {
    let model = Sequential::named("mlp")
        .seed(seed)
        .add(Input::new([28, 28, 1]))
        .add(Flatten::new())
        .add(Dense::new(128).activation("relu"))
        .add(Dense::new(10).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    Ok(model)
}

/// The CNN of the MNIST recipes, compiled.
pub fn cnn(seed: u64) -> Result<Sequential> {
    let model = Sequential::named("cnn")
        .seed(seed)
        .add(Input::new([28, 28, 1]))
        .add(Conv2D::new(32, 3).activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(64, 3).activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(64, 3).activation("relu"))
        .add(Flatten::new())
        .add(Dense::new(64).activation("relu"))
        .add(Dense::new(10).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    Ok(model)
}

/// The first `n` training images in [0, 1] and their labels.
pub fn images(n: usize) -> Result<(Array, Array)> {
    let folder = std::env::var_os("CORNET_TEST_DATA").map(PathBuf::from);
    if let Some(folder) = folder.filter(|f| f.join("mnist").is_dir()) {
        let options = cornet_data::LoadOptions { data: Some(folder), ..Default::default() };
        let (x, y) = cornet_data::load("mnist", &options)?.train;
        let rows: Vec<usize> = (0..n).collect();
        let x = cornet_data::scaled(&cornet_data::take(&x, &rows)?, 255)?;
        return Ok((x.reshaped([n, 28, 28, 1])?, cornet_data::take(&y, &rows)?));
    }
    eprintln!("CORNET_TEST_DATA has no mnist: made images instead");
    let pixels: Vec<f32> = (0..n * 784).map(|i| ((i * 7919) % 10_007) as f32 / 10_007.0).collect();
    let labels: Vec<u8> = (0..n).map(|i| (i * 31 % 10) as u8).collect();
    Ok((Array::from_vec(pixels, [n, 28, 28, 1])?, Array::from_vec(labels, [n])?))
}
