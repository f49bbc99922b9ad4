//! Fourier transforms, in Keras's form of real and imaginary parts, and spectrograms.

mod parts;
mod spectrogram;

pub use spectrogram::{StftOptions, Window};

family! {
    fft
    irfft
    rfft
}

use std::cell::RefCell;

use num_complex::Complex64;

use cornet_tensor::{Result, err};

use crate::core::op::Call;

/// Transforms every run of `size` numbers; the inverse is scaled by 1 / size.
pub(crate) fn transform(values: &mut [Complex64], size: usize, inverse: bool) {
    thread_local! {
        static PLANNER: RefCell<rustfft::FftPlanner<f64>> = RefCell::new(rustfft::FftPlanner::new());
    }
    if size == 0 || values.is_empty() {
        return;
    }
    let plan = PLANNER.with_borrow_mut(|p| if inverse { p.plan_fft_inverse(size) } else { p.plan_fft_forward(size) });
    plan.process(values);
    if inverse {
        values.iter_mut().for_each(|v| *v /= size as f64);
    }
}

/// The size of the last axis of input 0.
///
/// # Errors
/// `rank_mismatch` for a scalar.
pub(crate) fn last_axis(call: &Call<'_>) -> Result<usize> {
    call.shape(0).last().copied().ok_or_else(|| err!(RankMismatch, "expected at least 1 axis, found 0"))
}
