//! Keras's transforms of (real, imaginary) pairs.

use crate::core::prelude::*;

/// A complex tensor of two real ones.
fn join(real: &Tensor, imag: &Tensor) -> Result<Tensor> {
    for (name, part) in [("real part", real), ("imaginary part", imag)] {
        let dtype = part.dtype()?;
        if dtype == DType::F64 || dtype.is_complex() {
            return Err(err!(DtypeMismatch, "{name}: expected float32, found {dtype}")
                .help("complex numbers are complex64; cast to float32"));
        }
    }
    if real.shape()? != imag.shape()? {
        fail!(ShapeMismatch, "imaginary part: expected {}, found {}", real.shape()?, imag.shape()?);
    }
    Ok(real.cast(DType::F32).complex(imag.cast(DType::F32)))
}

/// Real and imaginary parts; an error goes to both.
#[track_caller]
pub(super) fn split(make: impl FnOnce() -> Result<Tensor>) -> (Tensor, Tensor) {
    let z = Tensor::lift(make);
    (z.real(), z.imag())
}

/// The last axis cut or filled with zeros to `size`.
fn fit(x: &Tensor, size: usize) -> Result<Tensor> {
    let shape = x.shape()?;
    let Some(&n) = shape.last() else { fail!(RankMismatch, "expected at least 1 axis, found 0") };
    if n >= size {
        return Ok(x.slice_axis(-1, 0, size));
    }
    let mut widths = vec![(0, 0); shape.rank()];
    widths[shape.rank() - 1].1 = size - n;
    Ok(x.pad(&widths))
}

fn both_axes(z: &Tensor, inverse: bool) -> Result<Tensor> {
    if z.rank()? < 2 {
        fail!(RankMismatch, "expected at least 2 axes, found {}", z.rank()?);
    }
    Ok(z.fft_complex(inverse).swap_last().fft_complex(inverse).swap_last())
}

impl Tensor {
    /// The Fourier transform over the last axis of `self` + i · `imag`, as real and imaginary parts.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let (re, im) = Tensor::of([1.0_f32, 2.0]).fft(&Tensor::of([0.0_f32, 0.0]));
    /// assert_eq!((re.to_vec::<f32>()?, im.to_vec::<f32>()?), (vec![3.0, -1.0], vec![0.0, 0.0]));
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `shape_mismatch` unless both parts have one shape; `dtype_mismatch` for float64.
    #[track_caller]
    pub fn fft(&self, imag: &Tensor) -> (Tensor, Tensor) {
        split(|| Ok(join(self, imag)?.fft_complex(false)))
    }

    /// The inverse Fourier transform over the last axis.
    ///
    /// # Errors
    /// As [`Tensor::fft`].
    #[track_caller]
    pub fn ifft(&self, imag: &Tensor) -> (Tensor, Tensor) {
        split(|| Ok(join(self, imag)?.fft_complex(true)))
    }

    /// The Fourier transform over the last two axes.
    ///
    /// # Errors
    /// As [`Tensor::fft`]; `rank_mismatch` below 2 axes.
    #[track_caller]
    pub fn fft2(&self, imag: &Tensor) -> (Tensor, Tensor) {
        split(|| both_axes(&join(self, imag)?, false))
    }

    /// The inverse Fourier transform over the last two axes.
    ///
    /// # Errors
    /// As [`Tensor::fft2`].
    #[track_caller]
    pub fn ifft2(&self, imag: &Tensor) -> (Tensor, Tensor) {
        split(|| both_axes(&join(self, imag)?, true))
    }

    /// The first half of the Fourier transform over the last axis of a real signal, which is cut or filled with zeros
    /// to `fft_length` first.
    ///
    /// # Shapes
    /// `[…, n]` gives `[…, n / 2 + 1]`.
    ///
    /// # Errors
    /// `dtype_mismatch` for float64; `dim_mismatch` for a signal of no samples.
    #[track_caller]
    pub fn rfft(&self, fft_length: Option<usize>) -> (Tensor, Tensor) {
        split(|| self.rfft_complex(fft_length))
    }

    pub(super) fn rfft_complex(&self, fft_length: Option<usize>) -> Result<Tensor> {
        let x = if self.dtype()? == DType::F64 { self.clone() } else { self.cast(DType::F32) };
        let x = match fft_length {
            Some(n) => fit(&x, n)?,
            None => x,
        };
        Ok(call1(&super::rfft::OP, &[&x], Attrs::default()))
    }

    /// The real signal of `fft_length` samples (by default twice the elements given, less 2) whose transform starts
    /// with `self` + i · `imag`, cut or filled with zeros.
    ///
    /// # Errors
    /// As [`Tensor::fft`].
    #[track_caller]
    pub fn irfft(&self, imag: &Tensor, fft_length: Option<usize>) -> Tensor {
        Tensor::lift(|| {
            let z = join(self, imag)?;
            let Some(&half) = z.shape()?.last() else { fail!(RankMismatch, "expected at least 1 axis, found 0") };
            let n = fft_length.unwrap_or(2 * half.max(1) - 2);
            Ok(call1(&super::irfft::OP, &[&fit(&z, n / 2 + 1)?], attrs! { length: n }))
        })
    }
}
