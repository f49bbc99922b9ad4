//! Fourier transforms and spectrograms.

use cornet_ops::Tensor;
use cornet_ops::fft::{StftOptions, Window};

use crate::support::{close, close_with_gradients, ramp};

const TIGHT: f64 = 3e-6;

fn both(name: &str, (re, im): (Tensor, Tensor)) {
    close(&format!("{name}.0"), &re, TIGHT);
    close(&format!("{name}.1"), &im, TIGHT);
}

fn parts() -> (Tensor, Tensor) {
    (ramp([2, 4, 6], 1), ramp([2, 4, 6], 2))
}

#[test]
fn transforms() {
    let (re, im) = parts();
    both("fft", re.fft(&im));
    both("fft2", re.fft2(&im));
    both("ifft2", re.ifft2(&im));
    both("rfft", re.rfft(None));
    both("rfft.cut", re.rfft(Some(4)));
    both("rfft.filled", re.rfft(Some(9)));
    close("irfft", &re.irfft(&im, None), TIGHT);
    close("irfft.odd", &re.irfft(&im, Some(7)), TIGHT);
    close("irfft.filled", &re.irfft(&im, Some(16)), TIGHT);
}

#[test]
fn gradients() {
    let (re, im) = parts();
    close_with_gradients("rfft.sum", &[&re], TIGHT, |x| x[0].rfft(None).0 + x[0].rfft(None).1 * 2.0);
    close_with_gradients("irfft.sum", &[&re, &im], TIGHT, |x| x[0].irfft(x[1], None));
}

#[test]
fn spectrograms() {
    let x = ramp([2, 40], 3);
    let hann = StftOptions::new(8, 4, 10);
    both("stft", x.stft(&hann));
    let hamming = StftOptions { window: Window::Hamming, center: false, ..StftOptions::new(8, 3, 8) };
    both("stft.hamming", x.stft(&hamming));
    both("stft.rectangular", x.stft(&StftOptions { window: Window::Rectangular, ..StftOptions::new(6, 3, 8) }));
    close_with_gradients("stft.sum", &[&x], TIGHT, |x| x[0].stft(&hann).0 - x[0].stft(&hann).1);
    let (re, im) = x.stft(&hann);
    close("istft", &re.istft(&im, &hann, None), TIGHT);
    close("istft.length", &re.istft(&im, &hann, Some(30)), TIGHT);
    let hamming = StftOptions { window: Window::Hamming, center: false, ..StftOptions::new(6, 4, 10) };
    let (re, im) = x.stft(&hamming);
    close("istft.hamming", &re.istft(&im, &hamming, None), TIGHT);
    let error = x.stft(&StftOptions::new(8, 4, 7)).0.array().unwrap_err();
    assert_eq!(error.code().word(), "invalid_argument");
}
