//! The concepts at work: failures, tapes, traces, variables.

use cornet_ops::{GradientTape, Tensor, Type, Variable, custom_gradient, trace};
use cornet_tensor::{DType, Result};

#[test]
fn a_failure_names_the_line_that_made_it_and_travels_on() {
    let wrong = Tensor::of([[1.0_f32, 2.0]]).matmul(Tensor::of([[1.0_f32]]));
    let error = (wrong.exp() + 1.0).to_vec::<f32>().unwrap_err().to_string();
    assert!(error.contains("matmul: inner sizes differ: 2 columns against 1 rows [dim_mismatch]"), "{error}");
    assert!(error.contains("tests/core.rs:"), "{error}");
}

#[test]
fn operands_promote_as_keras_does() -> Result<()> {
    let i = Tensor::of([1_i32, 2]);
    assert_eq!((&i + 1).dtype()?, DType::I32);
    assert_eq!((&i + 1.5).to_vec::<f32>()?, [2.5, 3.5]);
    assert_eq!((&i / &i).dtype()?, DType::F32);
    assert_eq!((1.0 - Tensor::of([0.25_f32])).to_vec::<f32>()?, [0.75]);
    Ok(())
}

#[test]
fn derivatives_of_any_order() -> Result<()> {
    // d/dx x^3 = 3x^2, d2 = 6x, d3 = 6.
    let x = Tensor::of(2.0_f64);
    let third = GradientTape::new();
    third.watch(&x);
    let second = GradientTape::new();
    second.watch(&x);
    let first = GradientTape::new();
    first.watch(&x);
    let y = &x * &x * &x;
    let d1 = first.gradient(&y, &[&x])?.remove(0);
    let d2 = second.gradient(&d1, &[&x])?.remove(0);
    let d3 = third.gradient(&d2, &[&x])?.remove(0);
    assert_eq!([d1.item::<f64>()?, d2.item::<f64>()?, d3.item::<f64>()?], [12.0, 12.0, 6.0]);
    Ok(())
}

#[test]
fn a_tape_is_used_once_unless_persistent() -> Result<()> {
    let x = Tensor::of(2.0_f32);
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = &x * 3.0;
    tape.gradient(&y, &[&x])?;
    assert_eq!(tape.gradient(&y, &[&x]).unwrap_err().code().word(), "invalid_state");
    let tape = GradientTape::persistent();
    tape.watch(&x);
    let y = &x * &x;
    assert_eq!(tape.gradient(&y, &[&x])?[0].item::<f32>()?, 4.0);
    assert_eq!(tape.gradient(&y, &[&x])?[0].item::<f32>()?, 4.0);
    Ok(())
}

#[test]
fn broadcast_operands_get_gradients_of_their_own_shape() -> Result<()> {
    let (w, b) =
        (Variable::new("w", Tensor::ones([3, 2], DType::F32))?, Variable::new("b", Tensor::zeros([2], DType::F32))?);
    let tape = GradientTape::new();
    let y = (Tensor::ones([4, 3], DType::F32).matmul(w.read()) + b.read()).sum(&[], false);
    let g = tape.gradient(&y, &[&w, &b])?;
    assert_eq!(g[0].to_vec::<f32>()?, [4.0; 6]);
    assert_eq!(g[1].to_vec::<f32>()?, [4.0; 2]);
    Ok(())
}

#[test]
fn a_trace_becomes_a_graph_that_replays() -> Result<()> {
    let counter = Variable::non_trainable("counter", Tensor::of(0_i32))?;
    let traced = trace("f", &[("x", Type::new(DType::F32, [2]))], |x| {
        counter.assign_add(&Tensor::of(1_i32))?;
        counter.assign_add(&Tensor::of(1_i32))?;
        let tape = GradientTape::new();
        tape.watch(&x[0]);
        let y = (&x[0] * &x[0]).sum(&[], false);
        tape.gradient(&y, &[&x[0]])
    })?;
    assert_eq!(counter.value()?.item::<i32>()?, 0, "tracing runs nothing");
    let out = traced.graph.replay(&[Tensor::of([1.0_f32, 5.0])])?;
    assert_eq!(out[0].to_vec::<f32>()?, [2.0, 10.0]);
    assert_eq!(counter.value()?.item::<i32>()?, 2);
    let mut results = Vec::new();
    let compiled = cornet_ops::backend().compile(&traced.graph)?;
    compiled.run(&[&Tensor::of([1.0_f32, 5.0]).array()?], &mut results)?;
    assert_eq!(results[0].to_vec::<f32>()?, [2.0, 10.0]);
    assert_eq!(counter.value()?.item::<i32>()?, 4);
    Ok(())
}

#[test]
fn reading_a_variable_without_value_names_it() {
    let v = Variable::uninitialized("dense/kernel", Type::new(DType::F32, [2]), true);
    let error = (v.read() + 1.0).to_vec::<f32>().unwrap_err().to_string();
    assert!(error.contains("variable 'dense/kernel'") && error.contains("[uninitialized]"), "{error}");
}

#[test]
fn a_custom_gradient_replaces_the_rule() -> Result<()> {
    let x = Tensor::of([2.0_f32]);
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = custom_gradient(&[&x], |x| Ok((vec![&x[0] * 3.0], Box::new(|dy: &[Tensor]| Ok(vec![&dy[0] * 100.0])))))?;
    assert_eq!(y[0].to_vec::<f32>()?, [6.0]);
    assert_eq!(tape.gradient(&y[0], &[&x])?[0].to_vec::<f32>()?, [100.0]);
    Ok(())
}
