//! Timing.

use std::time::Duration;

use cornet_error::Result;
use cornet_kernels::peak::Share;
use cornet_runtime::Concrete;
use cornet_tensor::Array;

/// New rounds of a figure begin within this time.
const TIME_A_FIGURE: Duration = Duration::from_millis(400);
/// How fast a compiled function runs, its memory laid out before, on the threads of the current pool.
///
/// See [`Share::of`].
pub fn measured(function: &Concrete, arguments: &[&Array], amount: f64, ceiling: impl Fn() -> f64) -> Result<Share> {
    let mut results = Vec::new();
    Share::of(amount, TIME_A_FIGURE, ceiling, || function.run(arguments, &mut results))
}

/// An array of that shape with small values, the same at every call.
pub fn values(shape: &[usize]) -> Result<Array> {
    let count = shape.iter().product();
    Array::from_vec((0..count).map(|i: usize| (i % 17) as f32 * 0.125 - 1.0).collect::<Vec<f32>>(), shape)
}
