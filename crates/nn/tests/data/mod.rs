//! The files of the test data.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::PathBuf;

use cornet_error::Limits;
use cornet_tensor::{Array, DType};

fn root() -> Option<PathBuf> {
    let root = std::env::var_os("CORNET_TEST_DATA").map(PathBuf::from);
    if root.is_none() {
        eprintln!("skipped: CORNET_TEST_DATA is not set");
    }
    root
}

/// Model files below a folder of `models`, sorted; none, and a word of it, without the data.
pub fn models(folder: &str) -> Vec<PathBuf> {
    let Some(root) = root() else { return Vec::new() };
    let (mut found, mut folders) = (Vec::new(), vec![root.join("models").join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|end| end.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("h5" | "hdf5" | "keras") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

/// The test images of MNIST or its like as `[10000, 28, 28, 1]` from 0 to 1, and their labels.
pub fn test_images(folder: &str) -> Option<(Array, Vec<u8>)> {
    let folder = root()?.join(folder);
    let read = |name: &str| cornet_data::idx::read(&folder.join(name), &Limits::default()).unwrap();
    let (images, labels) = (read("t10k-images-idx3-ubyte.gz"), read("t10k-labels-idx1-ubyte.gz"));
    let scaled: Vec<f32> = images.bytes().iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
    let images = Array::from_vec(scaled, [images.shape()[0], 28, 28, 1]).unwrap();
    Some((images, labels.bytes().to_vec()))
}

/// The largest difference over the largest expected value.
pub fn relative_deviation(found: &Array, expected: &Array) -> f64 {
    assert_eq!(found.shape(), expected.shape());
    let values = |array: &Array| array.cast(DType::F64).unwrap().to_vec::<f64>().unwrap();
    let (found, expected) = (values(found), values(expected));
    let scale = expected.iter().fold(0.0, |most: f64, v| most.max(v.abs())).max(1e-30);
    found.iter().zip(&expected).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs())) / scale
}
