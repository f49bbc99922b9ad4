//! Derivatives of functions against closed forms and central differences.

use cornet_ops::{Tensor, Type, Variable, control, trace};
use cornet_runtime::autodiff::{grad, gradients, hessian, hessian_vector_product, jacobian, jvp, value_and_grad, vjp};
use cornet_runtime::{Concrete, Function};
use cornet_tensor::{Array, Code, DType, Result};

fn close(found: &[f64], expected: &[f64], most: f64) {
    assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= most * e.abs().max(1.0), "{found:?} against {expected:?}");
    }
}

fn values(x: &Tensor) -> Vec<f64> {
    x.array().unwrap().to_f64().unwrap()
}

/// d f / d x by central differences, in float64.
fn differences(f: &dyn Fn(&Tensor) -> Result<Tensor>, x: &Tensor) -> Vec<f64> {
    let (at, shape, step) = (values(x), x.shape().unwrap(), 1e-5);
    let value = |at: &[f64]| values(&f(&Array::from_f64(DType::F64, &shape, at).unwrap().into()).unwrap());
    let columns: Vec<Vec<f64>> = (0..at.len())
        .map(|i| {
            let (mut up, mut down) = (at.clone(), at.clone());
            up[i] += step;
            down[i] -= step;
            value(&up).iter().zip(value(&down)).map(|(u, d)| (u - d) / (2.0 * step)).collect()
        })
        .collect();
    let rows = columns.first().map_or(0, Vec::len);
    (0..rows).flat_map(|r| columns.iter().map(move |c| c[r])).collect()
}

fn x() -> Tensor {
    Tensor::of([0.3_f64, -0.7, 1.1])
}

/// A function with products, reductions, a kink away from the point and a matrix.
fn mixed(x: &Tensor) -> Result<Tensor> {
    let m = Tensor::of([[0.5_f64, -1.0, 2.0], [1.5, 0.2, -0.3]]);
    let y = m.matmul(x.reshape([3, 1])).reshape([2]);
    Ok((y.tanh() * y.exp()).maximum(-5.0) + x.square().sum(&[], false))
}

/// A function with a branch and a loop of known length.
fn branching(x: &Tensor) -> Result<Tensor> {
    let chosen = control::cond(&x.sum(&[], false).greater(0.0), || Ok(vec![x.sin()]), || Ok(vec![x.cos()]))?;
    let (state, _) = control::scan(
        |state, _| Ok((vec![&state[0] * &chosen[0] + x.tanh()], vec![])),
        &[Tensor::ones([3], DType::F64)],
        &[Tensor::zeros([4, 1], DType::F64)],
        control::ScanOptions::default(),
    )?;
    Ok(state[0].clone())
}

#[test]
fn jacobians_are_central_differences() -> Result<()> {
    close(&values(&jacobian(mixed, &x())?), &differences(&mixed, &x()), 1e-8);
    close(&values(&jacobian(branching, &x())?), &differences(&branching, &x()), 1e-8);
    assert_eq!(jacobian(mixed, &x())?.shape()?.as_slice(), [2, 3]);
    let matrix = jacobian(|x| Ok(x.transpose(&[1, 0])), &Tensor::ones([2, 3], DType::F64))?;
    assert_eq!(matrix.shape()?.as_slice(), [3, 2, 2, 3]);
    let empty = jacobian(|x| Ok(x.clone()), &Tensor::zeros([0], DType::F32))?;
    assert_eq!(empty.shape()?.as_slice(), [0, 0]);
    Ok(())
}

#[test]
fn products_from_both_sides_are_the_jacobian_s() -> Result<()> {
    let functions: [fn(&Tensor) -> Result<Tensor>; 2] = [mixed, branching];
    for f in functions {
        let j = values(&jacobian(f, &x())?);
        let rows = j.len() / 3;
        let tangent = [0.5, -2.0, 1.5];
        let (y, dy) = jvp(|x| Ok(vec![f(&x[0])?]), &[x()], &[Tensor::of(tangent)])?;
        close(&values(&y[0]), &values(&f(&x())?), 1e-14);
        let expected: Vec<f64> = (0..rows).map(|r| (0..3).map(|c| j[r * 3 + c] * tangent[c]).sum()).collect();
        close(&values(&dy[0]), &expected, 1e-12);
        let weights: Vec<f64> = (0..rows).map(|r| 1.0 + r as f64).collect();
        let (_, pullback) = vjp(|x| Ok(vec![f(&x[0])?]), &[x()])?;
        let pulled = pullback.call(&[Array::from_f64(DType::F64, [rows], &weights)?.into()])?;
        let expected: Vec<f64> = (0..3).map(|c| (0..rows).map(|r| j[r * 3 + c] * weights[r]).sum()).collect();
        close(&values(&pulled[0]), &expected, 1e-12);
    }
    Ok(())
}

