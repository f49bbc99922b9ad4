//! Ops against Keras 3.15.1 on TensorFlow 2.21: `golden/keras.npz`, written by `golden/generate.py`.

#[path = "keras/support.rs"]
mod support;

#[path = "keras/fft.rs"]
mod fft;

#[path = "keras/image.rs"]
mod image;

#[path = "keras/linalg.rs"]
mod linalg;

#[path = "keras/nn.rs"]
mod nn;
