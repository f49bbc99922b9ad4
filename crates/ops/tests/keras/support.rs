//! The same inputs as the generating script's, and comparisons with what it stored.

use std::collections::HashMap;
use std::sync::OnceLock;

use cornet_ops::{GradientTape, Tensor};
use cornet_tensor::{Array, DType, Shape};

/// What Keras gave, by name.
fn golden(name: &str) -> &'static Array {
    static GOLDEN: OnceLock<HashMap<String, Array>> = OnceLock::new();
    let all = GOLDEN.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/keras.npz");
        Array::read_npz(path).expect("the golden file reads").into_iter().collect()
    });
    all.get(name).unwrap_or_else(|| panic!("{name}: not in the golden file"))
}

/// The script's `ramp`: numbers from -1 to 1 in no order.
pub fn ramp(shape: impl Into<Shape>, seed: i64) -> Tensor {
    ramp_as(shape, seed, DType::F32)
}

/// `ramp` in a dtype.
pub fn ramp_as(shape: impl Into<Shape>, seed: i64, dtype: DType) -> Tensor {
    let shape = shape.into();
    let value = |i: i64| ((i * 7919 + seed * 104729) % 2003) as f64 / 1001.5 - 1.0;
    let values: Vec<f64> = (0..shape.elements() as i64).map(value).collect();
    Tensor::from_result(Array::from_f64(dtype, shape, &values))
}

/// Fails unless `found` is what Keras gave, within `tolerance` of the largest magnitude.
#[track_caller]
pub fn close(name: &str, found: &Tensor, tolerance: f64) {
    let expected = golden(name);
    let found = found.array().unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(found.shape(), expected.shape(), "{name}: shape");
    assert_eq!(found.dtype(), expected.dtype(), "{name}: dtype");
    let (e, f) = (expected.to_c128().expect("numbers"), found.to_c128().expect("numbers"));
    let scale = e.iter().map(|v| v.norm()).filter(|v| v.is_finite()).fold(1e-30, f64::max);
    for (i, (e, f)) in e.iter().zip(&f).enumerate() {
        let same = e == f || e.re.is_nan() && f.re.is_nan() || (e - f).norm() <= tolerance * scale;
        assert!(same, "{name}: element {i} of {}: Keras gives {e}, found {f}", expected.shape());
    }
}

/// The same for a result and for its gradients under the script's weights.
#[track_caller]
pub fn close_with_gradients(name: &str, xs: &[&Tensor], tolerance: f64, f: impl Fn(&[&Tensor]) -> Tensor) {
    let tape = GradientTape::new();
    xs.iter().for_each(|x| tape.watch(x));
    let y = f(xs);
    close(name, &y, tolerance);
    let shape = y.shape().expect("a shape");
    let weighted = (&y * ramp_as(shape, 9, y.dtype().expect("a dtype"))).sum(&[], false);
    let gradients = tape.gradient(&weighted, xs).unwrap_or_else(|e| panic!("{name}: {e}"));
    for (i, gradient) in gradients.iter().enumerate() {
        close(&format!("{name}.grad{i}"), gradient, tolerance);
    }
}
