//! Short-time Fourier transforms.

use std::f64::consts::TAU;

use crate::core::prelude::*;

/// What each frame of a signal is multiplied by.
#[derive(Clone, Debug, Default)]
pub enum Window {
    /// Nothing.
    Rectangular,
    /// 0.5 - 0.5 · cos(2πi / n).
    #[default]
    Hann,
    /// 0.54 - 0.46 · cos(2πi / n).
    Hamming,
    /// These numbers.
    Custom(Tensor),
}

/// Arguments of [`Tensor::stft`] and [`Tensor::istft`].
#[derive(Clone, Debug)]
pub struct StftOptions {
    /// Samples of a frame.
    pub sequence_length: usize,
    /// Samples from one frame to the next.
    pub sequence_stride: usize,
    /// Samples of a transform; frames are centred in it among zeros.
    pub fft_length: usize,
    /// What frames are multiplied by.
    pub window: Window,
    /// Whether half a transform is reflected at either end of the signal, so that frame i is centred at i · stride.
    pub center: bool,
}

impl StftOptions {
    /// A Hann window, centred, as Keras's defaults are.
    pub fn new(sequence_length: usize, sequence_stride: usize, fft_length: usize) -> Self {
        Self { sequence_length, sequence_stride, fft_length, window: Window::Hann, center: true }
    }

    fn check(&self) -> Result<()> {
        if self.sequence_length == 0 || self.sequence_stride == 0 {
            fail!(InvalidArgument, "sequence_length and sequence_stride: expected at least 1, found 0");
        }
        if self.fft_length < self.sequence_length {
            let (found, least) = (self.fft_length, self.sequence_length);
            fail!(InvalidArgument, "fft_length: expected at least {least} (sequence_length), found {found}");
        }
        Ok(())
    }

    /// The window among zeros.
    fn window(&self) -> Result<Option<Tensor>> {
        let n = self.sequence_length;
        let raised = |a: f64| {
            let one = |i: usize| a - (1.0 - a) * (TAU * i as f64 / n as f64).cos();
            let values: Vec<f32> = (0..n).map(|i| if n == 1 { 1.0 } else { one(i) as f32 }).collect();
            Tensor::from_slice(&values, [n])
        };
        let window = match &self.window {
            Window::Rectangular => return Ok(None),
            Window::Hann => raised(0.5),
            Window::Hamming => raised(0.54),
            Window::Custom(w) if *w.shape()? == [n] => w.cast(DType::F32),
            Window::Custom(w) => fail!(ShapeMismatch, "window: expected [{n}], found {}", w.shape()?),
        };
        let before = (self.fft_length - n) / 2;
        Ok(Some(window.pad(&[(before, self.fft_length - n - before)])))
    }
}

/// Sums frames `[…, count, size]` laid every `stride` samples.
fn overlap_add(frames: &Tensor, stride: usize) -> Result<Tensor> {
    let shape = frames.shape()?;
    let rank = shape.rank();
    let (count, size) = (shape[rank - 2], shape[rank - 1]);
    let parts = size.div_ceil(stride);
    let lead = &shape[..rank - 2];
    let widths = |axis: usize, low: usize, high: usize, rank: usize| {
        let mut widths = vec![(0, 0); rank];
        widths[axis] = (low, high);
        widths
    };
    // Part s of frame i is added at block i + s.
    let whole = frames.pad(&widths(rank - 1, 0, parts * stride - size, rank));
    let whole = whole.reshape([lead, &[count, parts, stride]].concat());
    let mut sum: Option<Tensor> = None;
    for s in 0..parts {
        let part = whole.slice_axis(rank as isize - 1, s, 1).reshape([lead, &[count, stride]].concat());
        let placed = part.pad(&widths(rank - 2, s, parts - 1 - s, rank));
        sum = Some(sum.map_or(placed.clone(), |held| held + placed));
    }
    let Some(sum) = sum else { fail!(DimMismatch, "frames: expected at least 1 sample, found 0") };
    let blocks = (count + parts - 1) * stride;
    Ok(sum.reshape([lead, &[blocks]].concat()).slice_axis(-1, 0, (count - 1) * stride + size))
}