#[test]
fn hessians_are_closed_forms_and_central_differences() -> Result<()> {
    // The Rosenbrock function at (1, 2).
    let rosenbrock = |x: &Tensor| {
        let (a, b) = (x.index(0), x.index(1));
        Ok((1.0 - &a).square() + 100.0 * (b - a.square()).square())
    };
    let at = Tensor::of([1.0_f64, 2.0]);
    close(&values(&hessian(rosenbrock, &at)?), &[402.0, -400.0, -400.0, 200.0], 1e-12);
    let product = hessian_vector_product(rosenbrock, &at, &Tensor::of([1.0_f64, 3.0]))?;
    close(&values(&product), &[-798.0, 200.0], 1e-12);
    let scalar = |x: &Tensor| Ok(branching(x)?.square().sum(&[], false));
    let gradient = grad(move |x| scalar(&x[0]));
    let first = move |x: &Tensor| Ok(gradient(std::slice::from_ref(x))?.swap_remove(0));
    close(&values(&hessian(scalar, &x())?), &differences(&first, &x()), 1e-7);
    Ok(())
}

#[test]
fn derivatives_nest() -> Result<()> {
    // d³/dx³ of x⁵ = 60 x².
    let f = |x: &[Tensor]| Ok(x[0].power(5.0));
    let first = grad(f);
    let second = grad(move |x| Ok(first(x)?.swap_remove(0)));
    let third = grad(move |x| Ok(second(x)?.swap_remove(0)));
    close(&values(&third(&[Tensor::of(1.5_f64)])?[0]), &[135.0], 1e-12);
    Ok(())
}

#[test]
fn captured_tensors_are_constants_though_they_are_the_argument() -> Result<()> {
    let x = Tensor::of(3.0_f64);
    let captured = x.clone();
    let gradient = grad(move |a| Ok(&a[0] * &captured))(std::slice::from_ref(&x))?;
    close(&values(&gradient[0]), &[3.0], 0.0);
    // One tensor as two arguments is two arguments.
    let gradients = grad(|a| Ok(&a[0] * &a[0] * &a[1]))(&[x.clone(), x])?;
    close(&[values(&gradients[0]), values(&gradients[1])].concat(), &[18.0, 9.0], 0.0);
    Ok(())
}

#[test]
fn what_cannot_be_is_refused() {
    let code = |r: Result<Vec<Tensor>>| r.err().map(|e| e.code());
    assert_eq!(code(grad(|x| Ok(x[0].exp()))(&[x()])), Some(Code::ShapeMismatch));
    assert_eq!(code(grad(|x| Ok(x[0].sum(&[], false).cast(DType::I32)))(&[x()])), Some(Code::NotDifferentiable));
    let refused = jvp(|x| Ok(x.to_vec()), &[x()], &[Tensor::of([1.0_f64])]).err().map(|e| e.code());
    assert_eq!(refused, Some(Code::ShapeMismatch));
    let refused = jvp(|x| Ok(x.to_vec()), &[x()], &[]).err().map(|e| e.code());
    assert_eq!(refused, Some(Code::InvalidArgument));
}

#[test]
fn compiled_functions_contain_derivatives() -> Result<()> {
    let f = Function::new("f", |x| {
        let (value, gradients) = value_and_grad(|x| Ok(mixed(&x[0])?.sum(&[], false)))(x)?;
        Ok(vec![value, gradients[0].clone()])
    });
    let compiled = f.call(&[x()])?;
    let (value, eager) = value_and_grad(|x| Ok(mixed(&x[0])?.sum(&[], false)))(&[x()])?;
    close(&values(&compiled[0]), &values(&value), 1e-12);
    close(&values(&compiled[1]), &values(&eager[0]), 1e-12);
    // A tape sees variables through functions.
    let v = Variable::new("v", Tensor::of(2.0_f64))?;
    let read = v.clone();
    let f = Function::new("g", move |x| Ok(vec![&x[0] * read.read().square()]));
    f.call(&[Tensor::of(3.0_f64)])?;
    let tape = cornet_ops::GradientTape::new();
    let y = f.call(&[Tensor::of(3.0_f64)])?.swap_remove(0);
    close(&values(&tape.gradient(&y, &[&v])?[0]), &[12.0], 0.0);
    Ok(())
}

#[test]
fn graphs_are_differentiated_into_graphs() -> Result<()> {
    let w = Variable::new("w", Tensor::of([2.0_f64, -1.0, 0.5]))?;
    let read = w.clone();
    let types = [("x", Type::new(DType::F64, [3]))];
    let graph = trace("f", &types, |x| {
        let y = branching(&(&x[0] * read.read()))?;
        read.assign(&y)?;
        Ok(vec![y])
    })?
    .graph;
    let derived = gradients(&graph, &["x", "w"])?;
    assert_eq!(derived.outputs.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["d_x", "d_w"]);
    assert!(derived.updates.is_empty());
    cornet_graph::verify(&derived)?;
    let before = values(&w.read());
    let mut found = Vec::new();
    Concrete::compile(derived)?.run(&[&x().array()?], &mut found)?;
    assert_eq!(values(&w.read()), before);
    let by_x = |x: &Tensor| Ok(branching(&(x * w.read()))?.sum(&[], false));
    close(&found[0].to_f64()?, &differences(&by_x, &x()), 1e-8);
    let by_w = |w: &Tensor| Ok(branching(&(x() * w))?.sum(&[], false));
    close(&found[1].to_f64()?, &differences(&by_w, &w.read()), 1e-8);
    assert_eq!(gradients(&graph, &["nothing"]).unwrap_err().code(), Code::NotFound);
    Ok(())
}
