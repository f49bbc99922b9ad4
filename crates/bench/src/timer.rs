//! Timing.

use std::time::{Duration, Instant};

use cornet_error::Result;
use cornet_runtime::Concrete;
use cornet_tensor::Array;

/// A figure is the best round within this time.
const TIME_A_FIGURE: Duration = Duration::from_millis(400);
/// Rounds below this are repeated within one measurement, since the clock is not that fine.
const ROUND_MIN_S: f64 = 200e-6;

/// Seconds of the fastest run of a compiled function, its memory laid out before.
pub fn fastest_run(function: &Concrete, arguments: &[&Array]) -> Result<f64> {
    let mut results = Vec::new();
    function.run(arguments, &mut results)?;
    let start = Instant::now();
    function.run(arguments, &mut results)?;
    let repeats = (ROUND_MIN_S / start.elapsed().as_secs_f64()).ceil().clamp(1.0, 10_000.0) as u32;
    let (begin, mut best) = (Instant::now(), f64::MAX);
    while begin.elapsed() < TIME_A_FIGURE {
        let round = Instant::now();
        for _ in 0..repeats {
            function.run(arguments, &mut results)?;
        }
        best = best.min(round.elapsed().as_secs_f64() / f64::from(repeats));
    }
    Ok(best)
}

/// An array of that shape with small values, the same at every call.
pub fn values(shape: &[usize]) -> Result<Array> {
    let count = shape.iter().product();
    Array::from_vec((0..count).map(|i: usize| (i % 17) as f32 * 0.125 - 1.0).collect::<Vec<f32>>(), shape)
}