impl Tensor {
    /// Runs of `length` elements of the last axis, every `stride` elements. What is left at the end is dropped.
    ///
    /// # Shapes
    /// `[…, n]` gives `[…, runs, length]`.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let x = Tensor::of([1, 2, 3, 4, 5, 6]);
    /// assert_eq!(x.extract_sequences(3, 2).to_vec::<i32>()?, [1, 2, 3, 3, 4, 5]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalid_argument` for a length or stride of zero; `rank_mismatch` for a scalar.
    ///
    /// # Source
    /// Keras 3 `keras.ops.extract_sequences`.
    #[track_caller]
    pub fn extract_sequences(&self, length: usize, stride: usize) -> Tensor {
        Tensor::lift(|| {
            if length == 0 || stride == 0 {
                fail!(InvalidArgument, "length and stride: expected at least 1, found {length} and {stride}");
            }
            let Some(&n) = self.shape()?.last() else { fail!(RankMismatch, "expected at least 1 axis, found 0") };
            let count = if n < length { 0 } else { (n - length) / stride + 1 };
            let at: Vec<i32> = (0..count * length).map(|i| (i / length * stride + i % length) as i32).collect();
            Ok(self.take(&Tensor::from_slice(&at, [count, length]), -1))
        })
    }

    /// The Fourier transforms of overlapping frames of a signal, as real and imaginary parts.
    ///
    /// # Shapes
    /// `[…, samples]` gives `[…, frames, fft_length / 2 + 1]`.
    ///
    /// # Errors
    /// `dtype_mismatch` unless float32; `dim_mismatch` for a signal shorter than a transform; `invalid_argument` for
    /// options that do not fit each other.
    ///
    /// # Source
    /// Keras 3 `keras.ops.stft`.
    #[track_caller]
    pub fn stft(&self, options: &StftOptions) -> (Tensor, Tensor) {
        super::parts::split(|| {
            options.check()?;
            let (size, stride) = (options.fft_length, options.sequence_stride);
            let mut x = self.clone();
            if x.dtype()? != DType::F32 {
                fail!(DtypeMismatch, "signal: expected float32, found {}", x.dtype()?);
            }
            if options.center {
                let mut widths = vec![(0, 0); x.rank()?];
                if let Some(last) = widths.last_mut() {
                    *last = (size / 2, size / 2);
                }
                x = x.pad_mode(&widths, crate::shape::PadMode::Reflect);
            }
            let shape = x.shape()?;
            let samples = shape.last().copied().unwrap_or(0);
            if samples < size {
                fail!(DimMismatch, "signal: expected at least {size} samples, found {samples}");
            }
            let mut frames = x.extract_sequences(size, stride);
            if let Some(window) = options.window()? {
                frames = frames * window;
            }
            frames.rfft_complex(None)
        })
    }

    /// The signal of `length` samples (all, if not given) whose short-time Fourier transform `self` + i · `imag` is:
    /// frames are windowed once more, overlapped, and divided by what the windows sum to.
    ///
    /// # Shapes
    /// `[…, frames, fft_length / 2 + 1]` gives `[…, samples]`.
    ///
    /// # Errors
    /// As [`Tensor::stft`]; `rank_mismatch` below 2 axes.
    ///
    /// # Source
    /// Keras 3 `keras.ops.istft`.
    #[track_caller]
    pub fn istft(&self, imag: &Tensor, options: &StftOptions, length: Option<usize>) -> Tensor {
        Tensor::lift(|| {
            options.check()?;
            let (size, stride) = (options.fft_length, options.sequence_stride);
            let shape = self.shape()?;
            if shape.rank() < 2 || shape[shape.rank() - 2] == 0 {
                fail!(RankMismatch, "expected [frames, frequencies] with at least 1 frame, found {shape}");
            }
            let mut frames = self.irfft(imag, Some(size));
            if let Some(window) = options.window()? {
                let parts = size.div_ceil(stride);
                let squares = window.square().pad(&[(0, parts * stride - size)]).reshape([parts, stride]);
                let sums = squares.sum(&[0], true).broadcast_to([parts, stride]).reshape([parts * stride]);
                frames = frames * (window / sums.slice_axis(0, 0, size));
            }
            let signal = overlap_add(&frames, stride)?;
            let samples = signal.shape()?.last().copied().unwrap_or(0);
            let start = if options.center { size / 2 } else { 0 };
            let end = match length {
                Some(n) => (start + n).min(samples),
                None if options.center => samples - size / 2,
                None => samples,
            };
            Ok(signal.slice_axis(-1, start.min(end), end.saturating_sub(start)))
        })
    }
}
