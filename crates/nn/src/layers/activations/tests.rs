use cornet_ops::Tensor;
use serde_json::json;

use crate::layers::*;
use crate::shape::PartialShape;

fn call(layer: &dyn Layer, x: &Tensor) -> Vec<f32> {
    apply(layer, std::slice::from_ref(x), &Context::inference()).unwrap()[0].to_vec().unwrap()
}

#[track_caller]
fn close(found: &[f32], expected: &[f32]) {
    let is_close = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(is_close, "{found:?}, expected {expected:?}");
}

#[test]
fn functions_are_layers_with_arguments() {
    let x = Tensor::of([[-2.0_f32, -0.5, 0.5, 8.0]]);
    close(&call(&ELU::new().alpha(2.0), &x), &[-1.729_329_4, -0.786_938_7, 0.5, 8.0]);
    close(&call(&LeakyReLU::new(), &x), &[-0.6, -0.15, 0.5, 8.0]);
    close(&call(&ReLU::new().max_value(6.0), &x), &[0.0, 0.0, 0.5, 6.0]);
    close(&call(&ReLU::new().threshold(1.0).negative_slope(0.1), &x), &[-0.3, -0.15, -0.05, 8.0]);
    close(&call(&Activation::new("glu"), &x), &[-2.0 * 0.622_459_35, -0.5 * 0.999_664_6]);
    let shapes = [PartialShape(vec![None, Some(4)])];
    assert_eq!(Activation::new("glu").compute_output_shape(&shapes).unwrap()[0], PartialShape(vec![None, Some(2)]));
    assert!(apply(&LeakyReLU::new().negative_slope(-1.0), &[x], &Context::inference()).is_err());
}

#[test]
fn softmax_takes_axes_together_and_gives_nothing_to_what_is_masked() {
    let x = Tensor::of([[1.0_f32, 2.0, 3.0], [1.0, 1.0, 1.0]]);
    let mask = Tensor::of([[true, false, true], [false, false, false]]);
    let arguments = Arguments::new().with_tensors("mask", [mask]);
    let call_with = |arguments: &Arguments| {
        let context = Context::inference();
        let call = Call { context: &context, masks: &[], arguments };
        apply_call(&Softmax::new(), std::slice::from_ref(&x), &call).map(|o| o.tensors[0].to_vec::<f32>().unwrap())
    };
    close(&call_with(&arguments).unwrap(), &[0.119_202_92, 0.0, 0.880_797_1, 0.0, 0.0, 0.0]);
    let wrong = Arguments::new().with_tensors("mask", [Tensor::of([true, false])]);
    assert!(call_with(&wrong).is_err_and(|e| e.message().contains("mask")));
    let whole = call(&Softmax::new().axes([0, 1]), &x);
    assert!((whole.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert_eq!(Softmax::new().axes([0, 1]).arguments()["axis"], json!([0, 1]));
}

#[test]
fn prelu_learns_a_slope_for_what_is_not_shared() {
    let layer = PReLU::new().alpha_initializer(crate::initializers::Initializer::Constant(0.25)).shared_axes([1]);
    let x = Tensor::of([[[-4.0_f32, 2.0], [1.0, -8.0]]]);
    close(&call(&layer, &x), &[-1.0, 2.0, 1.0, -2.0]);
    let weights = layer.weights();
    assert_eq!((weights[0].name, &weights[0].variable.shape()[..]), ("alpha", &[1, 2][..]));
    assert!(apply(&layer, &[Tensor::of([[[0.0_f32, 1.0, 2.0]]])], &Context::inference()).is_err());
    let wrong = PReLU::new().shared_axes([3]);
    assert!(apply(&wrong, &[x], &Context::inference()).is_err_and(|e| e.message().contains("shared_axes")));
}

#[test]
fn configs_come_back() {
    let layers: [&dyn Layer; 5] = [
        &ELU::new().alpha(0.5).name("a"),
        &LeakyReLU::new().negative_slope(0.1).name("b"),
        &ReLU::new().max_value(6.0).negative_slope(0.5).threshold(0.25).name("c"),
        &Softmax::new().axes([1, 2]).name("d"),
        &PReLU::new().shared_axes([1, 2]).alpha_constraint("non_neg").alpha_regularizer("l2").name("e"),
    ];
    for layer in layers {
        let object = layer_to_json(layer);
        assert_eq!(layer_to_json(&*layer_from_json(&object).unwrap()), object);
    }
}
