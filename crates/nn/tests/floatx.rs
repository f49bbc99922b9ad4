//! The whole of training in float64. A file of its own, since the dtype is the process's.

use cornet_cpu as _;
use cornet_error::Result;
use cornet_nn::dtype_policy::{dtype_policy, floatx, set_dtype_policy, set_floatx};
use cornet_nn::layers::{Dense, Input, Layer};
use cornet_nn::models::{Model, Sequential};
use cornet_nn::optimizers::Sgd;
use cornet_nn::training::{FitOptions, Verbose};
use cornet_tensor::{Array, DType};

#[test]
fn float64_from_the_samples_to_the_logs() -> Result<()> {
    assert_eq!((floatx(), dtype_policy().name()), (DType::F32, "float32"));
    assert!(set_floatx(DType::I32).is_err());
    set_floatx(DType::F64)?;
    assert_eq!(dtype_policy().compute_dtype(), DType::F64);
    let model = Sequential::new().add(Input::new([1])).add(Dense::new(1).use_bias(false).kernel_initializer("ones"));
    model.compile(Sgd::new().learning_rate(0.25), "mse", ["mae"])?;
    assert_eq!(model.get_weights()?[0].dtype(), DType::F64);
    let (x, y) = (Array::from_vec(vec![0.1_f64, 0.7], [2, 1])?, Array::from_vec(vec![0.3_f64, 0.2], [2, 1])?);
    let options = FitOptions::new().epochs(3).shuffle(false).verbose(Verbose::Silent);
    let history = model.fit(&x, &y, options)?;
    let (mut w, mut expected) = (1.0_f64, Vec::new());
    for _ in 0..3 {
        let (a, b) = (0.1 * w - 0.3, 0.7 * w - 0.2);
        expected.push((a * a + b * b) / 2.0);
        w -= 0.25 * (a * 0.1 + b * 0.7);
    }
    for (found, expected) in history.get("loss").iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-15, "{found} {expected}");
    }
    assert_eq!(model.predict(&x)?.dtype(), DType::F64);
    set_dtype_policy("mixed_bfloat16")?;
    assert_eq!(Dense::new(1).base().policy().name(), "mixed_bfloat16");
    Ok(())
}
