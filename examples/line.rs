//! Fits a line through points with a gradient tape and a loop of its own.

use cornet::prelude::*;

fn main() -> Result<()> {
    // y = 3x - 2, and a little off.
    let x = Tensor::of([0.0_f32, 1.0, 2.0, 3.0, 4.0]);
    let y = Tensor::of([-2.1_f32, 1.1, 3.9, 7.0, 10.1]);
    let slope = Variable::new("slope", Tensor::of(0.0_f32))?;
    let offset = Variable::new("offset", Tensor::of(0.0_f32))?;

    for _ in 0..500 {
        let tape = GradientTape::new();
        let loss = (slope.read() * &x + offset.read() - &y).square().mean(&[], false);
        let gradients = tape.gradient(&loss, &[&slope, &offset])?;
        slope.assign_sub(&(&gradients[0] * 0.05))?;
        offset.assign_sub(&(&gradients[1] * 0.05))?;
    }

    // The normal equations give 3.03 and -2.06.
    let (slope, offset) = (slope.read().item::<f32>()?, offset.read().item::<f32>()?);
    println!("y = {slope:.3} x {offset:+.3}");
    assert!((slope - 3.03).abs() < 1e-3 && (offset + 2.06).abs() < 1e-3);
    Ok(())
}
