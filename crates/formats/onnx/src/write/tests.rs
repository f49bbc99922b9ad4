//! What is written, read back and run, gives what the function gives.

use cornet_cpu as _;
use cornet_error::{Limits, Result};
use cornet_export::{Options, open};
use cornet_ops::control::{ScanOptions, cond, scan, while_loop};
use cornet_ops::{Tensor, Variable};
use cornet_program::{Program, TensorSpec};
use cornet_tensor::{Array, DType};

use super::{WriteOptions, to_bytes};
use crate::OnnxModel;

/// Writes a function of one input `[batch, features]`, reads it, and runs both for batches of several sizes.
fn there_and_back(features: usize, f: impl Fn(&[Tensor]) -> Result<Vec<Tensor>>) {
    let spec = TensorSpec::new("x", DType::F32, Some(vec![None, Some(features)]));
    let function = open("f", &[spec], &[], &Options::default(), &f).unwrap();
    let bytes = to_bytes(&function, &WriteOptions::default()).unwrap();
    let model = OnnxModel::from_bytes(bytes, &Limits::default()).unwrap();
    for batch in [1, 2, 5] {
        let values = (0..batch * features).map(|i| (i as f32 * 0.7).sin()).collect();
        let x = Array::from_vec::<f32>(values, [batch, features]).unwrap();
        let found = model.call(None, vec![("x".into(), x.clone())]).unwrap();
        let expected = f(&[Tensor::from(x)]).unwrap();
        assert_eq!(found.len(), expected.len());
        for ((name, found), expected) in found.iter().zip(expected) {
            assert_eq!(*found.shape(), expected.shape().unwrap(), "{name}");
            let (found, expected) = (found.to_f64().unwrap(), expected.array().unwrap().to_f64().unwrap());
            let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-6, "{name}: off by {off}");
        }
    }
}

#[test]
fn products_and_shapes() {
    let w = Variable::new("w", Tensor::of([[0.5_f32, -1.0], [2.0, 0.25], [1.0, 1.0]])).unwrap();
    there_and_back(3, |x| {
        let y = x[0].matmul(w.read()).softmax(-1);
        let rows = x[0].shape()?[0];
        Ok(vec![y.clone(), y.reshape([rows * 2]).expand_dims(&[0]), x[0].mean(&[0], true)])
    });
}

#[test]
fn loops_and_branches() {
    there_and_back(4, |x| {
        let steps = x[0].reshape([x[0].shape()?[0], 2, 2]).transpose(&[1, 0, 2]);
        let zero = steps.sum(&[0], false) * 0.0;
        let body = |c: &[Tensor], x: &[Tensor]| {
            let state = (&c[0] * 0.5 + &x[0]).tanh();
            Ok((vec![state.clone()], vec![state]))
        };
        let options = ScanOptions { reverse: true, ..ScanOptions::default() };
        let (last, all) = scan(body, &[zero], &[steps], options)?;
        let mean = x[0].mean(&[], false);
        let chosen = cond(&mean.greater(0.1), || Ok(vec![&x[0] * 2.0]), || Ok(vec![x[0].square()]))?;
        let doubled = while_loop(
            |v| Ok(v[0].less(3.0)),
            |v| Ok(vec![&v[0] + 1.0, &v[1] * 2.0]),
            &[Tensor::of(0.0_f32), x[0].clone()],
            None,
        )?;
        Ok(vec![last[0].clone(), all[0].clone(), chosen[0].clone(), doubled[1].clone()])
    });
}

#[test]
fn what_has_no_equivalent_is_named() {
    let spec = TensorSpec::new("x", DType::F32, Some(vec![None, Some(4)]));
    let f = open("f", &[spec], &[], &Options::default(), |x| Ok(vec![x[0].lgamma()])).unwrap();
    let error = to_bytes(&f, &WriteOptions::default()).unwrap_err().to_string();
    assert!(error.contains("'lgamma'") && error.contains("[unsupported]"), "{error}");
}
