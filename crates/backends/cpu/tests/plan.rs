//! Compiled graphs against the reference, and the shape of their plans.

use cornet_ops::{GradientTape, ReferenceBackend, Tensor, Variable, with_backend};
use cornet_runtime::{Concrete, Function};
use cornet_tensor::{Array, DType, Result};

use cornet_cpu as _;

type Body = fn(&[Tensor]) -> Result<Vec<Tensor>>;

fn ramp(shape: &[usize]) -> Array {
    let n: usize = shape.iter().product();
    let values: Vec<f32> = (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) / 25.0).collect();
    Array::from_slice(&values, shape).unwrap()
}

/// Runs compiled, twice, and on the reference; all must agree. Returns the plan.
fn agree(inputs: &[Array], body: Body) -> Result<String> {
    let arguments: Vec<Tensor> = inputs.iter().map(Tensor::from).collect();
    let expected = with_backend(&ReferenceBackend, || body(&arguments))?;
    let types: Vec<_> = inputs.iter().map(cornet_ops::Type::of).collect();
    let concrete = Concrete::trace("f", &types, body)?;
    let mut results = Vec::new();
    for run in 0..2 {
        concrete.run(&inputs.iter().collect::<Vec<_>>(), &mut results)?;
        for (i, (found, expected)) in results.iter().zip(&expected).enumerate() {
            let expected = expected.array()?;
            assert_eq!(found.shape(), expected.shape(), "result {i} of run {run}");
            for (at, (a, b)) in found.to_f64()?.iter().zip(expected.to_f64()?).enumerate() {
                let scale = a.abs().max(b.abs()).max(1.0);
                assert!(
                    (a - b).abs() <= 2e-5 * scale,
                    "result {i}[{at}] of run {run}: {a} against {b}\n{}",
                    concrete.describe()
                );
            }
        }
    }
    Ok(concrete.describe())
}

#[test]
fn a_chain_is_one_program() -> Result<()> {
    let plan = agree(&[ramp(&[4, 300]), ramp(&[300])], |x| {
        let y = ((&x[0] + &x[1]) * 0.5).tanh().maximum(0.1);
        Ok(vec![y.exp() - &x[0]])
    })?;
    assert!(plan.contains("1 steps"), "{plan}");
    Ok(())
}

#[test]
fn a_value_used_inside_and_outside_is_computed_once() -> Result<()> {
    let plan = agree(&[ramp(&[40]), ramp(&[40])], |x| {
        let a = &x[0] * &x[1];
        let b = a.exp() + 1.0;
        Ok(vec![a, &b * &b, b])
    })?;
    assert!(plan.contains("1 steps"), "{plan}");
    Ok(())
}

#[test]
fn dense_layers_fuse_bias_and_views_cost_nothing() -> Result<()> {
    let plan = agree(&[ramp(&[5, 2, 3]), ramp(&[6, 4]), ramp(&[4])], |x| {
        let y = x[0].reshape([5, 6]).matmul(&x[1]) + &x[2];
        Ok(vec![y.transpose(&[1, 0]).matmul(&y), y.transpose(&[]) * 2.0])
    })?;
    assert!(plan.contains("+bias") && plan.contains("3 steps"), "{plan}");
    Ok(())
}

#[test]
fn gradients_and_odd_views() -> Result<()> {
    agree(&[ramp(&[3, 4]), ramp(&[4, 2]), ramp(&[2])], |x| {
        let tape = GradientTape::new();
        x.iter().for_each(|t| tape.watch(t));
        let y = (x[0].matmul(&x[1]) + &x[2]).tanh();
        let loss = (&y * &y.transpose(&[1, 0]).transpose(&[1, 0])).sum(&[], false);
        let mut all = tape.gradient(&loss, &[&x[0], &x[1], &x[2]])?;
        all.push(loss);
        all.push(x[0].broadcast_to([2, 3, 4]).transpose(&[2, 0, 1]).reshape([4, 6]));
        Ok(all)
    })?;
    Ok(())
}

#[test]
fn what_is_read_after_it_was_overwritten_in_place_is_still_right() -> Result<()> {
    agree(&[ramp(&[500])], |x| {
        let a = x[0].exp();
        let b = &a + 1.0;
        let c = &b * &a;
        let d = &c - &a;
        Ok(vec![b, c.tanh(), d])
    })?;
    Ok(())
}

#[test]
fn variables_update_in_place_and_see_each_others_old_values() -> Result<()> {
    let a = Variable::new("a", Tensor::of([1.0_f32, 2.0]))?;
    let b = Variable::new("b", Tensor::of([10.0_f32, 20.0]))?;
    let (x, y) = (a.clone(), b.clone());
    let swap = Function::new("swap", move |_| {
        let (old_a, old_b) = (x.read(), y.read());
        x.assign(&old_b)?;
        y.assign(&old_a)?;
        Ok(vec![old_a + x.read()])
    });
    let out = swap.call(&[])?;
    assert_eq!(out[0].to_vec::<f32>()?, [11.0, 22.0]);
    assert_eq!(a.value()?.to_vec::<f32>()?, [10.0, 20.0]);
    assert_eq!(b.value()?.to_vec::<f32>()?, [1.0, 2.0]);

    let w = Variable::new("w", Tensor::ones([64, 64], DType::F32))?;
    let v = w.clone();
    let step = Function::new("step", move |x| {
        let y = x[0].matmul(v.read());
        let g = x[0].matmul_with(&y, true, false);
        v.assign_sub(&(g * 1e-3))?;
        Ok(vec![y.sum(&[], false)])
    });
    let first = step.call(&[Tensor::ones([4, 64], DType::F32)])?[0].item::<f32>()?;
    let second = step.call(&[Tensor::ones([4, 64], DType::F32)])?[0].item::<f32>()?;
    assert!(second < first, "{second} < {first}");
    let concrete = step.concrete(&[cornet_ops::Type::new(DType::F32, [4, 64])])?;
    assert!(!concrete.describe().contains("move"), "{}", concrete.describe());
    Ok(())
}

#[test]
fn slices_and_flips_are_read_where_they_lie() -> Result<()> {
    let plan = agree(&[ramp(&[6, 5])], |x| {
        let half = x[0].index(cornet_ops::s![1..5]);
        Ok(vec![&half * 2.0, half.flip(&[1]) + &half, half.transpose(&[1, 0])])
    })?;
    assert!(!plan.contains("reference"), "{plan}");
    Ok(())
}

#[test]
fn large_results_are_handed_over_and_come_out_right_every_time() -> Result<()> {
    agree(&[ramp(&[300, 100]), ramp(&[100])], |x| {
        let y = &x[0] + &x[1];
        let z = &y * 2.0;
        Ok(vec![y.clone(), z.clone(), z.tanh(), y])
    })?;
    Ok(())
}

#[test]
fn products_of_half_precision_take_views() -> Result<()> {
    for dtype in [DType::F16, DType::BF16] {
        let (a, b) = (ramp(&[2, 4, 3]).cast(dtype)?, ramp(&[2, 5, 3]).cast(dtype)?);
        agree(&[a, b], |x| Ok(vec![x[0].matmul(x[1].swapaxes(-1, -2)), x[1].swapaxes(1, 2).matmul(&x[1])]))?;
    }
    Ok(())
}

#[test]
fn products_of_reversed_matrices_copy_them_first() -> Result<()> {
    agree(&[ramp(&[3, 4]), ramp(&[4, 2])], |x| Ok(vec![x[0].flip(&[1]).matmul(&x[1]), x[0].matmul(x[1].flip(&[0]))]))?;
    Ok(())
}
