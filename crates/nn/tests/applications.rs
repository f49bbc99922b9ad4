//! Weights of well-known networks in older files, loaded by order into networks that are built here.

mod data;

use cornet_cpu as _;
use cornet_nn::layers::{
    Activation, BatchNormalization, Concatenate, Conv2D, DepthwiseConv2D, Dropout, GlobalAveragePooling2D, Input,
    MaxPooling2D, ReLU, Reshape, ZeroPadding2D,
};
use cornet_nn::models::{Functional, Model, Sequential, Symbol, Symbolic};
use cornet_tensor::Array;
use image::imageops::FilterType;

use data::{models, relative_deviation};

/// MobileNet with three quarters of its channels for pictures of 224 pixels and 1000 classes.
fn mobilenet() -> Sequential {
    let channels = |full: usize| full * 3 / 4;
    let mut model = Sequential::new()
        .add(Input::new([224, 224, 3]))
        .add(Conv2D::new(channels(32), 3).strides(2).padding("same").use_bias(false))
        .add(BatchNormalization::new())
        .add(ReLU::new().max_value(6.0));
    let blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1)];
    for (filters, stride) in blocks.into_iter().chain([(512, 1), (1024, 2), (1024, 1)]) {
        let depthwise = DepthwiseConv2D::new(3).use_bias(false);
        model = match stride {
            1 => model.add(depthwise.padding("same")),
            _ => model.add(ZeroPadding2D::new([(0, 1), (0, 1)])).add(depthwise.strides(2)),
        };
        model = model
            .add(BatchNormalization::new())
            .add(ReLU::new().max_value(6.0))
            .add(Conv2D::new(channels(filters), 1).padding("same").use_bias(false))
            .add(BatchNormalization::new())
            .add(ReLU::new().max_value(6.0));
    }
    model
        .add(GlobalAveragePooling2D::new().keepdims(true))
        .add(Dropout::new(0.001))
        .add(Conv2D::new(1000, 1).padding("same"))
        .add(Reshape::new([1000]))
        .add(Activation::new("softmax"))
}

fn scaled(pixels: &[u8]) -> Vec<f32> {
    pixels.iter().map(|&pixel| f32::from(pixel) / 127.5 - 1.0).collect()
}

#[test]
fn mobilenet_tells_photographs_apart_as_in_keras() {
    let files = models("keras-applications");
    let Some(weights) = files.iter().find(|path| path.ends_with("mobilenet_7_5_224_tf.h5")) else { return };
    let root = weights.ancestors().nth(3).unwrap();
    let expected = Array::read_npz(root.join("models/expected/mobilenet_7_5_224_tf.h5.npz")).unwrap();
    let array = |name: &str| &expected.iter().find(|(known, _)| known == name).unwrap().1;
    let model = mobilenet();
    model.load_weights(weights).unwrap();

    let first = array("x_uint8_first2");
    let x = Array::from_vec(scaled(first.bytes()), first.shape().clone()).unwrap();
    let y = model.predict(&x).unwrap();
    let recorded = array("y").to_vec::<f32>().unwrap();
    let recorded = Array::from_slice(&recorded[..2000], [2, 1000]).unwrap();
    let deviation = relative_deviation(&y, &recorded);
    println!("mobilenet: {deviation:.1e}");
    assert!(deviation <= 1e-5, "off by {deviation:.1e}");

    // The name of a photograph begins with the key of its class.
    let classes = std::fs::read_to_string(weights.with_file_name("imagenet_class_index.json")).unwrap();
    let classes: serde_json::Value = serde_json::from_str(&classes).unwrap();
    let mut photographs: Vec<_> =
        std::fs::read_dir(root.join("images/imagenet-samples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    photographs.sort();
    let mut right = 0;
    for path in &photographs {
        let picture = image::open(path).unwrap().to_rgb8();
        let picture = image::imageops::resize(&picture, 224, 224, FilterType::Triangle);
        let x = Array::from_vec(scaled(picture.as_raw()), [1, 224, 224, 3]).unwrap();
        let scores = model.predict(&x).unwrap().to_vec::<f32>().unwrap();
        let best = (0..1000).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
        let key = classes[best.to_string()][0].as_str().unwrap();
        right += usize::from(path.file_name().unwrap().to_str().unwrap().starts_with(key));
    }
    println!("mobilenet: {right} of {} photographs", photographs.len());
    assert_eq!((right, photographs.len()), (28, 32));
}

/// A module of SqueezeNet.
fn fire(x: &Symbol, squeeze: usize, expand: usize) -> Symbol {
    let x = x.then(Conv2D::new(squeeze, 1).activation("relu"));
    let small = x.then(Conv2D::new(expand, 1).activation("relu"));
    let large = x.then(Conv2D::new(expand, 3).padding("same").activation("relu"));
    Concatenate::new().on([&small, &large])
}

#[test]
fn squeezenet_sees_what_it_sees_in_keras() {
    let files = models("keras-applications");
    let Some(weights) = files.iter().find(|path| path.to_str().is_some_and(|path| path.contains("squeezenet"))) else {
        return;
    };
    let input = Input::new([96, 96, 3]).symbol();
    let x = input.then(Conv2D::new(64, 3).strides(2).activation("relu")).then(MaxPooling2D::new(3).strides(2));
    let x = fire(&fire(&x, 16, 64), 16, 64).then(MaxPooling2D::new(3).strides(2));
    let x = fire(&fire(&x, 32, 128), 32, 128).then(MaxPooling2D::new(3).strides(2));
    let x = fire(&fire(&fire(&fire(&x, 48, 192), 48, 192), 64, 256), 64, 256);
    let model = Functional::new(&input, x.then(GlobalAveragePooling2D::new())).unwrap();
    model.load_weights(weights).unwrap();
    let values = (0..96 * 96 * 3).map(|i| (i * 37 % 251 - 125) as f32).collect();
    let y = model.predict(&Array::from_vec(values, [1, 96, 96, 3]).unwrap()).unwrap().to_vec::<f32>().unwrap();
    // Keras 3.15.1 on the same numbers.
    let largest = y.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let mean = y.iter().sum::<f32>() / 512.0;
    for (found, expected) in [(y[4], 2.9815078), (largest, 79.478_4), (mean, 0.903_225_7)] {
        assert!((found - expected).abs() <= 1e-5 * expected, "expected {expected}, found {found}");
    }
    assert_eq!(y[..4], [0.0; 4]);
}
